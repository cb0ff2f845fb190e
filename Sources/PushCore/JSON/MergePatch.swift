/// JSON Merge Patch (RFC 7396) and writing single members, over checked bytes. Members keep their order; new ones
/// come last; numbers keep their text.
extension RawJSON {
    /// This value with `patch` applied: a member that is null in the patch goes, an object is merged, anything else
    /// is put in place. A patch that is no object is the result (RFC 7396, section 2).
    public func merging(_ patch: RawJSON) -> RawJSON {
        guard let changes = patch.object else { return patch }
        var members = object.map { Self.distinct($0.members) } ?? []
        for change in Self.distinct(changes.members) {
            let index = members.firstIndex { $0.key == change.key }
            if change.value.isNull {
                if let index { members.remove(at: index) }
            } else if let index {
                members[index].value = members[index].value.merging(change.value)
            } else {
                members.append((change.key, RawJSON.null.merging(change.value)))
            }
        }
        return Self.composed(members)
    }

    /// The value at the end of a path of object keys, null included, or nil when there is none.
    public func value(at path: [String]) -> RawJSON? {
        var current = self
        for key in path {
            guard let next = current.object?.members.last(where: { $0.key == key })?.value else { return nil }
            current = next
        }
        return current
    }

    /// This value with the member at the path set, or removed when `value` is nil. What stands in the way of the path
    /// and is no object becomes one; nothing is made for a removal.
    public func setting(_ value: RawJSON?, at path: [String]) -> RawJSON {
        guard let key = path.first else { return value ?? self }
        if value == nil, object == nil { return self }
        var members = object.map { Self.distinct($0.members) } ?? []
        let rest = Array(path.dropFirst())
        if let index = members.firstIndex(where: { $0.key == key }) {
            if rest.isEmpty, value == nil {
                members.remove(at: index)
            } else {
                members[index].value = members[index].value.setting(value, at: rest)
            }
        } else if let value {
            members.append((key, RawJSON.emptyObject.setting(value, at: rest)))
        }
        return Self.composed(members)
    }

    static let null = RawJSON(archived: Array("null".utf8))

    /// The members with the last of equal keys, in the place of the first.
    private static func distinct(_ members: [JSONObject.Member]) -> [(key: String, value: RawJSON)] {
        var found: [(key: String, value: RawJSON)] = []
        for member in members {
            if let index = found.firstIndex(where: { $0.key == member.key }) {
                found[index].value = member.value
            } else {
                found.append((member.key, member.value))
            }
        }
        return found
    }

    private static func composed(_ members: [(key: String, value: RawJSON)]) -> RawJSON {
        .object { writer in
            for member in members { writer.member(member.key, member.value) }
        }
    }
}
