import PushCore

/// `sendmsg` and `batchsendmsg` (documents 269-2282, 269-1612).
struct TencentSending: Sendable {
    let messaging: Messaging
    let conversations: Conversations

    private static let receiversMax = 500

    @Sendable func send(_ call: TencentCall) async throws -> TencentFields {
        let to = try TencentSides.user(try call.requiredString("To_Account", orThrow: 90003), "To_Account")
        let outgoing = try TencentOutgoing(of: call)
        let message = try outgoing.sending(call)
        let control = Set(try call.strings("ForbidCallbackControl", max: 20) ?? [])
        let from = try await TencentSides(call: call, conversations: conversations).sender()
        var options = SendOptions()
        options.numbers = outgoing.numbers
        options.asksBeforeSend = !control.contains("ForbidBeforeSendMsgCallback")
        options.isReported = !control.contains("ForbidAfterSendMsgCallback")
        let body = message.adding { writer in
            writer.member("from", ifPresent: from)
            writer.member("to", to)
        }
        do {
            let acceptance = try await messaging.send(body, as: call.principal, options: options)
            return { writer in
                writer.member("MsgTime", ifPresent: acceptance.numbers?.seconds)
                writer.member("MsgKey", ifPresent: acceptance.aliases?.msgKey)
                writer.member("MsgId", ifPresent: acceptance.aliases?.msgID)
            }
        } catch let error as GatewayError {
            throw Self.refusal(error)
        }
    }

    /// One message for each receiver, all under one `MsgKey`. Who is not there stands in `ErrorList`.
    @Sendable func sendBatch(_ call: TencentCall) async throws -> TencentFields {
        let receivers = try Self.receivers(of: call)
        let outgoing = try TencentOutgoing(of: call)
        let message = try outgoing.sending(call)
        let from = try await TencentSides(call: call, conversations: conversations).sender()
        do {
            let outcome = try await messaging.sendCopies(
                of: message.adding { $0.member("from", ifPresent: from) }, to: receivers.map { "user:" + $0 },
                as: call.principal, numbers: outgoing.numbers)
            let failed = zip(receivers, outcome.results).compactMap { receiver, result in
                if case .failure(let error) = result { (receiver, Self.itemCode(of: error)) } else { nil }
            }
            return { writer in
                writer.member("MsgKey", ifPresent: outcome.aliases?.msgKey)
                writer.member("MsgId", ifPresent: outcome.aliases?.msgID)
                if !failed.isEmpty { writer.tencentErrors(failed, named: "To_Account") }
            }
        } catch let error as GatewayError {
            throw error.code == .tooLarge ? TencentError(90055, error.detail) : Self.refusal(error)
        }
    }

    /// Each once, in their order.
    private static func receivers(of call: TencentCall) throws(TencentError) -> [String] {
        guard let value = call.value("To_Account") else { throw TencentError(90003, "To_Account is missing.") }
        guard let list = value.array else { throw TencentError(90028, "To_Account is not an array.") }
        guard !list.isEmpty else { throw TencentError(90029, "To_Account is empty.") }
        guard list.count <= receiversMax else {
            throw TencentError(90011, "To_Account has more than \(receiversMax) accounts.")
        }
        var seen: Set<String> = []
        var names: [String] = []
        for element in list {
            guard let name = element.string else { throw TencentError(90003, "To_Account is not an array of strings.") }
            if seen.insert(name).inserted { names.append(name) }
        }
        return names
    }

    private static func itemCode(of error: GatewayError) -> Int {
        switch error.code {
        case .recipientNotFound, .invalidRequest: TencentError.accountNotThere.code
        default: TencentService.messages.error(of: error).code
        }
    }

    /// What the native API found in fields that it checks better.
    static func refusal(_ error: GatewayError) -> any Error {
        guard error.code == .invalidRequest, let pointer = error.errors.first?.pointer else { return error }
        if pointer.hasPrefix("/push") { return TencentError(90043, "OfflinePushInfo: \(error.detail)") }
        if pointer.hasPrefix("/timestamp") { return TencentError(90006, "MsgTimeStamp: \(error.detail)") }
        return error
    }
}

extension JSONWriter {
    /// An `ErrorList`.
    mutating func tencentErrors(_ errors: [(name: String, code: Int)], named key: String) {
        array("ErrorList") { writer in
            for error in errors {
                writer.object { writer in
                    writer.member(key, error.name)
                    writer.member("ErrorCode", error.code)
                }
            }
        }
    }
}
