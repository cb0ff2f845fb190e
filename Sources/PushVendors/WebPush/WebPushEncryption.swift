import Crypto
import Foundation

/// Message encryption for Web Push (RFC 8291 with `aes128gcm` of RFC 8188), one record. Pure: the sender's key and the
/// salt are handed in, and both must be new for every message.
struct WebPushEncryption {
    /// What a service must accept in a body, which is also the record size that is announced.
    static let bodyMax = 4096
    /// Salt, record size, length of the key, key.
    static let headerBytes = 16 + 4 + 1 + 65
    /// Longest plaintext: a body has the header, the delimiter and the tag beside it.
    static let plaintextMax = bodyMax - headerBytes - 1 - 16

    /// The values on the way from the keys to the cipher, under the names of RFC 8291, appendix A.
    let ecdhSecret: Data
    let keyInfo: Data
    let prkKey: Data
    let ikm: Data
    let prk: Data
    let cek: Data
    let nonce: Data
    let header: Data

    static let cekInfo = Data("Content-Encoding: aes128gcm\0".utf8)
    static let nonceInfo = Data("Content-Encoding: nonce\0".utf8)

    init(
        receiver: P256.KeyAgreement.PublicKey, authSecret: [UInt8], sender: P256.KeyAgreement.PrivateKey,
        salt: [UInt8]
    ) throws {
        let senderPoint = sender.publicKey.x963Representation
        ecdhSecret = try sender.sharedSecretFromKeyAgreement(with: receiver).withUnsafeBytes { Data($0) }
        keyInfo = Data("WebPush: info\0".utf8) + receiver.x963Representation + senderPoint
        prkKey = Self.extract(ecdhSecret, salt: Data(authSecret))
        ikm = Self.expand(prkKey, info: keyInfo, count: 32)
        prk = Self.extract(ikm, salt: Data(salt))
        cek = Self.expand(prk, info: Self.cekInfo, count: 16)
        nonce = Self.expand(prk, info: Self.nonceInfo, count: 12)
        let recordSize = withUnsafeBytes(of: UInt32(Self.bodyMax).bigEndian) { Data($0) }
        header = Data(salt) + recordSize + Data([UInt8(senderPoint.count)]) + senderPoint
    }

    /// The body of the request.
    func body(of plaintext: [UInt8]) throws -> [UInt8] { Array(header + (try ciphertext(of: plaintext))) }

    /// The one record: the plaintext, the delimiter of the last record, and the tag.
    func ciphertext(of plaintext: [UInt8]) throws -> Data {
        let sealed = try AES.GCM.seal(
            Data(plaintext + [0x02]), using: SymmetricKey(data: cek), nonce: AES.GCM.Nonce(data: nonce))
        return sealed.ciphertext + sealed.tag
    }

    private static func extract(_ key: Data, salt: Data) -> Data {
        Data(HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: key), salt: salt))
    }

    private static func expand(_ key: Data, info: Data, count: Int) -> Data {
        HKDF<SHA256>.expand(pseudoRandomKey: SymmetricKey(data: key), info: info, outputByteCount: count)
            .withUnsafeBytes { Data($0) }
    }
}
