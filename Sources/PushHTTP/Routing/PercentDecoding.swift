import PushCore

/// Percent-encoding (RFC 3986, 2.1) of path segments, query parameters and forms.
enum PercentDecoding {
    /// The text behind `encoded`. Throws `invalid_request` for a `%` without two hexadecimal digits, for bytes that are
    /// no UTF-8 and for control characters, which no name in the API may hold.
    static func text(of encoded: Substring, plusIsSpace: Bool, what: String) throws(GatewayError) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.utf8.count)
        var rest = encoded.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else {
                    throw GatewayError(.invalidRequest, "\(what) is not properly percent-encoded.")
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw GatewayError(.invalidRequest, "\(what) is not UTF-8.")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw GatewayError(.invalidRequest, "\(what) holds a control character.")
        }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
