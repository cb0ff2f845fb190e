// RawJSON.swift
//
// JSON that is checked once and then carried as the bytes it came in.
//
// A message's `content` leaves the gateway exactly as it entered it: key order, number text, unknown keys (contract,
// section 1). Foundation's decoders rebuild a tree and lose the first two, so the gateway reads the few members it
// needs from the checked bytes and passes the rest on untouched.

/// Why some bytes are not acceptable JSON. `offset` counts bytes from the start of the document.
public struct JSONFault: Error, Equatable, Sendable {
    public let offset: Int
    public let reason: String

    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }
}

/// One JSON value (RFC 8259) as checked bytes. Holding one proves that the syntax is right, that strings are valid
/// UTF-8 without unpaired surrogates, and that nesting is at most ``RawJSON/depthMax``.
public struct RawJSON: Sendable, Hashable {
    /// Deepest nesting that is accepted. The contract asks for at least 30 kept and 20 000 refused.
    public static let depthMax = 128

    /// The value's own bytes, without surrounding white space.
    public let bytes: ArraySlice<UInt8>

    /// Checks a whole document: exactly one value, with nothing but white space around it.
    public init(parsing document: some Collection<UInt8>) throws(JSONFault) {
        self = try RawJSON(parsing: Array(document))
    }

    /// Checks a whole document: exactly one value, with nothing but white space around it.
    public init(parsing document: [UInt8]) throws(JSONFault) {
        let scanned: Result<Range<Int>, JSONFault> = document.withUnsafeBufferPointer { buffer in
            var scanner = JSONScanner(buffer)
            do throws(JSONFault) {
                return .success(try scanner.scanDocument())
            } catch {
                return .failure(error)
            }
        }
        self.bytes = document[try scanned.get()]
    }

    /// Bytes that are known to be one checked value: a part of another one, or what the gateway wrote itself.
    init(unchecked bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Bytes read back from the archive, which only ever holds checked values.
    public init(archived bytes: [UInt8]) { self.bytes = bytes[...] }

    public static let emptyObject = RawJSON(unchecked: Array("{}".utf8)[...])

    public enum Kind: Sendable { case object, array, string, number, bool, null }

    public var kind: Kind {
        switch bytes.first {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// The members of an object in their order, or nil when this is no object.
    public var object: JSONObject? {
        guard kind == .object else { return nil }
        return JSONObject(of: self)
    }

    /// The elements of an array in their order, or nil when this is no array.
    public var array: [RawJSON]? {
        guard kind == .array else { return nil }
        return bytes.withUnsafeBufferPointer { buffer in
            var scanner = JSONScanner(buffer)
            return scanner.elements().map { part($0) }
        }
    }

    /// The text of a string, or nil when this is no string.
    public var string: String? {
        guard kind == .string else { return nil }
        let inner = bytes.dropFirst().dropLast()
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        return JSONScanner.unescape(inner)
    }

    public var bool: Bool? {
        switch bytes.first {
        case UInt8(ascii: "t"): true
        case UInt8(ascii: "f"): false
        default: nil
        }
    }

    /// The value of a number that is an integer written without fraction or exponent and fits 64 bits.
    public var integer: Int64? {
        guard kind == .number else { return nil }
        return Int64(String(decoding: bytes, as: UTF8.self))
    }

    public var number: Double? {
        guard kind == .number else { return nil }
        return Double(String(decoding: bytes, as: UTF8.self))
    }

    public var isNull: Bool { bytes.first == UInt8(ascii: "n") }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    func part(_ range: Range<Int>) -> RawJSON {
        RawJSON(unchecked: bytes[(bytes.startIndex + range.lowerBound)..<(bytes.startIndex + range.upperBound)])
    }

    public static func == (left: RawJSON, right: RawJSON) -> Bool { left.bytes.elementsEqual(right.bytes) }

    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

/// The members of one JSON object, in the order they were written.
public struct JSONObject: Sendable {
    public struct Member: Sendable {
        public let key: String
        public let value: RawJSON
    }

    public let members: [Member]

    /// An object without members.
    public static let empty = JSONObject(members: [])

    private init(members: [Member]) { self.members = members }

    init(of value: RawJSON) {
        members = value.bytes.withUnsafeBufferPointer { buffer in
            var scanner = JSONScanner(buffer)
            return scanner.members().map { Member(key: $0.key, value: value.part($0.value)) }
        }
    }

    /// The value of a key that is there and not null. Objects here have a dozen members: a search beats a table.
    public subscript(key: String) -> RawJSON? {
        guard let value = members.first(where: { $0.key == key })?.value, !value.isNull else { return nil }
        return value
    }

    /// The first key that was written twice, if any.
    public var repeatedKey: String? {
        // Of a few, comparing is cheaper than hashing.
        if members.count <= 16 {
            return members.indices.first { index in
                members[..<index].contains { $0.key == members[index].key }
            }.map { members[$0].key }
        }
        var seen = Set<String>()
        return members.first { !seen.insert($0.key).inserted }?.key
    }
}
