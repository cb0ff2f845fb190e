/// A rule that a message broke: the vendor's code for it, and what was found.
struct CodedRefusal: Error {
    let code: Int
    let detail: String

    init(_ code: Int, _ detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// Reads the members of a JSON object and refuses what is of another type or too long.
struct CodedFields {
    let members: [String: JSONValue]
    /// The vendor's code for a member that must not be as it is.
    let invalid: Int

    subscript(name: String) -> JSONValue? {
        if case .null? = members[name] { return nil }
        return members[name]
    }

    /// - Parameter most: UTF-16 code units, as the vendors' own servers count characters.
    func text(_ name: String, most: Int, invalid code: Int? = nil) throws(CodedRefusal) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw CodedRefusal(code ?? invalid, "\(name) is no text") }
        guard text.utf16.count <= most else {
            throw CodedRefusal(
                code ?? invalid, "\(name) has \(text.utf16.count) characters, at most \(most) are allowed")
        }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int64>, invalid code: Int? = nil) throws(CodedRefusal) -> Int64?
    {
        guard let value = self[name] else { return nil }
        guard let number = value.integer else { throw CodedRefusal(code ?? invalid, "\(name) is no integer") }
        guard range.contains(number) else { throw CodedRefusal(code ?? invalid, "\(name) is \(number)") }
        return number
    }

    func integer(_ name: String, of choices: Set<Int64>, invalid code: Int? = nil) throws(CodedRefusal) -> Int64? {
        let number = try integer(name, in: Int64.min...Int64.max, invalid: code)
        if let number, !choices.contains(number) { throw CodedRefusal(code ?? invalid, "\(name) is \(number)") }
        return number
    }

    @discardableResult
    func bool(_ name: String) throws(CodedRefusal) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let bool = value.bool else { throw CodedRefusal(invalid, "\(name) is not true or false") }
        return bool
    }
}

/// What was seen lately, within a bound: two generations, of which the older is forgotten when the newer is full.
struct RecentKeys<Value> {
    private let most: Int
    private var newer: [String: Value] = [:]
    private var older: [String: Value] = [:]

    /// - Parameter most: how many keys are certainly remembered; at most twice as many are.
    init(most: Int) { self.most = max(1, most) }

    subscript(key: String) -> Value? { newer[key] ?? older[key] }

    mutating func remember(_ key: String, _ value: Value) {
        if newer.count >= most {
            older = newer
            newer = [:]
        }
        newer[key] = value
    }
}
