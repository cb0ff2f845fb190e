/// The operations of devices over MQTT (contract, section 5): from the payload of `up/{deviceId}/{op}` to the payload
/// of the reply on `device/{deviceId}`. The broker's plugin has made sure that the device in the topic is the sender.
public struct UplinkRequests: Sendable {
    private let authenticator: Authenticator
    private let messaging: Messaging
    private let conversations: Conversations
    private let changes: MessageChanges
    private let receipts: Receipts
    private let registry: DeviceRegistry
    private let presence: PresenceBook
    private let rates: RateLimits
    private let limits: Limits

    public init(
        authenticator: Authenticator, messaging: Messaging, conversations: Conversations, changes: MessageChanges,
        receipts: Receipts, registry: DeviceRegistry, presence: PresenceBook, rates: RateLimits, limits: Limits
    ) {
        self.authenticator = authenticator
        self.messaging = messaging
        self.conversations = conversations
        self.changes = changes
        self.receipts = receipts
        self.registry = registry
        self.presence = presence
        self.rates = rates
        self.limits = limits
    }

    /// One request as it arrived.
    public struct Request: Sendable {
        public let deviceID: String
        public let operation: String
        public let payload: [UInt8]

        public init(deviceID: String, operation: String, payload: [UInt8]) {
            self.deviceID = deviceID
            self.operation = operation
            self.payload = payload
        }
    }

    /// What to send back, and what remains to be done when it has been sent.
    public struct Reply: Sendable {
        /// nil when the request asked for no reply.
        public let payload: [UInt8]?
        /// Ends the session of a device that has just deregistered itself: its reply goes out first.
        public let afterwards: (@Sendable () async -> Void)?
    }

    /// Runs a request.
    ///
    /// - Parameter isCorrelated: the client gave MQTT 5 correlation data and so wants a reply without a `requestId`.
    public func reply(to request: Request, isCorrelated: Bool) async -> Reply {
        var requestID: RawJSON?
        // Garbage is answered although it asks for nothing, so that whoever writes a client sees what is wrong.
        var wantsReply = true
        do {
            let body = try Self.body(of: request.payload)
            requestID = body.object?["requestId"]
            wantsReply = requestID != nil || isCorrelated
            let device = try await authenticator.device(id: request.deviceID)
            if !Self.unlimited.contains(request.operation) { try rates.require(.device(device)) }
            let result = try await run(request.operation, body, as: device)
            var afterwards: (@Sendable () async -> Void)?
            if request.operation == "deregister" {
                afterwards = { [registry] in await registry.finishDeregistration(device) }
            }
            guard wantsReply else { return Reply(payload: nil, afterwards: afterwards) }
            let payload = Self.envelope(requestID, request.operation) { writer in
                writer.member("ok", true)
                writer.member("result", result)
            }
            return Reply(payload: payload, afterwards: afterwards)
        } catch {
            guard wantsReply else { return Reply(payload: nil, afterwards: nil) }
            let refusal = (error as? GatewayError) ?? GatewayError(.internalError, "The gateway failed; ask again.")
            return Reply(
                payload: Self.refusal(refusal, requestID: requestID, operation: request.operation), afterwards: nil)
        }
    }

    /// The reply to a request that was not run.
    public static func refusal(_ error: GatewayError, requestID: RawJSON?, operation: String) -> [UInt8] {
        envelope(requestID, operation) { writer in
            writer.member("ok", false)
            writer.object("error") { writer in
                writer.member("code", error.publicCode)
                writer.member("title", error.code.title)
                writer.member("detail", error.detail)
                if !error.errors.isEmpty {
                    writer.array("errors") { writer in
                        for fault in error.errors {
                            writer.object { writer in
                                writer.member("pointer", fault.pointer)
                                writer.member("detail", fault.detail)
                            }
                        }
                    }
                }
            }
        }
    }

    private static func envelope(
        _ requestID: RawJSON?, _ operation: String, _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("requestId", ifPresent: requestID)
            writer.member("op", operation)
            body(&writer)
        }
    }

    /// An empty payload is an empty request: some operations need nothing.
    private static func body(of payload: [UInt8]) throws(GatewayError) -> RawJSON {
        guard !payload.isEmpty else { return .emptyObject }
        let body: RawJSON
        do throws(JSONFault) {
            body = try RawJSON(parsing: payload)
        } catch {
            throw GatewayError(.invalidRequest, "The payload is not JSON: \(error.reason) at byte \(error.offset).")
        }
        guard let object = body.object else { throw .invalid("", "The payload must be a JSON object.") }
        // Any string or number up to a fair size is handed back as it came.
        if let id = object["requestId"], ![.string, .number].contains(id.kind) || id.bytes.count > 256 {
            throw .invalid("/requestId", "Expected a text or a number of at most 256 bytes.")
        }
        return body
    }

    /// What costs no token. An acknowledgement belongs to a message that the gateway chose to send, and a device that
    /// gets a thousand a second is right to confirm them; they are cumulative, and at most a lane's worth waits.
    private static let unlimited: Set<String> = ["ack", "state"]

    /// What a page may have, beside the envelope of its reply.
    private var pageBytesMax: Int { limits.mqttPageBytesMax - 1024 }

    private func run(_ operation: String, _ body: RawJSON, as device: DeviceIdentity) async throws -> RawJSON {
        let limits = limits.effective(for: device.tenant)
        guard body.bytes.count <= limits.requestBytesMax else {
            throw GatewayError(.tooLarge, "The request is larger than \(limits.requestBytesMax) bytes.")
        }
        switch operation {
        case "send": return try await messaging.send(body, as: .device(device)).json
        case "batch":
            return try await messaging.sendBatch(body, as: .device(device)).json(
                bytesMax: limits.mqttPageBytesMax - 1024)
        case "ack": return try await receipts.acknowledge(body, as: device).json
        case "sync":
            let request = try Messaging.SyncRequest(parsing: body, limits: limits)
            return try await messaging.sync(
                request, as: device, bytesMax: pageBytesMax,
                withBroadcast: request.broadcastAfter != nil)
        case "update": return try await changes.update(try Self.messageID(body), body, as: .device(device))
        case "revoke": return try await changes.revoke(try Self.messageID(body), body, as: .device(device))
        case "burn": return try await changes.burn(try Self.messageID(body), body, as: .device(device))
        case "history":
            let page = try HistoryRequest(parsing: body, limits: limits)
            return try await conversations.history(page, as: .device(device), bytesMax: pageBytesMax)
        case "read": return try await conversations.read(body, as: .device(device))
        case "unread":
            let request = try UnreadRequest(parsing: body)
            return try await conversations.unread(request, as: .device(device), bytesMax: pageBytesMax)
        case "push": return try await registry.setPush(device, body)
        case "state": return try setState(device, body)
        case "deregister":
            try await registry.beginDeregistration(device)
            return .emptyObject
        default: throw GatewayError(.invalidRequest, "There is no operation \(operation).")
        }
    }

    /// What is in the path over HTTP.
    private static func messageID(_ body: RawJSON) throws(GatewayError) -> String {
        var reader = try BodyReader(parsing: body)
        let id = reader.required("id", reader.string("id"))
        try reader.finish()
        return id ?? ""
    }

    private func setState(_ device: DeviceIdentity, _ body: RawJSON) throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let app = reader.required("app", reader.string("app") { ["foreground", "background"].contains($0) })
        try reader.finish()
        presence.setBackground(app == "background", deviceID: device.deviceID)
        return .object { $0.member("app", app ?? "foreground") }
    }
}
