import PushGateClient

/// What may stand in one place of an answer or an item.
indirect enum Field: Sendable {
    case exactly(JSONValue)
    case oneOf([JSONValue])
    case integer(ClosedRange<Int64>)
    case text
    /// An array of these texts, in any order.
    case permutation(of: [String])
    /// Objects with at least these members.
    case object([(String, Field)])

    static func text(_ text: String) -> Field { .exactly(.string(text)) }
    static func number(_ number: some BinaryInteger) -> Field { .exactly(JSONValue(number)) }
    static func flag(_ value: Bool) -> Field { .exactly(.bool(value)) }
    static let anyTime = Field.integer(1_600_000_000_000...9_007_199_254_740_991)

    func allows(_ value: JSONValue) -> Bool {
        switch self {
        case .exactly(let expected): value == expected
        case .oneOf(let all): all.contains(value)
        case .integer(let range): value.integer.map(range.contains) ?? false
        case .text: !(value.string ?? "").isEmpty
        case .permutation(let texts): value.array?.compactMap(\.string).sorted() == texts.sorted()
        case .object(let members): Self.mismatch(members, value) == nil
        }
    }

    /// The first member that is not as expected. Further members are allowed.
    static func mismatch(_ members: [(String, Field)], _ value: JSONValue) -> String? {
        for (name, field) in members {
            guard let found = value[name] else { return "\(name) is missing, expected \(field)" }
            if !field.allows(found) { return "\(name) is \(found), expected \(field)" }
        }
        return nil
    }
}

extension Field: CustomStringConvertible {
    var description: String {
        switch self {
        case .exactly(let value): "\(value)"
        case .oneOf(let values): "one of \(values)"
        case .integer(let range): "\(range)"
        case .text: "a text"
        case .permutation(let texts): "\(texts) in any order"
        case .object(let members):
            "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
        }
    }
}

/// How an operation has to end.
enum Expectation: Sendable {
    /// With one of these codes of the contract, section 4.
    case refused([String])
    /// With these members, and what the model has to take over from the answer.
    case done([(String, Field)], Lesson?)

    static func refused(_ code: String) -> Expectation { .refused([code]) }
}

/// What only the gateway knows.
enum Lesson: Sendable {
    case sent(id: String)
    case updated(id: String)
    case revoked(id: String)
    case burned(id: String, account: String)
    case registered(device: Int)
    case acknowledged(device: Int)
    case read(account: String, peer: String)
}

/// An item of sync or history as it has to be: the contract's keys in the contract's order (sections 1 and 13).
struct ExpectedItem: Sendable, CustomStringConvertible {
    var members: [(String, Field)]
    /// A `target` that may be there, before `tenantNo`.
    var optionalTarget: Field?
    /// `content` is among the members, and always there.
    var isEvent = false
    /// nil: never without content.
    var content: JSONValue?
    /// Flags that may say why there is no content; when there are any, there is none.
    var reasons: Set<String> = []
    /// Its life ends just now: with or without content.
    var mayHaveExpired = false

    /// What is wrong with an item; nil when nothing is.
    func mismatch(_ item: JSONValue) -> String? {
        guard let actual = item.members else { return "no object" }
        var rest = actual[...]
        for (name, field) in members {
            if name == "tenantNo", let optionalTarget, rest.first?.name == "target" {
                guard let found = rest.popFirst(), optionalTarget.allows(found.value) else {
                    return "target, expected \(optionalTarget)"
                }
            }
            guard let found = rest.popFirst() else { return "\(name) is missing" }
            guard found.name == name else { return "\(found.name) where \(name) was expected" }
            if name == "content", !isEvent {
                if let wrong = contentMismatch(found.value, rest) { return wrong }
                continue
            }
            if !field.allows(found.value) { return "\(name) is \(found.value), expected \(field)" }
        }
        return flagsMismatch(rest)
    }

    private func contentMismatch(_ found: JSONValue, _ rest: ArraySlice<JSONValue.Member>) -> String? {
        if found.isNull {
            return reasons.isEmpty && !mayHaveExpired ? "there is no content" : nil
        }
        if !reasons.isEmpty { return "there is content although it is \(reasons.sorted())" }
        return found == content ? nil : "content is \(found), expected \(content ?? .null)"
    }

    private func flagsMismatch(_ rest: ArraySlice<JSONValue.Member>) -> String? {
        var allowed = reasons
        if mayHaveExpired { allowed.insert("expired") }
        for member in rest where !allowed.contains(member.name) || member.value != .bool(true) {
            return "\(member.name): \(member.value) was not expected"
        }
        return rest.isEmpty && !reasons.isEmpty ? "no flag says \(reasons.sorted())" : nil
    }

    var description: String {
        let text = members.map { name, field in
            name == "content" && !isEvent && reasons.isEmpty
                ? "\"content\": \(content ?? .null)" : "\"\(name)\": \(field)"
        }.joined(separator: ", ")
        return "{\(text)}\(reasons.isEmpty ? "" : " \(reasons.sorted())")"
    }
}
