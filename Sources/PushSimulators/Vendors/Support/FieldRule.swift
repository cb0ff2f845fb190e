/// What a vendor allows in one place of a JSON message.
indirect enum FieldRule: Sendable {
    /// Length in characters, as a person counts them.
    case text(ClosedRange<Int>)
    case secureURL
    case bool
    case integer(ClosedRange<Int64>)
    /// A text out of a list.
    case choice(Set<String>)
    case list(FieldRule, most: Int)
    /// Named members; others are refused.
    case members([String: FieldRule], required: Set<String> = [])
    /// Any JSON object.
    case object
    /// Where the real rule is checked elsewhere, or where any value goes.
    case any

    static let anyText = FieldRule.text(0...Int.max)
    static let anyInteger = FieldRule.integer(Int64(Int32.min)...Int64(Int32.max))
    static let zeroOrOne = FieldRule.integer(0...1)
    static let textList = FieldRule.list(.anyText, most: 100)

    /// What is wrong with a value; nil when nothing is.
    func violation(of value: JSONValue, at path: String = "") -> FieldViolation? {
        switch (self, value) {
        case (.any, _), (.bool, .bool), (.object, .object): return nil
        case (.text(let length), .string(let text)):
            // Counting characters is slow; a text has at most as many as it has bytes.
            if length.lowerBound <= 1, !text.isEmpty, text.utf8.count <= length.upperBound { return nil }
            return length.contains(text.count) ? nil : .init(path, .value, "length \(text.count) is not in \(length)")
        case (.secureURL, .string(let text)):
            return text.hasPrefix("https://") && text.utf8.count > 8 ? nil : .init(path, .value, "is no https URL")
        case (.integer(let range), .integer(let number)):
            return range.contains(number) ? nil : .init(path, .value, "\(number) is not in \(range)")
        case (.choice(let names), .string(let name)):
            return names.contains(name)
                ? nil : .init(path, .value, "is none of \(names.sorted().joined(separator: ", "))")
        case (.list(let rule, let most), .array(let items)):
            guard items.count <= most else { return .init(path, .value, "has more than \(most) items") }
            for (index, item) in items.enumerated() {
                if let violation = rule.violation(of: item, at: "\(path)[\(index)]") { return violation }
            }
            return nil
        case (.members(let rules, let required), .object(let members)):
            for (name, member) in members {
                let place = path.isEmpty ? name : "\(path).\(name)"
                guard let rule = rules[name] else { return .init(place, .structure, "is unknown") }
                if let violation = rule.violation(of: member, at: place) { return violation }
            }
            return required.sorted().first { members[$0] == nil }.map {
                .init(path.isEmpty ? $0 : "\(path).\($0)", .structure, "is missing")
            }
        default: return .init(path, .structure, "is of the wrong type")
        }
    }
}

/// A broken ``FieldRule``.
struct FieldViolation: Error, Equatable {
    enum Kind: Sendable {
        /// A name that is unknown or missing, or a value of the wrong type.
        case structure
        /// A value of the right type that is not allowed.
        case value
    }

    /// Dots between names, no dot in front.
    let path: String
    let kind: Kind
    let reason: String

    init(_ path: String, _ kind: Kind, _ reason: String) {
        self.path = path
        self.kind = kind
        self.reason = reason
    }

    var text: String { "\(path) \(reason)" }
}
