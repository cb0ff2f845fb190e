import Crypto
import Foundation
import NIOCore

/// Why a browser cannot read a message.
struct UndecryptableMessage: Error {
    let reason: String
}

/// Message encryption for Web Push (RFC 8291) in the `aes128gcm` coding (RFC 8188), the browser's side.
enum MessageEncryption {
    /// Salt, record size, length of the key id, and the sender's public key.
    static let headerBytes = 86
    private static let tagBytes = 16

    /// The parts of an encrypted body.
    struct Message {
        let salt: Data
        let senderKey: P256.KeyAgreement.PublicKey
        let senderKeyBytes: Data
        let ciphertext: Data

        init(_ body: ByteBuffer) throws(UndecryptableMessage) {
            let bytes = Data(body.readableBytesView)
            guard bytes.count > headerBytes + tagBytes else { throw UndecryptableMessage(reason: "too short") }
            salt = bytes.subdata(in: 0..<16)
            let recordSize = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
            guard bytes[20] == 65 else { throw UndecryptableMessage(reason: "the key id is no public key") }
            senderKeyBytes = bytes.subdata(in: 21..<headerBytes)
            guard let key = try? P256.KeyAgreement.PublicKey(x963Representation: senderKeyBytes) else {
                throw UndecryptableMessage(reason: "the sender's public key is no point of P-256")
            }
            senderKey = key
            ciphertext = bytes.subdata(in: headerBytes..<bytes.count)
            guard recordSize >= 18, ciphertext.count <= recordSize else {
                throw UndecryptableMessage(reason: "more than one record, or a record size under 18")
            }
        }
    }

    static func decrypt(
        _ message: Message, privateKey: P256.KeyAgreement.PrivateKey, authSecret: Data
    ) throws(UndecryptableMessage) -> Data {
        do {
            let shared = try privateKey.sharedSecretFromKeyAgreement(with: message.senderKey)
            let info =
                Data("WebPush: info\0".utf8) + privateKey.publicKey.x963Representation + message.senderKeyBytes
            let input = shared.hkdfDerivedSymmetricKey(
                using: SHA256.self, salt: authSecret, sharedInfo: info, outputByteCount: 32)
            let key = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: input, salt: message.salt, info: Data("Content-Encoding: aes128gcm\0".utf8),
                outputByteCount: 16)
            let nonce = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: input, salt: message.salt, info: Data("Content-Encoding: nonce\0".utf8),
                outputByteCount: 12)
            let sealed = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: nonce.withUnsafeBytes { Data($0) }),
                ciphertext: message.ciphertext.dropLast(tagBytes), tag: message.ciphertext.suffix(tagBytes))
            var plaintext = try AES.GCM.open(sealed, using: key)
            while plaintext.last == 0 { plaintext.removeLast() }
            guard plaintext.popLast() == 2 else {
                throw UndecryptableMessage(reason: "the last record has no delimiter 2")
            }
            return plaintext
        } catch let error as UndecryptableMessage {
            throw error
        } catch {
            throw UndecryptableMessage(reason: "the keys do not fit, or the text was changed")
        }
    }
}
