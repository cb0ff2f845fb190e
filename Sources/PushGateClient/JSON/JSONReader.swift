/// Bytes that are not the JSON that was expected.
public struct JSONFault: Error, Sendable, Hashable {
    /// Bytes from the start of the document.
    public let offset: Int
    public let reason: String
}

/// Builds a ``JSONValue``.
struct JSONReader {
    /// Deepest nesting that is read. The gateway passes on 128 levels.
    static let depthMax = 200

    private var cursor: JSONCursor

    init(_ bytes: [UInt8]) { cursor = JSONCursor(bytes) }

    mutating func document() throws(JSONFault) -> JSONValue {
        let value = try value(depth: 0)
        cursor.skipSpace()
        guard cursor.isAtEnd else { throw cursor.fault("more than one value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
        guard depth < Self.depthMax else { throw cursor.fault("nested too deeply") }
        cursor.skipSpace()
        switch cursor.peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try cursor.readString())
        case nil: throw cursor.fault("the end came too early")
        default: return try scalar()
        }
    }

    private mutating func object(depth: Int) throws(JSONFault) -> JSONValue {
        var members: [JSONValue.Member] = []
        var hasNext = try cursor.open(UInt8(ascii: "{"), closing: UInt8(ascii: "}"))
        while hasNext {
            let name = try cursor.readString()
            try cursor.expect(UInt8(ascii: ":"))
            members.append(JSONValue.Member(name, try value(depth: depth + 1)))
            hasNext = try cursor.next(closing: UInt8(ascii: "}"))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONFault) -> JSONValue {
        var elements: [JSONValue] = []
        var hasNext = try cursor.open(UInt8(ascii: "["), closing: UInt8(ascii: "]"))
        while hasNext {
            elements.append(try value(depth: depth + 1))
            hasNext = try cursor.next(closing: UInt8(ascii: "]"))
        }
        return .array(elements)
    }

    private mutating func scalar() throws(JSONFault) -> JSONValue {
        let start = cursor.offset
        let text = String(decoding: cursor.bytes[try cursor.skipValue()], as: UTF8.self)
        switch text {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            guard text.first == "-" || text.first?.isNumber == true, Double(text) != nil else {
                throw JSONFault(offset: start, reason: "not a value")
            }
            return .number(text)
        }
    }
}
