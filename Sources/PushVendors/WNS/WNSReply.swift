import NIOHTTP1
import PushCore

/// What WNS's answers mean: a status, and for 200 the header `X-WNS-Status` (`reference/vendor-push.md` 10).
enum WNSReply {
    static func isExpiredAccessToken(_ reply: OutboundReply) -> Bool { reply.status == 401 }

    static func answer(to reply: OutboundReply, token: PushToken, now: Milliseconds) -> VendorAnswer {
        let status = reply.headers.first(name: "x-wns-status").map { $0.lowercased() }
        let after =
            reply.headers.first(name: "x-wns-continue-after").flatMap { RetryAfter.parse($0, now: now) }
            ?? RetryAfter.parse(reply.headers, now: now)
        let code = (200..<300).contains(reply.status) ? status ?? "\(reply.status)" : "\(reply.status)"
        let said = ReplyRules.reply(code: code, text: words(of: reply), hiding: token)
        switch reply.status {
        case 200..<300:
            switch status {
            case "received": return .sent(vendorID: reply.headers.first(name: "x-wns-msg-id"))
            case "dropped": return .drop(said)
            case "channelthrottled": return .slow(said, scope: .device, after: after)
            // Not an answer of WNS: it always says which of the three it was.
            default: return .unknown(said)
            }
        case 404, 410: return .dead(said)
        case 406: return .slow(said, scope: .credential, after: after)
        default: return ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
        }
    }

    /// The headers in which WNS explains itself.
    private static func words(of reply: OutboundReply) -> String {
        ["x-wns-error-description", "x-wns-status", "x-wns-deviceconnectionstatus", "x-wns-debug-trace"]
            .compactMap { name in reply.headers.first(name: name).map { "\(name.dropFirst(6)): \($0)" } }
            .joined(separator: "; ")
    }
}
