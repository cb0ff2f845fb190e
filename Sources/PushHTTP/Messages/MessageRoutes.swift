import PushCore

/// `/v1/messages`.
struct MessageRoutes: Sendable {
    let messaging: Messaging
    let receipts: Receipts
    let limits: Limits

    func send(_ call: Call, _ principal: Principal) async throws -> Answer {
        let acceptance = try await messaging.send(try await call.body(), as: principal)
        return .json(acceptance.json, status: acceptance.isJob ? .accepted : .ok)
    }

    func sendBatch(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await messaging.sendBatch(try await call.body(), as: principal).json)
    }

    func sync(_ call: Call, _ principal: Principal) async throws -> Answer {
        let device = try principal.device()
        let request = try Messaging.SyncRequest(
            after: call.query["after"], broadcastAfter: call.query["broadcastAfter"], limit: call.query["limit"],
            limits: limits)
        return .json(try await messaging.sync(request, as: device))
    }

    func acknowledge(_ call: Call, _ principal: Principal) async throws -> Answer {
        let device = try principal.device()
        return .json(try await receipts.acknowledge(try await call.body(), as: device).json)
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await messaging.read(id: try call.parameter("id"), as: principal))
    }

    func lookUp(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await messaging.lookUp(key: call.query["key"], as: principal))
    }
}
