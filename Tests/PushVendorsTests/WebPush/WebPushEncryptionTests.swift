import Crypto
import Foundation
import PushCredentials
import Testing

@testable import PushVendors

@Suite struct WebPushEncryptionTests {
    private func value(_ name: String) throws -> [UInt8] {
        try #require(RFC8291Vector.values[name].flatMap { Base64URL.decode($0) })
    }

    private func vector() throws -> WebPushEncryption {
        try WebPushEncryption(
            receiver: P256.KeyAgreement.PublicKey(x963Representation: value("ua_public")),
            authSecret: value("auth_secret"),
            sender: P256.KeyAgreement.PrivateKey(rawRepresentation: value("as_private")), salt: value("salt"))
    }

    @Test func `the vector's values have the lengths that the text names`() throws {
        #expect(RFC8291Vector.values.keys.sorted() == RFC8291Vector.lengths.keys.sorted())
        for (name, length) in RFC8291Vector.lengths { #expect(try value(name).count == length, "\(name)") }
    }

    /// Every value between the inputs and the body.
    @Test func `every step of the example is as in RFC 8291`() throws {
        let made = try vector()
        let plaintext = try value("plaintext")
        #expect(String(decoding: plaintext, as: UTF8.self) == "When I grow up, I want to be a watermelon")
        let steps: [(String, Data)] = [
            ("ecdh_secret", made.ecdhSecret), ("prk_key", made.prkKey), ("key_info", made.keyInfo), ("ikm", made.ikm),
            ("prk", made.prk), ("cek_info", WebPushEncryption.cekInfo), ("cek", made.cek),
            ("nonce_info", WebPushEncryption.nonceInfo), ("nonce", made.nonce), ("header", made.header),
            ("padded_plaintext", Data(plaintext + [2])), ("ciphertext", try made.ciphertext(of: plaintext)),
            ("body", Data(try made.body(of: plaintext))),
        ]
        for (name, bytes) in steps { #expect(try Array(bytes) == value(name), "\(name)") }
        let sender = try P256.KeyAgreement.PrivateKey(rawRepresentation: value("as_private"))
        #expect(try Array(sender.publicKey.x963Representation) == value("as_public"))
        let receiver = try P256.KeyAgreement.PrivateKey(rawRepresentation: value("ua_private"))
        #expect(try Array(receiver.publicKey.x963Representation) == value("ua_public"))
        #expect(made.header.count == WebPushEncryption.headerBytes)
    }

    @Test func `the longest plaintext makes a body of 4096 bytes`() throws {
        #expect(WebPushEncryption.plaintextMax == 3993)
        let body = try vector().body(of: [UInt8](repeating: 0x61, count: WebPushEncryption.plaintextMax))
        #expect(body.count == 4096)
    }

    @Test func `the receiver reads what was written, with its own half of the secret`() throws {
        let device = WebPushDevice()
        let made = try WebPushEncryption(
            receiver: device.key.publicKey, authSecret: device.authSecret, sender: P256.KeyAgreement.PrivateKey(),
            salt: [UInt8](repeating: 7, count: 16))
        let text = Array("{\"a\":\"é\"}".utf8)
        #expect(try device.decrypt(made.body(of: text)) == text)
    }
}

/// A browser's side of Web Push, by the steps of RFC 8188, section 2, and RFC 8291, section 3.4.
struct WebPushDevice {
    let key = P256.KeyAgreement.PrivateKey()
    let authSecret: [UInt8] = (0..<16).map { _ in UInt8.random(in: 0...255) }

    func subscription(_ endpoint: String) -> String {
        #"{"endpoint":"\#(endpoint)","expirationTime":null,"keys":{"p256dh":"\#(Base64URL.encode(key.publicKey.x963Representation))","auth":"\#(Base64URL.encode(authSecret))"}}"#
    }

    struct Unreadable: Error {}

    func decrypt(_ body: [UInt8]) throws -> [UInt8] {
        guard body.count > 103, body[20] == 65, Array(body[16..<20]) == [0, 0, 16, 0] else { throw Unreadable() }
        let sender = try P256.KeyAgreement.PublicKey(x963Representation: body[21..<86])
        let secret = try key.sharedSecretFromKeyAgreement(with: sender)
        let info = Data("WebPush: info\0".utf8) + key.publicKey.x963Representation + Data(body[21..<86])
        let ikm = secret.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: authSecret, sharedInfo: info, outputByteCount: 32)
        func derive(_ label: String, _ count: Int) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: ikm, salt: Data(body[0..<16]), info: Data("Content-Encoding: \(label)\0".utf8),
                outputByteCount: count)
        }
        let nonce = try derive("nonce", 12).withUnsafeBytes { try AES.GCM.Nonce(data: Data($0)) }
        let box = try AES.GCM.SealedBox(nonce: nonce, ciphertext: body[86..<(body.count - 16)], tag: body.suffix(16))
        var plain = Array(try AES.GCM.open(box, using: derive("aes128gcm", 16)))
        while plain.last == 0 { plain.removeLast() }
        guard plain.popLast() == 2 else { throw Unreadable() }
        return plain
    }
}
