import PushCore

/// Reads the members of a vendor's settings and collects everything that is wrong with them, so that a person is told
/// all of it at once.
struct SettingsReader {
    private let object: JSONObject?
    private let prefix: String
    private(set) var faults: [GatewayError.FieldFault] = []

    init(_ settings: RawJSON) {
        object = settings.object
        prefix = ""
        if object == nil { fault("", "must be an object") }
    }

    mutating func fault(_ name: String, _ detail: String) {
        // RFC 6901: "~" and "/" in a key would have to be escaped; no key here has them.
        faults.append(.init(pointer: name.isEmpty ? "" : "/" + name, detail: detail))
    }

    /// Throws `invalid_request` with a pointer for each fault.
    func finish() throws(GatewayError) {
        guard let first = faults.first else { return }
        let name = first.pointer.isEmpty ? "The settings" : String(first.pointer.dropFirst())
        throw GatewayError(.invalidRequest, "\(name) \(first.detail)", errors: faults)
    }

    // MARK: Values

    mutating func optionalString(_ name: String, bytesMax: Int = 256) -> String? {
        guard let value = object?[name] else { return nil }
        guard let text = value.string else {
            fault(name, "must be a string")
            return nil
        }
        guard !text.isEmpty, text.utf8.count <= bytesMax, !text.unicodeScalars.contains(where: { $0.value == 0 }) else {
            fault(name, "must have 1 to \(bytesMax) bytes")
            return nil
        }
        return text
    }

    /// An absent member is a fault; the empty string returned then is never used.
    mutating func string(_ name: String, bytesMax: Int = 256) -> String {
        if object?[name] == nil { fault(name, "is required") }
        return optionalString(name, bytesMax: bytesMax) ?? ""
    }

    /// A required text of these ASCII characters only, fit for a header or a path.
    mutating func identifier(_ name: String, characters: Set<Character> = Self.plainCharacters, count: Int? = nil)
        -> String
    {
        let text = string(name)
        guard !text.isEmpty else { return text }
        if !text.allSatisfy(characters.contains) { fault(name, "has a character that is not allowed") }
        if let count, text.count != count { fault(name, "must have \(count) characters") }
        return text
    }

    /// False when absent.
    mutating func flag(_ name: String) -> Bool {
        guard let value = object?[name] else { return false }
        guard let flag = value.bool else {
            fault(name, "must be true or false")
            return false
        }
        return flag
    }

    mutating func optionalObject(_ name: String) -> JSONObject? {
        guard let value = object?[name] else { return nil }
        guard let found = value.object else {
            fault(name, "must be an object")
            return nil
        }
        return found
    }

    /// A required text of digits, which may also be written as a number.
    mutating func digits(_ name: String, countMax: Int = 18) -> String {
        guard let value = object?[name] else {
            fault(name, "is required")
            return ""
        }
        let text = value.integer.map(String.init) ?? value.string ?? ""
        if text.isEmpty || text.utf8.count > countMax || !text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            fault(name, "must be a number")
            return ""
        }
        return text
    }

    /// The default when absent.
    mutating func integer(_ name: String, in range: ClosedRange<Int>, default value: Int) -> Int {
        guard let member = object?[name] else { return value }
        guard let number = member.integer, let found = Int(exactly: number), range.contains(found) else {
            fault(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")
            return value
        }
        return found
    }

    /// ``identifier(_:characters:count:)`` for a member that may be absent.
    mutating func optionalIdentifier(_ name: String, characters: Set<Character> = Self.plainCharacters) -> String? {
        object?[name] == nil ? nil : identifier(name, characters: characters)
    }

    mutating func optionalInteger(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = object?[name] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            fault(name, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func optionalBool(_ name: String) -> Bool? { object?[name] == nil ? nil : flag(name) }

    /// One of these words.
    mutating func optionalWord(_ name: String, of words: [String]) -> String? {
        guard let text = optionalString(name) else { return nil }
        guard words.contains(text) else {
            fault(name, "must be one of " + words.joined(separator: ", "))
            return nil
        }
        return text
    }

    mutating func object(_ name: String) -> RawJSON? {
        guard let value = object?[name] else {
            fault(name, "is required")
            return nil
        }
        guard value.kind == .object else {
            fault(name, "must be an object")
            return nil
        }
        return value
    }

    /// An absent budget bounds nothing. An unknown member is a fault: a misspelt bound would bound nothing.
    mutating func budget(_ name: String) -> PushBudget {
        var budget = PushBudget.unlimited
        guard let value = object?[name] else { return budget }
        guard let members = value.object?.members else {
            fault(name, "must be an object")
            return budget
        }
        for member in members {
            guard let field = PushBudget.fields.first(where: { $0.name == member.key }) else {
                fault("\(name)/\(member.key)", "is not known")
                continue
            }
            guard let number = member.value.integer, (1...Self.budgetMax).contains(number) else {
                fault("\(name)/\(member.key)", "must be a whole number from 1 on")
                continue
            }
            budget[keyPath: field.path] = number
        }
        return budget
    }

    private static let budgetMax: Int64 = 1_000_000_000_000

    mutating func url(_ name: String, required: Bool, policy: EndpointPolicy, secureOnly: Bool = false) -> EndpointURL?
    {
        let text = required ? string(name, bytesMax: 2048) : optionalString(name, bytesMax: 2048)
        guard let text, !text.isEmpty else { return nil }
        return url(name, text: text, policy: policy, secureOnly: secureOnly)
    }

    mutating func url(_ pointer: String, text: String, policy: EndpointPolicy, secureOnly: Bool = false) -> EndpointURL?
    {
        do {
            let url = try EndpointURL(text)
            try policy.check(url)
            if secureOnly, !url.isSecure {
                fault(pointer, "must be an https URL")
                return nil
            }
            return url
        } catch let error as EndpointURL.Fault {
            fault(pointer, error.reason)
        } catch let error as EndpointPolicy.Refusal {
            fault(pointer, error.reason)
        } catch {
            fault(pointer, "is not usable")
        }
        return nil
    }

    /// Letters, digits, `.`, `-`, `_`.
    static let plainCharacters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
}
