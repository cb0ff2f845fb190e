import NIOCore
import NIOHTTP1
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
            let reply = VendorReply(code: "signing_failed", text: "The assertion could not be signed")
            return .failure(LoginFailure(answer: .auth(reply)))
        }
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + assertion
        let request = OutboundRequest(
            url: settings.tokenURL.text, headers: ["content-type": "application/x-www-form-urlencoded"],
            body: Array(form.utf8))
        switch await client.send(request, deadline: .now() + requestTimeout) {
        case .success(let reply): return Self.token(in: reply, now: now)
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

    static func token(in reply: OutboundReply, now: Milliseconds) -> Result<AccessToken, LoginFailure> {
        let body = (try? RawJSON(parsing: reply.body))?.object
        if (200..<300).contains(reply.status) {
            // Never the body in an error: it may hold a token under another name.
            guard let text = body?["access_token"]?.string, !text.isEmpty,
                text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { return .failure(LoginFailure(answer: .auth(VendorReply(code: "login_answer")))) }
            let lifetime = body?["expires_in"].flatMap { $0.integer ?? $0.string.flatMap { Int64($0) } } ?? 3600
            return .success(
                AccessToken(text: text, issuedAt: now, lifetimeSeconds: min(max(lifetime, 0), 86_400)))
        }
        let code = String((body?["error"]?.string ?? "\(reply.status)").prefix(64))
        let said = VendorReply(code: code, text: String((body?["error_description"]?.string ?? "").prefix(256)))
        let after = RetryAfter.parse(reply.headers, now: now)
        switch reply.status {
        case 400..<500 where reply.status != 408 && reply.status != 429:
            return .failure(LoginFailure(answer: .auth(said)))
        default:
            let answer = ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
            return .failure(LoginFailure(answer: answer))
        }
    }
}
