import PushCore

/// What Huawei's answers mean (developer.huawei.com: "Common Response Codes"; `reference/vendor-push.md` 4.3).
struct HuaweiReply {
    static let success = "80000000"
    static let partial = "80100000"
    static let allInvalid = "80300007"

    let reply: OutboundReply
    let code: String?
    let message: String
    private let requestID: String?

    init(_ reply: OutboundReply) {
        self.reply = reply
        let body = (try? RawJSON(parsing: reply.body))?.object
        code = body?["code"]?.codeText
        let msg = body?["msg"]
        message = msg?.string ?? (msg?.object == nil ? "" : msg?.text ?? "")
        requestID = body?["requestId"]?.codeText
    }

    private var isOK: Bool { (200..<300).contains(reply.status) }

    /// The access token has ended, or was never good.
    static func isRefusedLogin(_ reply: OutboundReply) -> Bool {
        switch HuaweiReply(reply).code {
        case "80200001", "80200003": true
        case let code? where HuaweiReply.answer(code: code, said: VendorReply(code: code), after: nil) != nil: false
        default: reply.status == 401 || reply.status == 403
        }
    }

    /// Whether the reference knows what this answer means.
    var isKnown: Bool {
        guard let code else { return !isOK }
        return [Self.success, Self.partial, Self.allInvalid].contains(code)
            || Self.answer(code: code, said: VendorReply(code: code), after: nil) != nil
    }

    /// An answer for each of the tokens, in their order.
    func answers(for tokens: [PushToken], now: Milliseconds) -> [VendorAnswer] {
        let all = { (answer: VendorAnswer) in Array(repeating: answer, count: tokens.count) }
        let after = RetryAfter.parse(reply.headers, now: now)
        let said = ReplyRules.reply(code: code ?? "\(reply.status)", text: shownMessage, hiding: tokens)
        switch code {
        case Self.success? where isOK: return all(.sent(vendorID: requestID))
        case Self.allInvalid?: return all(.dead(said, mayBeMisconfiguration: true))
        case Self.partial?:
            // Without the list nobody can tell which of them were refused.
            guard let illegal = illegalTokens else { return all(.unknown(said)) }
            return tokens.map { illegal.contains($0.token) ? .dead(said) : .sent(vendorID: requestID) }
        default: break
        }
        if let code, let answer = Self.answer(code: code, said: said, after: after) { return all(answer) }
        if isOK { return all(.unknown(said)) }
        // Huawei's flow control.
        if reply.status == 503 { return all(.slow(said, scope: .credential, after: after)) }
        return all(ReplyRules.answer(status: reply.status, reply: said, retryAfter: after))
    }

    static func answer(code: String, said: VendorReply, after: Duration?) -> VendorAnswer? {
        switch code {
        case "80100001", "80100002", "80100003", "80100004", "80100013", "80100016", "80300008", "80300010":
            .drop(said)
        case "80100017": .slow(said, scope: .credential, after: after)
        case "80100018", "80200001", "80200003", "80300002", "80300011", "80300013": .auth(said)
        case "80600003", "81000001": .retry(said, after: after)
        default: Int(code).flatMap { (82_000_001...82_000_013).contains($0) ? .drop(said) : nil }
        }
    }

    /// The refused tokens, from the JSON text that `msg` is for some codes.
    private var illegalTokens: Set<String>? {
        guard let list = details?["illegal_tokens"]?.array else { return nil }
        return Set(list.compactMap(\.string))
    }

    private var details: JSONObject? { (try? RawJSON(parsing: Array(message.utf8)))?.object }

    /// The words without the list of tokens, which may be other tokens' too.
    private var shownMessage: String {
        guard let details, details["illegal_tokens"] != nil else { return message }
        let bytes = JSONWriter.object { writer in
            for member in details.members where member.key != "illegal_tokens" {
                writer.member(member.key, member.value)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
