import Testing

@testable import PushCredentials

struct AccessTokenTests {
    private static let now: Int64 = 1_700_000_000
    private let token = AccessToken(
        kind: .app, subject: "app_1", tenant: "t1", scope: "messages:send groups", generation: 3,
        audience: "instance-1", issuedAt: now, expiresAt: now + 7200)

    private func key(_ first: UInt8 = 0) throws -> AccessTokenKey {
        try #require(AccessTokenKey(bytes: (0..<32).map { first &+ $0 }))
    }

    @Test func `a token of another implementation is accepted`() throws {
        let text = try Vectors.tokens().accessToken
        #expect(try key().verify(text, now: Self.now, audience: "instance-1") == token)
    }

    @Test func `app and operator tokens survive both ways`() throws {
        let operatorToken = AccessToken(
            kind: .operator, subject: "operator", tenant: nil, scope: "admin", generation: 1, audience: "instance-1",
            issuedAt: Self.now, expiresAt: Self.now + 60)
        for token in [token, operatorToken] {
            #expect(try key().verify(key().sign(token), now: Self.now, audience: "instance-1") == token)
        }
    }

    @Test func `another key, instance or time is refused`() throws {
        let text = try key().sign(token)
        #expect(throws: CredentialFault.badSignature) {
            try key(1).verify(text, now: Self.now, audience: "instance-1")
        }
        #expect(throws: CredentialFault.wrongAudience) {
            try key().verify(text, now: Self.now, audience: "instance-2")
        }
        #expect(throws: CredentialFault.expired) {
            try key().verify(text, now: Self.now + 7200, audience: "instance-1")
        }
        #expect(throws: CredentialFault.wrongIssuer) {
            try key().verify(text, now: Self.now, audience: "instance-1", issuer: "somebody")
        }
    }

    @Test func `tokens of other kinds are refused`() throws {
        let device = try DeviceCredentialSigner().sign(
            DeviceCredential(account: "a", device: "d", tenant: "t", issuedAt: 1, expiresAt: Self.now + 9))
        #expect(throws: CredentialFault.wrongAlgorithm) {
            try key().verify(device, now: Self.now, audience: "instance-1")
        }
        // The same claims and key, but made as a user's signature would be.
        let parts = try key().sign(token).split(separator: ".")
        let header = Base64URL.encode(Array(#"{"alg":"none","typ":"at+jwt"}"#.utf8))
        #expect(throws: CredentialFault.wrongAlgorithm) {
            try key().verify("\(header).\(parts[1]).", now: Self.now, audience: "instance-1")
        }
    }

    @Test func `a key has 32 bytes`() {
        for length in [0, 16, 31, 33] {
            #expect(AccessTokenKey(bytes: [UInt8](repeating: 7, count: length)) == nil)
        }
    }

    @Test func `no altered token is accepted`() throws {
        let text = try key().sign(token)
        var mutator = TokenMutator(text, seed: 11)
        var refused = 0
        for _ in 0..<10_000 {
            let altered = mutator.next()
            if altered == text { continue }
            refused += 1
            #expect(throws: CredentialFault.self) {
                try key().verify(altered, now: Self.now, audience: "instance-1")
            }
        }
        #expect(refused > 9000)
    }
}
