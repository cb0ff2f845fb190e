/// Reads the members of a request body and collects every fault with its JSON pointer, so that a caller sees all of
/// them at once (contract, section 4: `errors`).
public struct BodyReader {
    private let object: JSONObject
    public private(set) var faults: [GatewayError.FieldFault] = []

    public init(_ object: JSONObject) {
        self.object = object
        if let key = object.repeatedKey { fault(key, "This key is given twice.") }
    }

    public init(parsing body: RawJSON) throws(GatewayError) {
        guard let object = body.object else { throw .invalid("", "The body must be a JSON object.") }
        self.init(object)
    }

    public mutating func fault(_ key: String, _ detail: String) {
        let pointer = "/" + key.replacing("~", with: "~0")
        faults.append(GatewayError.FieldFault(pointer: pointer, detail: detail))
    }

    /// The member as `convert` reads it; nil when it is absent or null, a fault when it cannot be read.
    public mutating func value<Value>(
        _ key: String, expected: String, _ convert: (RawJSON) -> Value?
    ) -> Value? {
        guard let raw = object[key] else { return nil }
        guard let value = convert(raw) else {
            fault(key, "Expected \(expected).")
            return nil
        }
        return value
    }

    public mutating func string(_ key: String, where isValid: (String) -> Bool = { _ in true }) -> String? {
        value(key, expected: "a valid text") { $0.string.flatMap { isValid($0) ? $0 : nil } }
    }

    public mutating func bool(_ key: String) -> Bool? { value(key, expected: "true or false") { $0.bool } }

    public mutating func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        value(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)") {
            $0.integer.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func object(_ key: String) -> JSONObject? { value(key, expected: "an object") { $0.object } }

    /// A list of texts that all pass `isValid`.
    public mutating func strings(_ key: String, max: Int, where isValid: (String) -> Bool = { _ in true }) -> [String]?
    {
        guard let raw = object[key] else { return nil }
        guard let elements = raw.array, elements.count <= max else {
            fault(key, "Expected a list of at most \(max) texts.")
            return nil
        }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.string, isValid(text) else {
                fault("\(key)/\(index)", "Expected a valid text.")
                continue
            }
            texts.append(text)
        }
        return texts
    }

    /// Notes a fault when `value` is missing and hands it through.
    public mutating func required<Value>(_ key: String, _ value: Value?) -> Value? {
        if value == nil, !faults.contains(where: { $0.pointer.hasPrefix("/" + key) }) {
            fault(key, "This is required.")
        }
        return value
    }

    /// Throws `invalid_request` with everything that was found.
    public func finish() throws(GatewayError) {
        guard let first = faults.first else { return }
        let detail = faults.count == 1 ? "\(first.pointer): \(first.detail)" : "\(faults.count) members are not valid."
        throw GatewayError(.invalidRequest, detail, errors: faults)
    }
}
