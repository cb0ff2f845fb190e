import Crypto
import Foundation
import Testing

@testable import PushCredentials

struct UserSignatureTests {
    private static let now: Int64 = 1_700_000_000
    private static let week: Int64 = 7 * 24 * 3600
    private let key = "an app's signing key"

    private func jwt(_ claims: String, algorithm: String = "HS256") -> String {
        let text =
            Base64URL.encode(Array(#"{"alg":"\#(algorithm)"}"#.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(text.utf8), using: SymmetricKey(data: Array(key.utf8)))
        return text + "." + Base64URL.encode(Array(code))
    }

    private func fault(_ signature: String, now: Int64 = now) -> CredentialFault? {
        do throws(CredentialFault) {
            _ = try UserSignature.verify(signature, key: key, now: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a JWT of another implementation is accepted`() throws {
        let vectors = try Vectors.tokens()
        #expect(try UserSignature.claimedApp(of: vectors.userJWT) == .appID("app_1"))
        let user = try UserSignature.verify(vectors.userJWT, key: vectors.userKey, now: Self.now)
        #expect(user.userID == "张三")
        #expect(user.issuedAt == nil)
    }

    @Test func `both forms survive both ways`() throws {
        let jwt = try UserSignature.makeJWT(
            appID: "app_1", userID: "user 1", key: key, issuedAt: Self.now, expiresAt: Self.now + 60)
        let userSig = try UserSignature.makeUserSig(
            sdkAppID: 1_400_000_001, userID: "user 1", key: key, issuedAt: Self.now, lifetime: 60)
        #expect(try UserSignature.claimedApp(of: jwt) == .appID("app_1"))
        #expect(try UserSignature.claimedApp(of: userSig) == .sdkAppID(1_400_000_001))
        for signature in [jwt, userSig] {
            let user = try UserSignature.verify(signature, key: key, now: Self.now)
            #expect(user == UserSignature.VerifiedUser(userID: "user 1", issuedAt: Self.now))
            #expect(fault(signature, now: Self.now + 61) == .expired)
            #expect(throws: CredentialFault.badSignature) {
                try UserSignature.verify(signature, key: "another", now: Self.now)
            }
            #expect(throws: CredentialFault.unknownKey) {
                try UserSignature.verify(signature, key: "", now: Self.now)
            }
        }
    }

    @Test func `a JWT lives seven days at most and has an end`() {
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now + Self.week)}"#)) == nil)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now + Self.week + 1)}"#)) == .lifetimeTooLong)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now)}"#)) == .expired)
        #expect(fault(jwt(#"{"iss":"a","sub":"u"}"#)) == .malformed)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":1e300}"#)) == .malformed)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":9223372036854775807}"#)) == .malformed)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":null}"#)) == .malformed)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now + 9),"nbf":\#(Self.now + 1)}"#)) == .notYetValid)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now + 9)}"#), now: .max) == .expired)
        #expect(fault(jwt(#"{"iss":"a","sub":"u","exp":\#(Self.now + 9)}"#), now: .min) == .lifetimeTooLong)
    }

    @Test func `HS256 alone is accepted`() {
        let claims = #"{"iss":"a","sub":"u","exp":\#(Self.now + 9)}"#
        #expect(fault(jwt(claims)) == nil)
        for algorithm in ["none", "HS384", "HS512", "ES256", "hs256"] {
            #expect(fault(jwt(claims, algorithm: algorithm)) == .wrongAlgorithm)
        }
    }

    @Test func `a UserSig may live longer than a JWT`() throws {
        let signature = try UserSignature.makeUserSig(
            sdkAppID: 1, userID: "u", key: key, issuedAt: Self.now, lifetime: 180 * 24 * 3600)
        #expect(fault(signature, now: Self.now + 100 * 24 * 3600) == nil)
    }

    @Test(arguments: [
        "", ".", "..", "...", "a", "a.b.c", " ", "张三", "_", "*-_", String(repeating: "e", count: 1 << 20),
    ])
    func `what is neither form is refused`(signature: String) {
        #expect(fault(signature) == .malformed)
        #expect(throws: CredentialFault.malformed) { try UserSignature.claimedApp(of: signature) }
    }

    @Test func `no altered JWT is accepted`() throws {
        let signature = try UserSignature.makeJWT(
            appID: "app_1", userID: "u", key: key, issuedAt: Self.now, expiresAt: Self.now + 60)
        var mutator = TokenMutator(signature, seed: 13)
        var refused = 0
        for _ in 0..<10_000 {
            let altered = mutator.next()
            if altered == signature { continue }
            refused += 1
            _ = try? UserSignature.claimedApp(of: altered)
            #expect(fault(altered) != nil, "\(altered)")
        }
        #expect(refused > 9000)
    }

    /// The same document has many compressed forms; a few bits of a stream (its compression level) mean nothing.
    @Test func `no altered UserSig says anything else than was signed`() throws {
        let signature = try UserSignature.makeUserSig(
            sdkAppID: 1, userID: "u", key: key, issuedAt: Self.now, lifetime: 60)
        let original = try UserSig.decode(signature)
        var mutator = TokenMutator(signature, seed: 13)
        var refused = 0
        for _ in 0..<10_000 {
            let altered = mutator.next()
            if altered == signature { continue }
            if fault(altered) == nil {
                #expect(try UserSig.decode(altered) == original, "\(altered)")
            } else {
                refused += 1
            }
        }
        #expect(refused > 9000)
    }
}
