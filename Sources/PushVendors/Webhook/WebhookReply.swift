import NIOHTTP1
import PushCore

/// What a receiver's answers mean (Standard Webhooks 1.0, "Deliverability and reliability"; `reference/vendor-push.md`
/// 11.1).
enum WebhookReply {
    static func answer(to reply: OutboundReply, token: PushToken, now: Milliseconds) -> VendorAnswer {
        let after = RetryAfter.parse(reply.headers, now: now)
        let said = ReplyRules.reply(code: "\(reply.status)", hiding: token)
        switch reply.status {
        case 200..<300:
            let rejected = (try? RawJSON(parsing: reply.body))?.object?["rejected"]?.array ?? []
            guard rejected.contains(where: { $0.string == token.token }) else { return .sent(vendorID: nil) }
            return .dead(VendorReply(code: "rejected"))
        // Gone speaks of the endpoint, not of one token: the credential stops and every token stays.
        case 410: return .auth(said)
        case 429, 502, 504: return .slow(said, scope: .credential, after: after)
        default: return .retry(said, after: after)
        }
    }
}
