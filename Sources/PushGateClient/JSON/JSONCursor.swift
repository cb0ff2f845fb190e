// JSONCursor.swift
//
// Walks over JSON bytes without building anything. A device that only counts what it receives needs two numbers and a
// text of each entry; decoding the whole payload would be most of its work.

/// A place in a JSON document.
struct JSONCursor {
    let bytes: [UInt8]
    private(set) var offset: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        offset = 0
        end = bytes.count
    }

    /// Walks over one value inside the document.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { offset >= end }
    var peek: UInt8? { offset < end ? bytes[offset] : nil }

    func fault(_ reason: String) -> JSONFault { JSONFault(offset: offset, reason: reason) }

    mutating func skipSpace() {
        while offset < end {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }

    mutating func expect(_ byte: UInt8) throws(JSONFault) {
        skipSpace()
        guard peek == byte else { throw fault("expected \(Character(UnicodeScalar(byte)))") }
        offset += 1
        skipSpace()
    }

    /// Steps into an object or array.
    /// - Returns: whether it has an element.
    mutating func open(_ opening: UInt8, closing: UInt8) throws(JSONFault) -> Bool {
        try expect(opening)
        guard peek == closing else { return true }
        offset += 1
        return false
    }

    /// Steps over the comma or the end after an element.
    /// - Returns: whether another element follows.
    mutating func next(closing: UInt8) throws(JSONFault) -> Bool {
        skipSpace()
        if peek == closing {
            offset += 1
            return false
        }
        try expect(UInt8(ascii: ","))
        return true
    }

    /// Steps over one value, however deep, without recursion.
    /// - Returns: where its bytes are.
    mutating func skipValue() throws(JSONFault) -> Range<Int> {
        skipSpace()
        let start = offset
        var depth = 0
        repeat {
            guard let byte = peek else { throw fault("the end came too early") }
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw fault("not a value") }
                depth -= 1
                offset += 1
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
                guard depth > 0 else { throw fault("not a value") }
                offset += 1
            default: skipScalar()
            }
        } while depth > 0
        return start..<offset
    }

    private mutating func skipScalar() {
        while offset < end {
            switch bytes[offset] {
            case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D,
                UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "{"):
                return
            default: offset += 1
            }
        }
    }

    /// Steps over a string.
    /// - Returns: whether it has escapes.
    @discardableResult
    private mutating func skipString() throws(JSONFault) -> Bool {
        var hasEscapes = false
        offset += 1
        while offset < end {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                offset += 2
            default: offset += 1
            }
        }
        throw fault("a string does not end")
    }

    mutating func readString() throws(JSONFault) -> String {
        skipSpace()
        guard peek == UInt8(ascii: "\"") else { throw fault("expected a string") }
        let start = offset + 1
        let hasEscapes = try skipString()
        let content = bytes[start..<(offset - 1)]
        return hasEscapes ? try unescape(content) : String(decoding: content, as: UTF8.self)
    }

    private func unescape(_ content: ArraySlice<UInt8>) throws(JSONFault) -> String {
        var units: [UInt16] = []
        var text = ""
        var plain = content.startIndex
        var index = content.startIndex
        func flushUnits() {
            text += String(decoding: units, as: UTF16.self)
            units = []
        }
        while index < content.endIndex {
            guard content[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            if plain < index {
                flushUnits()
                text += String(decoding: content[plain..<index], as: UTF8.self)
            }
            // `skipString` has made sure that a byte follows the backslash.
            let escape = content[index + 1]
            index += 2
            if escape == UInt8(ascii: "u") {
                let digits = content[index...].prefix(4)
                guard digits.count == 4, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    throw JSONFault(offset: index, reason: "not an escape")
                }
                units.append(unit)
                index += 4
            } else {
                guard let byte = Self.escapes[escape] else {
                    throw JSONFault(offset: index, reason: "not an escape")
                }
                units.append(UInt16(byte))
            }
            plain = index
        }
        flushUnits()
        return text + String(decoding: content[plain...], as: UTF8.self)
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
        UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]

    // MARK: Members and elements

    /// Walks over the members of an object: the bytes between the quotes of the name, and where the value is.
    mutating func forEachMember(_ body: (ArraySlice<UInt8>, Range<Int>) -> Void) throws(JSONFault) {
        var hasNext = try open(UInt8(ascii: "{"), closing: UInt8(ascii: "}"))
        while hasNext {
            guard peek == UInt8(ascii: "\"") else { throw fault("expected a name") }
            let start = offset + 1
            try skipString()
            let name = bytes[start..<(offset - 1)]
            try expect(UInt8(ascii: ":"))
            body(name, try skipValue())
            hasNext = try next(closing: UInt8(ascii: "}"))
        }
    }

    /// Where the elements of an array are.
    mutating func elements() throws(JSONFault) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var hasNext = try open(UInt8(ascii: "["), closing: UInt8(ascii: "]"))
        while hasNext {
            ranges.append(try skipValue())
            hasNext = try next(closing: UInt8(ascii: "]"))
        }
        return ranges
    }
}

/// Values at known places.
extension Array where Element == UInt8 {
    /// A whole number; nil where there is none.
    func integer(at range: Range<Int>) -> Int64? {
        guard !range.isEmpty, range.count < 20 else { return nil }
        var value: Int64 = 0
        let isNegative = self[range.lowerBound] == UInt8(ascii: "-")
        for byte in self[range].dropFirst(isNegative ? 1 : 0) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowAgain) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !overflow, !overflowAgain else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    func text(at range: Range<Int>) -> String? {
        var cursor = JSONCursor(self, in: range)
        return try? cursor.readString()  // nil where there is no string
    }

    func isTrue(at range: Range<Int>) -> Bool { self[range].elementsEqual("true".utf8) }
}

extension ArraySlice where Element == UInt8 {
    /// Compares with a name of plain ASCII.
    func isName(_ name: StaticString) -> Bool {
        count == name.utf8CodeUnitCount
            && name.withUTF8Buffer { expected in self.elementsEqual(expected) }
    }
}
