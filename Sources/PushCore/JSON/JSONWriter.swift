/// Writes compact JSON into bytes, in the order of the calls. The one writer of everything the gateway composes
/// itself; parts that came from outside are put in with ``raw(_:)`` and stay as they were.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// An object of what the closure writes.
    public static func object(reserving capacity: Int = 256, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter(reserving: capacity)
        writer.object(body)
        return writer.bytes
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    // MARK: Members

    public mutating func key(_ name: String) {
        separate()
        writeQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }
    public mutating func member(_ name: String, _ value: some BinaryInteger) {
        key(name)
        integer(value)
    }
    public mutating func member(_ name: String, _ value: Int64) {
        key(name)
        integer(value)
    }
    public mutating func member(_ name: String, _ value: Int) { member(name, Int64(value)) }
    public mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }
    public mutating func member(_ name: String, _ value: RawJSON) {
        key(name)
        raw(value)
    }
    public mutating func null(_ name: String) {
        key(name)
        null()
    }

    /// Writes the member only when there is a value.
    public mutating func member(_ name: String, ifPresent value: String?) { if let value { member(name, value) } }
    public mutating func member(_ name: String, ifPresent value: (some BinaryInteger)?) {
        if let value { member(name, value) }
    }
    public mutating func member(_ name: String, ifPresent value: RawJSON?) { if let value { member(name, value) } }

    public mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        object(body)
    }
    public mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        array(body)
    }

    // MARK: Values

    public mutating func string(_ value: String) {
        separate()
        writeQuoted(value)
        needsComma = true
    }

    public mutating func integer(_ value: some BinaryInteger) {
        separate()
        if let value = Int64(exactly: value) {
            bytes.append(decimal: value)
        } else {
            bytes.append(contentsOf: String(value).utf8)
        }
        needsComma = true
    }
    /// The common case, without a generic call.
    public mutating func integer(_ value: Int64) {
        separate()
        bytes.append(decimal: value)
        needsComma = true
    }

    public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
    public mutating func null() { literal("null") }

    public mutating func raw(_ value: RawJSON) {
        separate()
        bytes.append(contentsOf: value.bytes)
        needsComma = true
    }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    /// Runs that need no escape are copied as they are: nearly every text is one run.
    private mutating func writeQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var begin = 0
            for index in 0..<utf8.count where Self.needsEscape(utf8[index]) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[begin..<index]))
                writeEscape(of: utf8[index])
                begin = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[begin...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func writeEscape(of byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }

}

extension [UInt8] {
    /// The digits of a number, with a minus sign before a negative one.
    mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        // The digits come from the end: 19 at most.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var begin = digits.count
            repeat {
                begin -= 1
                digits.initializeElement(at: begin, to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            } while rest > 0
            append(contentsOf: UnsafeBufferPointer(rebasing: digits[begin...]))
        }
    }
}

extension RawJSON {
    /// An object the gateway composes.
    public static func object(reserving capacity: Int = 256, _ body: (inout JSONWriter) -> Void) -> RawJSON {
        RawJSON(archived: JSONWriter.object(reserving: capacity, body))
    }

    /// The value with the members of every object sorted by key, numbers kept as their text and strings in one
    /// spelling: equal for two documents that say the same in another order or with other escapes.
    public var canonical: RawJSON {
        var writer = JSONWriter(reserving: bytes.count)
        Self.writeCanonical(self, into: &writer)
        return RawJSON(archived: writer.bytes)
    }

    private static func writeCanonical(_ value: RawJSON, into writer: inout JSONWriter) {
        switch value.kind {
        case .object:
            let members = (value.object?.members ?? []).sorted { $0.key < $1.key }
            writer.object { writer in
                for member in members {
                    writer.key(member.key)
                    writeCanonical(member.value, into: &writer)
                }
            }
        case .array:
            let elements = value.array ?? []
            writer.array { writer in
                for element in elements { writeCanonical(element, into: &writer) }
            }
        case .string: writer.string(value.string ?? "")
        case .number, .bool, .null: writer.raw(value)
        }
    }
}
