/// A strict RFC 8259 scanner over one buffer. `scanDocument` checks everything; `members` and `elements` walk bytes
/// that were checked before and therefore skip quickly.
struct JSONScanner {
    private let buffer: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ buffer: UnsafeBufferPointer<UInt8>) { self.buffer = buffer }

    // MARK: Checking

    mutating func scanDocument() throws(JSONFault) -> Range<Int> {
        skipWhiteSpace()
        let start = position
        try scanValue(depth: 0)
        let end = position
        skipWhiteSpace()
        guard position == buffer.count else { throw fault("more than one value") }
        return start..<end
    }

    private mutating func scanValue(depth: Int) throws(JSONFault) {
        guard depth <= RawJSON.depthMax else { throw fault("nested deeper than \(RawJSON.depthMax) levels") }
        guard position < buffer.count else { throw fault("unexpected end") }
        switch buffer[position] {
        case UInt8(ascii: "{"): try scanObject(depth: depth)
        case UInt8(ascii: "["): try scanArray(depth: depth)
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        default: try scanNumber()
        }
    }

    private mutating func scanObject(depth: Int) throws(JSONFault) {
        position += 1
        skipWhiteSpace()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipWhiteSpace()
            guard position < buffer.count, buffer[position] == UInt8(ascii: "\"") else { throw fault("expected a key") }
            try scanString()
            skipWhiteSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("expected ':'") }
            skipWhiteSpace()
            try scanValue(depth: depth + 1)
            skipWhiteSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw fault("expected ',' or '}'") }
            return
        }
    }

    private mutating func scanArray(depth: Int) throws(JSONFault) {
        position += 1
        skipWhiteSpace()
        if take(UInt8(ascii: "]")) { return }
        while true {
            skipWhiteSpace()
            try scanValue(depth: depth + 1)
            skipWhiteSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw fault("expected ',' or ']'") }
            return
        }
    }

    private mutating func scanLiteral(_ literal: StaticString) throws(JSONFault) {
        let count = literal.utf8CodeUnitCount
        guard position + count <= buffer.count else { throw fault("unexpected end") }
        for index in 0..<count where buffer[position + index] != literal.utf8Start[index] {
            throw fault("unknown word")
        }
        position += count
    }

    private mutating func scanNumber() throws(JSONFault) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) {
            guard skipDigits() else { throw fault("unexpected character") }
        }
        if take(UInt8(ascii: ".")) {
            guard skipDigits() else { throw fault("expected a digit") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard skipDigits() else { throw fault("expected a digit") }
        }
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while position < buffer.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(buffer[position]) {
            position += 1
        }
        return position > start
    }

    private mutating func scanString() throws(JSONFault) {
        position += 1
        while position < buffer.count {
            let byte = buffer[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                try scanEscape()
            case 0..<0x20:
                throw fault("control character in a string")
            case 0x20..<0x80:
                position += 1
            default:
                try scanMultiByteCharacter()
            }
        }
        throw fault("unexpected end of a string")
    }

    private mutating func scanEscape() throws(JSONFault) {
        guard position + 1 < buffer.count else { throw fault("unexpected end of a string") }
        switch buffer[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            let unit = try hexUnit(at: position + 2)
            position += 6
            if UTF16.isTrailSurrogate(unit) { throw fault("unpaired surrogate") }
            guard UTF16.isLeadSurrogate(unit) else { return }
            guard position + 1 < buffer.count, buffer[position] == UInt8(ascii: "\\"),
                buffer[position + 1] == UInt8(ascii: "u")
            else { throw fault("unpaired surrogate") }
            guard UTF16.isTrailSurrogate(try hexUnit(at: position + 2)) else { throw fault("unpaired surrogate") }
            position += 6
        default:
            throw fault("unknown escape")
        }
    }

    private func hexUnit(at start: Int) throws(JSONFault) -> UInt16 {
        guard start + 4 <= buffer.count else { throw fault("unexpected end of a string") }
        var unit: UInt16 = 0
        for index in start..<(start + 4) {
            guard let digit = Self.hexValue(buffer[index]) else { throw fault("expected four hexadecimal digits") }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
    private mutating func scanMultiByteCharacter() throws(JSONFault) {
        let first = buffer[position]
        let (count, second): (Int, ClosedRange<UInt8>)
        switch first {
        case 0xC2...0xDF: (count, second) = (2, 0x80...0xBF)
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (count, second) = (3, 0x80...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (count, second) = (4, 0x80...0xBF)
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        default: throw fault("invalid UTF-8")
        }
        guard position + count <= buffer.count, second.contains(buffer[position + 1]) else {
            throw fault("invalid UTF-8")
        }
        for index in (position + 2)..<(position + max(count, 2)) where !(0x80...0xBF).contains(buffer[index]) {
            throw fault("invalid UTF-8")
        }
        position += count
    }

    private func fault(_ reason: String) -> JSONFault { JSONFault(offset: position, reason: reason) }

    // MARK: Walking checked bytes

    mutating func members() -> [(key: String, value: Range<Int>)] {
        var found: [(key: String, value: Range<Int>)] = []
        position = 1
        while true {
            skipWhiteSpace()
            guard position < buffer.count, buffer[position] == UInt8(ascii: "\"") else { return found }
            let key = skipValue()
            skipWhiteSpace()
            position += 1  // ':'
            skipWhiteSpace()
            let value = skipValue()
            found.append((Self.text(of: buffer[(key.lowerBound + 1)..<(key.upperBound - 1)]), value))
            skipWhiteSpace()
            guard take(UInt8(ascii: ",")) else { return found }
        }
    }

    mutating func elements() -> [Range<Int>] {
        var found: [Range<Int>] = []
        position = 1
        while true {
            skipWhiteSpace()
            guard position < buffer.count, buffer[position] != UInt8(ascii: "]") else { return found }
            found.append(skipValue())
            skipWhiteSpace()
            guard take(UInt8(ascii: ",")) else { return found }
        }
    }

    private mutating func skipValue() -> Range<Int> {
        let start = position
        var depth = 0
        while position < buffer.count {
            switch buffer[position] {
            case UInt8(ascii: "\""):
                skipString()
                if depth == 0 { return start..<position }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return start..<position }
                depth -= 1
                position += 1
                if depth == 0 { return start..<position }
            case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                if depth == 0 { return start..<position }
                position += 1
            default:
                position += 1
            }
        }
        return start..<position
    }

    private mutating func skipString() {
        position += 1
        while position < buffer.count, buffer[position] != UInt8(ascii: "\"") {
            position += buffer[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
    }

    private mutating func skipWhiteSpace() {
        while position < buffer.count {
            switch buffer[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < buffer.count, buffer[position] == byte else { return false }
        position += 1
        return true
    }

    // MARK: Text

    private static func text(of inner: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        inner.contains(UInt8(ascii: "\\")) ? unescape(inner) : String(decoding: inner, as: UTF8.self)
    }

    /// The text behind the inside of a checked JSON string.
    static func unescape(_ inner: some Collection<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(inner.count)
        var rest = inner.makeIterator()
        var lead: UInt16 = 0
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.next() else {
                output.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var unit: UInt16 = 0
                for _ in 0..<4 { unit = unit << 4 | UInt16(rest.next().flatMap(hexValue) ?? 0) }
                if UTF16.isLeadSurrogate(unit) {
                    lead = unit
                } else {
                    let pair = UTF16.isTrailSurrogate(unit) ? [lead, unit] : [unit]
                    output.append(contentsOf: String(decoding: pair, as: UTF16.self).utf8)
                }
            default: output.append(escape)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
