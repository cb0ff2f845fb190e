import Crypto
import JWTKit
import PushCore
import Testing

@testable import PushVendors

@Suite struct APNsProviderTokenTests {
    private struct Claims: JWTPayload {
        let iss: String
        let iat: Int64
        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private func make(_ clock: HandClock) -> APNsProviderToken {
        APNsProviderToken(keyID: "ABC123DEFG", teamID: "DEF123GHIJ", key: ExampleKeys.apns, clock: clock.wall)
    }

    @Test func `the token verifies with another implementation and says what Apple asks for`() async throws {
        let text = try make(HandClock()).current()
        let keys = JWTKeyCollection()
        await keys.add(
            ecdsa: try ES256PublicKey(pem: ExampleKeys.apns.publicKey.pemRepresentation), kid: "ABC123DEFG")
        let claims = try await keys.verify(text, as: Claims.self)
        #expect(claims.iss == "DEF123GHIJ")
        #expect(claims.iat == 1_700_000_000)
        // {"alg":"ES256","kid":"ABC123DEFG"} in base64url.
        #expect(text.hasPrefix("eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ."))
    }

    @Test func `the token is kept for 50 minutes`() throws {
        let clock = HandClock()
        let token = make(clock)
        let first = try token.current()
        clock.advance(minutes: 49)
        #expect(try token.current() == first)
        clock.advance(minutes: 1)
        let second = try token.current()
        #expect(second != first)
        clock.advance(minutes: -60)
        #expect(try token.current() != second, "a clock that was set back makes no token older than it says")
    }

    @Test func `one token too many gives way to the one before it, and none is made for 20 minutes`() throws {
        let clock = HandClock()
        let token = make(clock)
        let first = try token.current()
        clock.advance(minutes: 50)
        let second = try token.current()
        #expect(second != first)
        #expect(token.predecessor(of: second) == first)
        #expect(token.predecessor(of: second) == first, "others that were told the same take it as well")
        #expect(token.predecessor(of: first) == nil)
        clock.advance(minutes: 9)
        #expect(try token.current() == first)
        #expect(try token.replacement(for: first) == nil)
        clock.advance(minutes: 10)
        #expect(try token.current() == first, "refused as it is, another one would make it worse")
        clock.advance(minutes: 1)
        #expect(try token.current() != first)
    }

    @Test func `the only token is kept when Apple has had too many`() throws {
        let clock = HandClock()
        let token = make(clock)
        let first = try token.current()
        #expect(token.predecessor(of: first) == nil)
        #expect(try token.replacement(for: first) == nil)
        clock.advance(minutes: 19)
        #expect(try token.current() == first)
        clock.advance(minutes: 1)
        #expect(try token.replacement(for: first) != nil)
    }

    @Test func `an earlier token that has ended is not gone back to`() throws {
        let clock = HandClock()
        let token = make(clock)
        _ = try token.current()
        clock.advance(minutes: 60)
        #expect(token.predecessor(of: try token.current()) == nil)
    }

    @Test func `an expired token is replaced at once, but only once in 20 minutes`() throws {
        let clock = HandClock()
        let token = make(clock)
        let first = try token.current()
        let made = try #require(try token.replacement(for: first))
        let second = made.text
        #expect(made.isNew)
        #expect(second != first)
        #expect(try token.current() == second)
        let others = APNsProviderToken.Replacement(text: second, isNew: false)
        #expect(try token.replacement(for: first) == others, "others that were refused take the one that was made")
        #expect(try token.replacement(for: second) == nil)
        clock.advance(minutes: 19)
        #expect(try token.replacement(for: second) == nil)
        clock.advance(minutes: 1)
        #expect(try token.replacement(for: second) != nil)
    }
}
