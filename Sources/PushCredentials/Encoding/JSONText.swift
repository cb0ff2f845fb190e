/// Writes the few JSON documents whose shape never changes: a generic encoder costs more than the signature it is for.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    init(reserving capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    mutating func object(_ name: String? = nil, _ members: (inout JSONText) -> Void) {
        begin(name, UInt8(ascii: "{"))
        members(&self)
        end(UInt8(ascii: "}"))
    }

    mutating func member(_ name: String, _ value: String) {
        key(name)
        quote(value)
        needsComma = true
    }

    mutating func member(_ name: String, _ value: Int64) {
        key(name)
        bytes.append(contentsOf: String(value).utf8)
        needsComma = true
    }

    mutating func member(_ name: String, _ values: [String]) {
        begin(name, UInt8(ascii: "["))
        for value in values {
            separate()
            quote(value)
            needsComma = true
        }
        end(UInt8(ascii: "]"))
    }

    private mutating func begin(_ name: String?, _ sign: UInt8) {
        if let name { key(name) } else { separate() }
        bytes.append(sign)
        needsComma = false
    }

    private mutating func end(_ sign: UInt8) {
        bytes.append(sign)
        needsComma = true
    }

    private mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(UInt8(ascii: "0") + (byte >> 4))
                let digit = byte & 15
                bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
