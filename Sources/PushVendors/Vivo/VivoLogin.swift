import NIOCore
import PushCore

/// Changes the app's key and secret for an `authToken` (dev.vivo.com.cn: "message/auth").
struct VivoLogin: Sendable {
    /// The token is valid for a day and several may live side by side; vivo advises a new one every one to two hours.
    static let lifetimeSeconds: Int64 = 24 * 3600
    static let renewedAfterSeconds: Int64 = 2 * 3600 - 300

    let settings: VivoSettings
    let clock: WallClock
    let client: OutboundClient
    let requestTimeout: TimeAmount

    func fetch() async -> Result<AccessToken, LoginFailure> {
        let now = clock.now
        let request = OutboundRequest(
            url: settings.origin.base + "/message/auth", headers: ["content-type": "application/json"],
            body: body(now: now))
        switch await client.send(request, deadline: .now() + requestTimeout) {
        case .success(let reply): return token(in: reply, now: now)
        case .failure(let fault): return .failure(LoginFailure(answer: fault.answerAtLogin))
        }
    }

    func body(now: Milliseconds) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("appId", Int64(settings.appID) ?? 0)
            writer.member("appKey", settings.appKey)
            writer.member("timestamp", now)
            writer.member("sign", MD5Text.hex("\(settings.appID)\(settings.appKey)\(now)\(settings.appSecret)"))
        }
    }

    private func token(in reply: OutboundReply, now: Milliseconds) -> Result<AccessToken, LoginFailure> {
        let read = VivoReply(reply, overrides: settings.replies, now: now)
        if read.isSuccess {
            guard let text = read.authToken else {
                return .failure(LoginFailure(answer: .retry(VendorReply(code: "login_answer"))))
            }
            return .success(
                AccessToken(
                    text: text, issuedAt: now, lifetimeSeconds: Self.lifetimeSeconds,
                    renewedAfterSeconds: Self.renewedAfterSeconds))
        }
        guard read.result != nil, read.result != "0" else {
            let isSuccess = (200..<300).contains(reply.status)
            let said = VendorReply(code: isSuccess ? "login_answer" : "\(reply.status)")
            return .failure(
                LoginFailure(
                    answer: isSuccess
                        ? .retry(said)
                        : ReplyRules.answer(status: reply.status, reply: said, retryAfter: read.retryAfter)))
        }
        // Whatever it is that vivo does not like about a login is a fault of the credential, unless it will pass.
        switch read.meaning {
        case .retry, .slow: return .failure(LoginFailure(answer: read.answer(hiding: nil)))
        default: return .failure(LoginFailure(answer: .auth(read.said(hiding: nil))))
        }
    }
}
