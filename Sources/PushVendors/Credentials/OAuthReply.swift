import NIOCore
import NIOHTTP1
import PushCore

/// The answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
enum OAuthReply {
    /// - Parameter lifetimeDefault: seconds, where the vendor may leave `expires_in` out.
    static func token(
        in reply: OutboundReply, now: Milliseconds, lifetimeDefault: Int64 = 3600
    ) -> Result<AccessToken, LoginFailure> {
        let body = (try? RawJSON(parsing: reply.body))?.object
        if (200..<300).contains(reply.status) {
            // Never the body in an error: it may hold a token under another name.
            guard let text = body?["access_token"]?.string, !text.isEmpty,
                text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { return .failure(LoginFailure(answer: .retry(VendorReply(code: "login_answer")))) }
            // Some write the number as a text.
            let lifetime =
                body?["expires_in"].flatMap { $0.integer ?? $0.string.flatMap { Int64($0) } } ?? lifetimeDefault
            return .success(AccessToken(text: text, issuedAt: now, lifetimeSeconds: min(max(lifetime, 0), 86_400)))
        }
        let error = body?["error"].flatMap { $0.string ?? $0.integer.map(String.init) } ?? "\(reply.status)"
        let said = VendorReply(
            code: String(error.prefix(64)), text: String((body?["error_description"]?.string ?? "").prefix(256)))
        switch reply.status {
        case 400..<500 where reply.status != 408 && reply.status != 429:
            return .failure(LoginFailure(answer: .auth(said)))
        default:
            let after = RetryAfter.parse(reply.headers, now: now)
            return .failure(
                LoginFailure(answer: ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)))
        }
    }
}

/// The client credentials grant (RFC 6749, section 4.4), with the client's secret in the form.
struct ClientCredentialsLogin: Sendable {
    let url: String
    let clientID: String
    let clientSecret: String
    var scope: String?
    let clock: WallClock
    let client: OutboundClient
    let requestTimeout: TimeAmount
    /// Seconds, where the vendor may leave `expires_in` out.
    var lifetimeDefault: Int64 = 3600

    func fetch() async -> Result<AccessToken, LoginFailure> {
        let now = clock.now
        var fields = [
            ("grant_type", "client_credentials"), ("client_id", clientID), ("client_secret", clientSecret),
        ]
        if let scope { fields.append(("scope", scope)) }
        let request = OutboundRequest(
            url: url, headers: ["content-type": FormBody.contentType], body: FormBody.encode(fields))
        switch await client.send(request, deadline: .now() + requestTimeout) {
        case .success(let reply): return OAuthReply.token(in: reply, now: now, lifetimeDefault: lifetimeDefault)
        case .failure(let fault): return .failure(LoginFailure(answer: fault.answerAtLogin))
        }
    }
}
