import NIOCore

/// A body of `application/x-www-form-urlencoded`, decoded byte by byte: batches carry a thousand tokens in one field.
struct FormFields {
    private(set) var values: [String: String] = [:]
    /// The first name that came twice.
    private(set) var repeated: String?

    /// - Returns: nil when an escape or the text is broken.
    init?(_ body: ByteBuffer) {
        for pair in body.readableBytesView.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let name = Self.decoded(first),
                let value = parts.count > 1 ? Self.decoded(parts[1]) : ""
            else { return nil }
            if values.updateValue(value, forKey: name) != nil, repeated == nil { repeated = name }
        }
    }

    /// - Returns: nil when the body is declared as something else, is broken, or has a field twice.
    init?(_ request: SimulatorRequest) {
        guard request.contentType == "application/x-www-form-urlencoded" else { return nil }
        self.init(request.body)
        guard repeated == nil else { return nil }
    }

    subscript(name: String) -> String? { values[name] }

    private static func decoded(_ bytes: some Collection<UInt8>) -> String? {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+"): output.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
                    return nil
                }
                output.append(high << 4 | low)
            default: output.append(byte)
            }
        }
        return String(validating: output, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The other direction, for what the simulator sends itself.
    static func text(_ fields: KeyValuePairs<String, String>) -> String {
        fields.map { "\(escaped($0))=\(escaped($1))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "*"):
                output.unicodeScalars.append(UnicodeScalar(byte))
            case UInt8(ascii: " "): output += "+"
            default: output += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return output
    }
}
