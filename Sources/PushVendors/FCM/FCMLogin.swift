import NIOCore
import PushCore

/// Changes a service account's signed assertion for an access token (Google Identity: "Using OAuth 2.0 for Server to
/// Server Applications"; RFC 7523).
struct FCMLogin: Sendable {
    static let scope = "https://www.googleapis.com/auth/firebase.messaging"

    let settings: FCMSettings
    let clock: WallClock
    let client: OutboundClient
    let requestTimeout: TimeAmount

    func fetch() async -> Result<AccessToken, LoginFailure> {
        let now = clock.now
        guard let assertion = try? assertion(now: now) else {
            let reply = VendorReply(code: "signing_failed", text: "The assertion could not be signed", isLocal: true)
            return .failure(LoginFailure(answer: .auth(reply)))
        }
        let request = OutboundRequest(
            url: settings.tokenURL.text, headers: ["content-type": FormBody.contentType],
            body: FormBody.encode([
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion),
            ]))
        switch await client.send(request, deadline: .now() + requestTimeout) {
        case .success(let reply): return OAuthReply.token(in: reply, now: now)
        case .failure(let fault): return .failure(LoginFailure(answer: fault.answerAtLogin))
        }
    }

    func assertion(now: Milliseconds) throws -> String {
        try CompactJWT.rs256(
            header: { header in
                header.member("alg", "RS256")
                header.member("typ", "JWT")
                header.member("kid", ifPresent: settings.keyID)
            },
            claims: { claims in
                claims.member("iss", settings.clientEmail)
                claims.member("scope", Self.scope)
                claims.member("aud", settings.tokenURL.written)
                claims.member("iat", now / 1000)
                claims.member("exp", now / 1000 + 3600)
            }, key: settings.key)
    }
}
