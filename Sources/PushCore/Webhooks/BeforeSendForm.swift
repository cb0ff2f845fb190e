/// `message.before_send` in the form of Standard Webhooks, and the answers to it (contract, section 9; details, to 9).
enum BeforeSendForm {
    static func body(_ question: MessageQuestion, now: Milliseconds) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("type", "message.before_send")
            writer.member("timestamp", now.iso8601)
            writer.object("data") { data in
                data.member(
                    "message", Messaging.original(question.message, for: nil, isBurned: false, now: now))
                data.member("fromUserId", ifPresent: question.sender)
                data.member("toUserId", ifPresent: question.receiver)
            }
        }
    }

    /// nil for what is no answer.
    static func verdict(_ body: [UInt8]) -> BeforeSendVerdict? {
        guard let object = (try? RawJSON(parsing: body))?.object else { return nil }
        switch object["action"]?.string {
        case "allow": return .allow
        case "drop": return .drop
        case "replace":
            guard let content = object["content"], content.kind == .object else { return nil }
            return .replace(type: nil, content: content)
        case "deny":
            return .deny(
                GatewayError.Denial(code: object["code"].flatMap(code)),
                reason: object["reason"]?.string ?? "The tenant's service has refused the message.")
        default: return nil
        }
    }

    /// A code as callers can program against it: 1-64 of the id alphabet. Another one is left out.
    private static func code(_ value: RawJSON) -> String? {
        guard let text = value.string ?? value.integer.map({ String($0) }), IDRules.isID(text) else { return nil }
        return text
    }
}
