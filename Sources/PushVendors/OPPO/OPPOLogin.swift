import Crypto
import Foundation
import NIOCore
import PushCore

/// Asks OPPO for an access token with a signed form (`reference/vendor-push.md` 7). The token lives a day and is
/// renewed every hour.
struct OPPOLogin: Sendable {
    static let lifetimeSeconds: Int64 = 86_400
    static let renewedAfterSeconds: Int64 = 3300

    let base: String
    let settings: OPPOSettings
    let clock: WallClock
    let client: OutboundClient
    let requestTimeout: TimeAmount

    func fetch() async -> Result<AccessToken, LoginFailure> {
        let now = clock.now
        let request = OutboundRequest(
            url: base + "/server/v1/auth", headers: ["content-type": FormBody.contentType],
            body: FormBody.encode([
                ("app_key", settings.appKey), ("timestamp", "\(now)"),
                (
                    "sign",
                    Self.signature(appKey: settings.appKey, timestamp: now, masterSecret: settings.masterSecret)
                ),
            ]))
        switch await client.send(request, deadline: .now() + requestTimeout) {
        case .success(let reply): return Self.token(in: OPPOReply(reply), now: now)
        case .failure(let fault): return .failure(LoginFailure(answer: fault.answerAtLogin))
        }
    }

    /// SHA-256 over key, time and secret, one behind the other, in hexadecimal.
    static func signature(appKey: String, timestamp: Milliseconds, masterSecret: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let digest = SHA256.hash(data: Data("\(appKey)\(timestamp)\(masterSecret)".utf8))
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func token(in reply: OPPOReply, now: Milliseconds) -> Result<AccessToken, LoginFailure> {
        if reply.isSuccess {
            guard let text = reply.authToken, !text.isEmpty else {
                return .failure(LoginFailure(answer: .retry(VendorReply(code: "login_answer"))))
            }
            return .success(
                AccessToken(
                    text: text, issuedAt: now, lifetimeSeconds: lifetimeSeconds,
                    renewedAfterSeconds: renewedAfterSeconds))
        }
        let answer = reply.answer(hiding: [], now: now)
        if case .unknown(let said) = answer, reply.code == nil { return .failure(LoginFailure(answer: .retry(said))) }
        switch answer {
        // No push was refused, whatever was wrong with the login.
        case .dead(let said, _, _), .drop(let said), .unknown(let said):
            return .failure(LoginFailure(answer: .auth(said)))
        case .sent: return .failure(LoginFailure(answer: .auth(VendorReply(code: "login_answer"))))
        case .auth, .retry, .slow: return .failure(LoginFailure(answer: answer))
        }
    }
}
