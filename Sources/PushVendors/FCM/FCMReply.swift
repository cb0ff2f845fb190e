import NIOHTTP1
import PushCore

/// What FCM's answers mean (firebase.google.com: "ErrorCode"; `reference/vendor-push.md` 2.4).
enum FCMReply {
    /// Google's error body, as far as it matters.
    struct Failure {
        let message: String
        let canonical: String?
        let errorCode: String?
        /// Fields that `google.rpc.BadRequest` complains about.
        let fields: [String]
        /// What `google.rpc.QuotaFailure` says was used up.
        let quotas: [String]

        init(_ body: [UInt8]) {
            let error = (try? RawJSON(parsing: body))?.object?["error"]?.object
            let details = (error?["details"]?.array ?? []).compactMap(\.object)
            func violations(_ type: String, _ member: String) -> [JSONObject] {
                details.filter { $0["@type"]?.string?.hasSuffix(type) == true }
                    .flatMap { $0[member]?.array ?? [] }.compactMap(\.object)
            }
            message = error?["message"]?.string ?? ""
            canonical = error?["status"]?.string
            errorCode =
                details.first { $0["@type"]?.string?.hasSuffix("google.firebase.fcm.v1.FcmError") == true }?[
                    "errorCode"]?
                .string
            fields = violations("google.rpc.BadRequest", "fieldViolations").compactMap { $0["field"]?.string }
            quotas = violations("google.rpc.QuotaFailure", "violations").flatMap {
                [$0["subject"]?.string, $0["description"]?.string].compactMap { $0 }
            }
        }

        var isAboutToken: Bool {
            message.lowercased().contains("not a valid fcm registration token") || fields.contains("message.token")
        }

        var isAboutDevice: Bool {
            quotas.contains { text in ["device", "token"].contains { text.lowercased().contains($0) } }
        }
    }

    /// Tries of a push that Google refuses without a reason.
    static let unspecifiedTriesMax = 4

    /// Without `Retry-After`, how long a used-up quota is left alone.
    static let quotaPause = Duration.seconds(60)

    static func isExpiredAccessToken(_ reply: OutboundReply) -> Bool {
        reply.status == 401 && Failure(reply.body).errorCode == nil
    }

    static func answer(to reply: OutboundReply, token: PushToken, now: Milliseconds) -> VendorAnswer {
        if (200..<300).contains(reply.status) {
            // Google names every message that it takes: without a name this is somebody else's answer.
            let name = (try? RawJSON(parsing: reply.body))?.object?["name"]?.string
            guard let name, !name.isEmpty else {
                return .unknown(VendorReply(code: "\(reply.status)", text: "The answer names no message."))
            }
            return .sent(vendorID: name)
        }
        let failure = Failure(reply.body)
        let after = RetryAfter.parse(reply.headers, now: now)
        let code = failure.errorCode ?? failure.canonical ?? "\(reply.status)"
        let said = ReplyRules.reply(code: code, text: failure.message, hiding: token)
        switch failure.errorCode {
        case "UNREGISTERED": return .dead(said)
        case "INVALID_ARGUMENT": return failure.isAboutToken ? .dead(said, mayBeMisconfiguration: true) : .drop(said)
        case "SENDER_ID_MISMATCH": return .dead(said, mayBeMisconfiguration: true)
        case "QUOTA_EXCEEDED":
            return .slow(said, scope: failure.isAboutDevice ? .device : .credential, after: after ?? quotaPause)
        case "UNAVAILABLE", "INTERNAL": return .retry(said, after: after)
        case "UNSPECIFIED_ERROR": return .retry(said, after: after, triesMax: unspecifiedTriesMax)
        case "THIRD_PARTY_AUTH_ERROR": return .auth(said)
        default: break
        }
        // Some malformed tokens are refused before FCM itself sees them, without its own error code.
        if reply.status == 400, failure.isAboutToken { return .dead(said, mayBeMisconfiguration: true) }
        let slowed = reply.status == 429 ? after ?? quotaPause : after
        return ReplyRules.answer(status: reply.status, reply: said, retryAfter: slowed)
    }
}
