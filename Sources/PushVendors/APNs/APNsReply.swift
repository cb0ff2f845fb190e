import NIOHTTP1
import PushCore

/// What Apple's answers mean (Apple: "Handling notification responses from APNs"; `reference/vendor-push.md` 1.5).
enum APNsReply {
    static let expiredProviderToken = "ExpiredProviderToken"
    static let tooManyProviderTokens = "TooManyProviderTokenUpdates"

    /// Apple means the connection, which it is about to end.
    static let endOfConnection: Set<String> = ["IdleTimeout", "ServiceUnavailable", "Shutdown"]

    static func reason(in body: [UInt8]) -> String? { (try? RawJSON(parsing: body))?.object?["reason"]?.string }

    static func answer(to reply: OutboundReply, token: PushToken, now: Milliseconds) -> VendorAnswer {
        if (200..<300).contains(reply.status) {
            let id = reply.headers.first(name: "apns-id")
            // Apple's success has an id and no body: this is somebody else's.
            guard id != nil || reply.body.isEmpty else {
                return .unknown(VendorReply(code: "\(reply.status)", text: "The answer is not Apple's."))
            }
            return .sent(vendorID: id)
        }
        let body = (try? RawJSON(parsing: reply.body))?.object
        let after = RetryAfter.parse(reply.headers, now: now)
        let reason = body?["reason"]?.string
        let said = ReplyRules.reply(code: reason ?? "\(reply.status)", hiding: token)
        switch reason {
        case "BadDeviceToken", "DeviceTokenNotForTopic": return .dead(said, mayBeMisconfiguration: true)
        case "Unregistered", "ExpiredToken": return .dead(said, since: body?["timestamp"]?.integer)
        case "BadTopic", "MissingTopic", "TopicDisallowed": return .auth(said)
        case expiredProviderToken, "InvalidProviderToken", "MissingProviderToken", "BadCertificate",
            "BadCertificateEnvironment", "Forbidden", "UnrelatedKeyIdInToken", "BadEnvironmentKeyIdInToken",
            tooManyProviderTokens:
            return .auth(said)
        case "MissingDeviceToken", "BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority",
            "DuplicateHeaders", "InvalidPushType", "PayloadEmpty", "BadPath", "MethodNotAllowed", "PayloadTooLarge":
            return .drop(said)
        case "TooManyRequests": return .slow(said, scope: .device, after: after)
        case "IdleTimeout", "InternalServerError", "ServiceUnavailable", "Shutdown": return .retry(said, after: after)
        default: break
        }
        // Without a reason that is known, 410 still says that the token is gone.
        if reply.status == 410 { return .dead(said, since: body?["timestamp"]?.integer) }
        return ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
    }
}
