import Crypto
import Foundation
import Testing

@testable import PushCredentials

struct DeviceCredentialTests {
    private static let now: Int64 = 1_700_000_000
    private let signer = DeviceCredentialSigner()
    private let credential = DeviceCredential(
        account: "acct_1", device: "dev_1", tenant: "t1", issuedAt: now, expiresAt: now + 3600)

    private func fault(_ token: String, now: Int64 = now, verifier: DeviceCredentialVerifier? = nil) -> CredentialFault?
    {
        do throws(CredentialFault) {
            let verifier = if let verifier { verifier } else { try ownVerifier() }
            _ = try verifier.verify(token, now: now, audience: DeviceCredential.mqttAudience)
            return nil
        } catch {
            return error
        }
    }

    private func ownVerifier() throws(CredentialFault) -> DeviceCredentialVerifier {
        guard let verifier = try? DeviceCredentialVerifier(jwks: signer.jwks) else { throw .unknownKey }
        return verifier
    }

    @Test func `a token of another implementation is accepted, and the addresses of keys in it are ignored`() throws {
        let vectors = try Vectors.tokens()
        let verifier = try DeviceCredentialVerifier(jwks: Vectors.jwks())
        let credential = try verifier.verify(
            vectors.deviceCredential, now: Self.now, audience: DeviceCredential.mqttAudience)
        #expect(
            credential
                == DeviceCredential(
                    account: "acct_a", device: "dev_a", tenant: "t1", issuedAt: Self.now, expiresAt: 1_700_604_800))
    }

    @Test func `the key id is the thumbprint that another implementation computed`() throws {
        let vectors = try Vectors.tokens()
        let raw = try #require(Base64URL.decode(vectors.devicePrivateKey))
        #expect(try DeviceCredentialSigner(rawRepresentation: raw).keyID == vectors.deviceKeyID)
    }

    @Test func `what was signed is what is read, with a key kept raw or as PEM`() throws {
        for kept in [
            try DeviceCredentialSigner(rawRepresentation: signer.rawRepresentation),
            try DeviceCredentialSigner(pem: signer.pem),
        ] {
            #expect(kept.keyID == signer.keyID)
            let token = try kept.sign(credential)
            for audience in [DeviceCredential.httpAudience, DeviceCredential.mqttAudience] {
                #expect(try ownVerifier().verify(token, now: Self.now, audience: audience) == credential)
            }
        }
    }

    @Test func `the claims have the names of the contract`() throws {
        let token = try signer.sign(credential)
        let payload = try #require(Base64URL.decode(token.split(separator: ".")[1]))
        #expect(
            String(decoding: payload, as: UTF8.self)
                == #"{"acl":{"all":[],"pub":["up/dev_1/+"],"#
                + #""sub":["account/acct_1","device/dev_1","tenant/t1/broadcast"]},"#
                + #""aud":["pushgate-http","pushgate-mqtt"],"did":"dev_1","exp":1700003600,"iat":1700000000,"#
                + #""iss":"pushgate","sub":"acct_1","ten":"t1"}"#)
    }

    @Test func `a credential ends with its last second`() throws {
        let token = try signer.sign(credential)
        #expect(fault(token, now: Self.now + 3599) == nil)
        #expect(fault(token, now: Self.now + 3600) == .expired)
        #expect(fault(token, now: .max) == .expired)
    }

    @Test func `foreign keys, audiences and issuers are refused`() throws {
        #expect(fault(try DeviceCredentialSigner().sign(credential)) == .unknownKey)
        let elsewhere = DeviceCredential(
            account: "acct_1", device: "dev_1", tenant: "t1", issuedAt: Self.now, expiresAt: Self.now + 9,
            audience: [DeviceCredential.httpAudience])
        #expect(fault(try signer.sign(elsewhere)) == .wrongAudience)
        let foreign = DeviceCredential(
            account: "acct_1", device: "dev_1", tenant: "t1", issuedAt: Self.now, expiresAt: Self.now + 9,
            issuer: "somebody")
        #expect(fault(try signer.sign(foreign)) == .wrongIssuer)
    }

    @Test func `both keys of a change of key are good`() throws {
        let successor = DeviceCredentialSigner()
        let verifier = try DeviceCredentialVerifier(jwks: DeviceCredentialSigner.jwks(of: [signer, successor]))
        #expect(fault(try signer.sign(credential), verifier: verifier) == nil)
        #expect(fault(try successor.sign(credential), verifier: verifier) == nil)
    }

    @Test func `the algorithm is never the token's choice`() throws {
        let parts = try signer.sign(credential).split(separator: ".").map(String.init)
        let publicKey = SymmetricKey(data: signer.jwks)
        for algorithm in ["none", "None", "HS256", "ES384", "RS256", ""] {
            let header = Base64URL.encode(Array(#"{"alg":"\#(algorithm)","kid":"\#(signer.keyID)"}"#.utf8))
            let text = "\(header).\(parts[1])"
            let code = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: publicKey)
            #expect(fault("\(text).\(Base64URL.encode(Array(code)))") == .wrongAlgorithm)
            #expect(fault("\(text).") == .wrongAlgorithm)
            #expect(fault("\(text).\(parts[2])") == .wrongAlgorithm)
        }
    }

    @Test func `a key that the token brings along is not used`() throws {
        let stranger = DeviceCredentialSigner()
        let strangers = String(decoding: stranger.jwks.dropFirst(9).dropLast(2), as: UTF8.self)
        for keyID in [signer.keyID, stranger.keyID] {
            let header = #"{"alg":"ES256","kid":"\#(keyID)","jwk":\#(strangers)}"#
            let parts = try stranger.sign(credential).split(separator: ".").map(String.init)
            let text = "\(Base64URL.encode(Array(header.utf8))).\(parts[1])"
            let key = try P256.Signing.PrivateKey(rawRepresentation: stranger.rawRepresentation)
            let signature = try key.signature(for: Data(text.utf8)).rawRepresentation
            let token = "\(text).\(Base64URL.encode(Array(signature)))"
            #expect(fault(token) == (keyID == signer.keyID ? .badSignature : .unknownKey))
        }
    }

    @Test(arguments: [
        #"{"kid":"k"}"#, #"{"alg":1,"kid":"k"}"#, "[]", "", "{", #"{"alg":"ES256","crit":["exp"]}"#, "null",
    ])
    func `a header that is none is refused`(header: String) {
        #expect(fault("\(Base64URL.encode(Array(header.utf8))).e30.AA") == .malformed)
    }

    @Test(arguments: [
        #"{"iss":"pushgate","sub":"a","did":"d","ten":"t","aud":["pushgate-mqtt"],"iat":1}"#,
        #"{"iss":"pushgate","sub":"a","did":"d","ten":"t","aud":["pushgate-mqtt"],"iat":1,"exp":1e300,"acl":{}}"#,
        #"{"iss":"pushgate","sub":"a","did":"d","ten":"t","aud":["pushgate-mqtt"],"iat":1,"exp":"9","acl":{}}"#,
        "[]", "", "7", String(repeating: "[", count: 3000),
    ])
    func `signed claims that are not a credential's are refused`(claims: String) throws {
        let header = #"{"alg":"ES256","kid":"\#(signer.keyID)"}"#
        let text = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(claims.utf8)))"
        let key = try P256.Signing.PrivateKey(rawRepresentation: signer.rawRepresentation)
        let signature = try key.signature(for: Data(text.utf8)).rawRepresentation
        #expect(fault("\(text).\(Base64URL.encode(Array(signature)))") == .malformed)
    }

    @Test func `every cut of a token is refused`() throws {
        let token = try signer.sign(credential)
        for length in 0..<token.utf8.count {
            #expect(fault(String(token.prefix(length))) != nil)
        }
    }

    @Test func `a token of a megabyte is refused`() throws {
        let token = try signer.sign(credential)
        #expect(fault(String(repeating: "A", count: 1 << 20)) == .malformed)
        #expect(fault(String(repeating: ".", count: 1 << 20)) == .malformed)
        #expect(fault(token + String(repeating: "A", count: 1 << 20)) == .malformed)
    }

    @Test func `no altered token is accepted`() throws {
        let token = try signer.sign(credential)
        let verifier = try ownVerifier()
        var mutator = TokenMutator(token, seed: 7)
        var refused = 0
        for _ in 0..<10_000 {
            let altered = mutator.next()
            if altered == token { continue }
            refused += 1
            #expect(fault(altered, verifier: verifier) != nil, "\(altered)")
        }
        #expect(refused > 9000)
    }

    @Test(arguments: ["", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"}]}"#, "[1"])
    func `a verifier without a key does not come into being`(jwks: String) {
        #expect(throws: (any Error).self) { try DeviceCredentialVerifier(jwks: Array(jwks.utf8)) }
    }

    @Test func `a point that is not on the curve is no key`() {
        let zero = Base64URL.encode([UInt8](repeating: 0, count: 32))
        let jwks = #"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"\#(zero)","y":"\#(zero)"}]}"#
        #expect(throws: DeviceCredentialVerifier.NoKeys.self) { try DeviceCredentialVerifier(jwks: Array(jwks.utf8)) }
    }

    @Test(arguments: ["plain", "", "a\"b\\c/d", "\u{0}\u{1}\u{1F}\n\r\t\u{7F}", "é😀"])
    func `the claims are written as the generic encoder writes them`(text: String) throws {
        let credential = DeviceCredential(
            account: text, device: "d" + text, tenant: text + "t", issuedAt: .min, expiresAt: .max, issuer: text,
            audience: [text, "b"])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let generic = try encoder.encode(credential)
        // Either may choose among the escapes that JSON has for a sign.
        #expect(try JSONDecoder().decode(DeviceCredential.self, from: Data(credential.json)) == credential)
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
            #expect(String(decoding: credential.json, as: UTF8.self) == String(decoding: generic, as: UTF8.self))
        }
    }
}
