/// Base64 (RFC 4648) with a choice of the last two characters and of the padding.
///
/// Decoding is strict: every other character, a length that cannot be, missing or superfluous padding and bits that
/// are not zero behind the last byte are refused, so that one value has exactly one text.
struct Base64: Sendable {
    /// RFC 4648 section 4.
    static let standard = Base64(last: "+/", padding: UInt8(ascii: "="))
    /// RFC 4648 section 5 without padding, as in JWS (RFC 7515 section 2).
    static let url = Base64(last: "-_", padding: nil)
    /// Tencent UserSig: `+` `/` `=` are written `*` `-` `_`.
    static let userSig = Base64(last: "*-", padding: UInt8(ascii: "_"))

    private let characters: [UInt8]
    private let values: [UInt8]
    private let padding: UInt8?

    private static let notInAlphabet: UInt8 = 0xFF

    private init(last: String, padding: UInt8?) {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        var values = [UInt8](repeating: Self.notInAlphabet, count: 256)
        characters = Array((letters + last).utf8)
        for (value, character) in characters.enumerated() {
            values[Int(character)] = UInt8(truncatingIfNeeded: value)
        }
        self.values = values
        self.padding = padding
    }

    func encode(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text in
            var count = 0
            var buffer: UInt32 = 0
            var bits: UInt32 = 0
            characters.withUnsafeBufferPointer { characters in
                for byte in bytes {
                    buffer = (buffer << 8 | UInt32(byte)) & 0xFFFF
                    bits += 8
                    while bits >= 6 {
                        bits -= 6
                        text[count] = characters[Int(buffer >> bits & 0x3F)]
                        count += 1
                    }
                }
                if bits > 0 {
                    text[count] = characters[Int(buffer << (6 - bits) & 0x3F)]
                    count += 1
                }
            }
            if let padding {
                while count % 4 != 0 {
                    text[count] = padding
                    count += 1
                }
            }
            return count
        }
    }

    func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var body = Array(text)
        if let padding {
            guard body.count % 4 == 0 else { return nil }
            for _ in 0..<2 where body.last == padding { body.removeLast() }
        }
        guard body.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.count / 4 * 3 + 2)
        var buffer: UInt32 = 0
        var bits = 0
        for character in body {
            let value = values[Int(character)]
            guard value != Self.notInAlphabet else { return nil }
            buffer = (buffer << 6 | UInt32(value)) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        guard buffer & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
        return bytes
    }
}

/// Base64url without padding (RFC 7515 section 2).
public enum Base64URL {
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        Base64.url.encode(bytes)
    }

    /// The bytes, or nil for anything that ``encode(_:)`` would not have written.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        Base64.url.decode(Array(text.utf8))
    }
}
