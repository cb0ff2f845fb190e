import Crypto

/// The stored form of random secrets (admin token, app secrets, the broker password): SHA-256 in lower-case
/// hexadecimal.
///
/// Only for secrets of at least 128 random bits. A plain hash does not protect a password that a person chose.
public enum SecretHash {
    public static func hash(_ secret: String) -> String {
        hex(SHA256.hash(data: Array(secret.utf8)))
    }

    /// Whether `secret` is the one that was hashed, compared in constant time.
    public static func matches(_ secret: String, hash: String) -> Bool {
        ConstantTime.equal(Self.hash(secret).utf8, hash.utf8)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0x0F)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
