import PushCore

/// A vendor's report as it came: JSON, or a form with JSON in one of its fields. Told apart by the first byte and not
/// by `Content-Type`, which vendors do not set reliably.
struct ReceiptBody {
    private enum Form {
        case json(RawJSON)
        case fields([String: String])
    }

    private let form: Form

    init(_ bytes: [UInt8]) throws(GatewayError) {
        let first = bytes.first { !Self.isSpace($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            form = .json(try Self.json(bytes))
        } else {
            form = .fields(try Self.fields(bytes))
        }
    }

    /// The document: the body itself, or the JSON in this field of the form.
    func document(inField name: String) throws(GatewayError) -> RawJSON {
        switch form {
        case .json(let document): return document
        case .fields(let fields):
            guard let text = fields[name] else {
                throw GatewayError(.invalidRequest, "The form has no field \(name).")
            }
            return try Self.json(Array(text.utf8))
        }
    }

    /// A field beside the document.
    func field(_ name: String) -> String? {
        switch form {
        case .json(let document): document.object?[name]?.string
        case .fields(let fields): fields[name]
        }
    }

    private static func json(_ bytes: [UInt8]) throws(GatewayError) -> RawJSON {
        do throws(JSONFault) {
            return try RawJSON(parsing: bytes)
        } catch {
            throw GatewayError(.invalidRequest, "The report is no valid JSON, at byte \(error.offset): \(error.reason)")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    // MARK: Forms

    /// Fields of `application/x-www-form-urlencoded`. Control characters pass: the JSON inside may be laid out in lines.
    private static func fields(_ bytes: [UInt8]) throws(GatewayError) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts[0]), let value = parts.count < 2 ? "" : decoded(parts[1]) else {
                throw GatewayError(.invalidRequest, "The form is not properly encoded.")
            }
            guard fields.updateValue(value, forKey: name) == nil else {
                throw GatewayError(.invalidRequest, "The form gives a field twice.")
            }
        }
        return fields
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}

extension RawJSON {
    /// Ids in an array, or in one text with commas between them.
    var idList: [String] {
        if let array { return array.compactMap(\.codeText).filter { !$0.isEmpty } }
        return (codeText ?? "").split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
    }

    /// A time in milliseconds; one in seconds is told by its size.
    var receiptTime: Milliseconds? {
        guard let time = codeText.flatMap(Int64.init), time > 0 else { return nil }
        return time < 100_000_000_000 ? time * 1000 : time
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        let start = drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}

/// A line of a vendor's table of receipts.
struct ReceiptRule: Sendable {
    let meaning: VendorReceipt.Meaning
    let text: String

    init(_ meaning: VendorReceipt.Meaning, _ text: String) {
        self.meaning = meaning
        self.text = text
    }

    /// For a code that is in no table: it is kept as the vendor said it.
    static let unlisted = ReceiptRule(.other, "a code this gateway does not know")

    func receipt(
        messageID: String?, token: String, vendorID: String? = nil, code: String, at: Milliseconds?
    ) -> VendorReceipt {
        VendorReceipt(
            messageID: messageID, token: token, vendorID: vendorID, code: String(code.prefix(64)), meaning: meaning,
            text: text, at: at)
    }
}
