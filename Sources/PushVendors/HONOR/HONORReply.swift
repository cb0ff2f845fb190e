import PushCore

/// What HONOR's answers mean (`reference/vendor-push.md` 5). Only a few of its codes are certain; the others are read
/// as Huawei's, which HONOR's service comes from.
struct HONORReply {
    static let success = "200"
    static let partial = "80100000"

    /// Tries in all of a push that HONOR did not take without saying why.
    static let refusedTriesMax = 3
    /// Tries in all of a token that HONOR listed as failed.
    static let failedTriesMax = 2

    let reply: OutboundReply
    let code: String?
    private let message: String
    private let data: JSONObject?

    init(_ reply: OutboundReply) {
        self.reply = reply
        let body = (try? RawJSON(parsing: reply.body))?.object
        code = body?["code"]?.codeText
        message = body?["message"]?.string ?? ""
        data = body?["data"]?.object
    }

    private var isOK: Bool { (200..<300).contains(reply.status) }

    /// Codes that the reference is certain of.
    var isKnown: Bool {
        guard let code else { return !isOK }
        return code == Self.success && isOK || code == Self.partial
    }

    /// The access token has ended, or was never good.
    static func isRefusedLogin(_ reply: OutboundReply) -> Bool {
        let read = HONORReply(reply)
        switch read.code {
        case "80200001", "80200003": return true
        case partial?, "80300007"?: return false
        default: return reply.status == 401 || reply.status == 403
        }
    }

    /// An answer for each of the tokens, in their order.
    func answers(for tokens: [PushToken], now: Milliseconds) -> [VendorAnswer] {
        let after = RetryAfter.parse(reply.headers, now: now)
        let said = ReplyRules.reply(code: code ?? "\(reply.status)", text: message, hiding: tokens)
        let rest = answerForRest(said: said, after: after)
        guard code == Self.partial || code == Self.success && isOK else {
            return Array(repeating: rest, count: tokens.count)
        }
        // Whatever became of the others, these are dead.
        let dead = list("expireTokens")
        let failed = list("failTokens")
        return tokens.map { token in
            if dead.contains(token.token) { return .dead(said) }
            if failed.contains(token.token) { return .retry(said, after: after, triesMax: Self.failedTriesMax) }
            return rest
        }
    }

    /// What became of the tokens that are in no list.
    private func answerForRest(said: VendorReply, after: Duration?) -> VendorAnswer {
        switch code {
        case Self.success? where isOK:
            switch data?["sendResult"]?.flag {
            case true?: return .sent(vendorID: data?["requestId"]?.codeText)
            case false?: return .retry(said, after: after, triesMax: Self.refusedTriesMax)
            case nil: return .unknown(said)
            }
        case Self.partial?:
            // Without a list nobody can tell which of them failed.
            guard data?["expireTokens"]?.array != nil || data?["failTokens"]?.array != nil else {
                return .unknown(said)
            }
            return .sent(vendorID: data?["requestId"]?.codeText)
        case "80200001"?, "80200003"?: return .auth(said)
        case "80300007"?: return .dead(said)
        case let code? where code.count == 8 && code.hasPrefix("8010000"): return .drop(said)
        default: break
        }
        if isOK { return .unknown(said) }
        return ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
    }

    private func list(_ name: String) -> Set<String> { Set((data?[name]?.array ?? []).compactMap(\.string)) }
}
