import PushGateClient
import TestWaiting

/// Operations at the real doors.
extension ModelDriver {
    func perform(_ operation: Operation) async throws -> JSONValue {
        switch operation.action {
        case .register(let user, let code): return try await register(user, code)
        case .restart(let kind):
            try await restart(kind)
            return .null
        case .connect, .disconnect:
            guard case .device(let index) = operation.caller else { return .null }
            return try await changeConnection(index, operation.action)
        default: break
        }
        if operation.door == .mqtt, case .device(let index) = operation.caller, let device = live[index] {
            return try await device.client.request(operation.action.mqttName, operation.action.mqttBody)
        }
        return try await overHTTP(operation)
    }

    func api(_ caller: Operation.Caller) -> GatewayAPI {
        var api: GatewayAPI
        switch caller {
        case .app: api = story.app
        case .foreignApp: api = foreignApp
        case .device(let index): api = sessions[index].map(story.api) ?? story.api
        }
        // A busy machine is slow, and an operation must not be done twice.
        api.timeout = .seconds(60)
        return api
    }

    private func overHTTP(_ operation: Operation) async throws -> JSONValue {
        let api = api(operation.caller)
        switch operation.action {
        case .send(let message) where operation.door == .batch: return try await sendInBatch(message, api)
        case .send(let message): return try await api.call(.post, ["v1", "messages"], body: message.json).json()
        case .acknowledge(let seq): return try await api.acknowledge(seq: seq)
        case .read(let peer, let seq, let account):
            return try await api.call(
                .post, ["v1", "conversations", peer, "read"], query: ["account": account],
                body: .object(["seq": seq.map { JSONValue($0) }])
            ).json()
        case .revoke(let id): return try await api.revokeMessage(id)
        case .burn(let id): return try await api.burnMessage(id)
        case .update(let id, let content, let timestamp):
            return try await api.call(
                .post, ["v1", "messages", id, "update"],
                body: .object(["content": content, "timestamp": timestamp.map { JSONValue($0) }])
            ).json()
        case .createGroup(let id, let users):
            return try await api.call(.post, ["v1", "groups"], body: ["groupId": .string(id), "users": users.json])
                .json()
        case .join(let id, let users):
            return try await api.call(.put, ["v1", "groups", id, "members"], body: ["users": users.json]).json()
        case .leave(let id, let users):
            return try await api.call(.delete, ["v1", "groups", id, "members"], body: ["users": users.json]).json()
        case .deleteGroup(let id): return try await api.call(.delete, ["v1", "groups", id]).json()
        case .tag(let tag, let users):
            return try await api.call(.put, ["v1", "tags", tag, "members"], body: ["users": users.json]).json()
        case .untag(let tag, let users):
            return try await api.call(.delete, ["v1", "tags", tag, "members"], body: ["users": users.json]).json()
        case .deregister:
            return try await api.call(.delete, ["v1", "devices", "me"]).json()
        case .register, .connect, .disconnect, .restart: return .null
        }
    }

    private func sendInBatch(_ message: OutgoingMessage, _ api: GatewayAPI) async throws -> JSONValue {
        let results = try await api.send([message])
        guard let result = results.first, results.count == 1, let status = result["status"]?.integer else {
            throw ModelMismatch("one message in a batch was answered with \(results)")
        }
        guard status >= 300 else { return result }
        throw GatewayProblem(
            status: Int(status), code: result["code"]?.string ?? "none", detail: result["detail"]?.string ?? "")
    }

    private func register(_ user: String, _ code: String) async throws -> JSONValue {
        let registration = DeviceRegistration(uniqueCode: code, userID: user, osType: .android)
        let signature = try story.signature(user)
        var api = story.api
        api.timeout = .seconds(60)
        let session = try await api.register(registration, signature: signature)
        guard let index = model.devices.lastIndex(where: { $0.isActive && $0.code == code }) else {
            throw ModelMismatch("a device that the model does not have")
        }
        let isNew = model.devices[index].deviceID.isEmpty
        guard session.isNew == isNew else { throw ModelMismatch("isNew is \(session.isNew)") }
        if isNew, model.devices.contains(where: { $0.deviceID == session.deviceID }) {
            throw ModelMismatch("the id of a device that has ended came again")
        }
        sessions[index] = session
        return [
            "account": .string(session.account), "deviceId": .string(session.deviceID),
            "userId": .string(session.userID), "tenantNo": .string(session.tenantNo), "seq": JSONValue(session.seq),
        ]
    }

    private func changeConnection(_ index: Int, _ action: Operation.Action) async throws -> JSONValue {
        guard let session = sessions[index] else { return .null }
        if case .disconnect = action {
            guard let device = live.removeValue(forKey: index) else { return .null }
            compared[index] = nil
            let seq = device.client.acknowledgedSeq
            await device.client.disconnect()
            return ["seq": JSONValue(seq)]
        }
        let device = LiveDevice(session, loop: story.loop)
        live[index] = device
        compared[index] = 0
        try device.client.connect()
        try await eventually("\(session.deviceID) is connected", within: .seconds(30)) { device.client.isConnected }
        return .null
    }

    private func restart(_ kind: Operation.Restart) async throws {
        let connects = live.mapValues { $0.client.counters.connects }
        switch kind {
        case .terminated:
            guard try await story.gateway.terminate() == .exited(0) else {
                throw ModelMismatch("the gateway did not exit with 0")
            }
            try await story.gateway.start(client: story.client)
        case .killed:
            try await story.gateway.kill()
            try await story.gateway.start(client: story.client)
        case .brokerKilled:
            let before = story.gateway.brokers
            story.gateway.killBroker()
            try await eventually("there is a new broker", within: .seconds(30)) {
                let brokers = story.gateway.brokers
                return brokers.count == 1 && brokers != before
            }
        }
        for (index, device) in live {
            try await eventually("\(device.client.deviceID) is connected again", within: .seconds(30)) {
                device.client.isConnected && device.client.counters.connects > connects[index, default: 0]
            }
        }
    }
}

extension [String] {
    fileprivate var json: JSONValue { .array(map { .string($0) }) }
}

extension Operation.Action {
    /// `up/{deviceId}/{op}`.
    fileprivate var mqttName: String {
        switch self {
        case .acknowledge: "ack"
        default: kind
        }
    }

    fileprivate var mqttBody: JSONValue {
        switch self {
        case .send(let message): message.json
        case .acknowledge(let seq): ["seq": JSONValue(seq)]
        case .read(let peer, let seq, _): .object(["peer": .string(peer), "seq": seq.map { JSONValue($0) }])
        case .revoke(let id), .burn(let id): ["id": .string(id)]
        case .update(let id, let content, let timestamp):
            .object(["id": .string(id), "content": content, "timestamp": timestamp.map { JSONValue($0) }])
        default: [:]
        }
    }
}
