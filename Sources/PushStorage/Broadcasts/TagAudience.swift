import PushCore

/// Everyone with some tags, perhaps only of those who were named, as it is when a message is archived. A tag that
/// nobody ever got counts as one without members.
struct TagAudience {
    struct Tag: Hashable {
        let key: Int64
        let version: Int64
    }

    let accounts: [AccountRef]
    let groups: [GroupRow]
    let any: Set<Tag>
    let all: Set<Tag>
    let not: Set<Tag>
    /// Names of people, groups and tags that nobody answers to, each once.
    let unknown: [String]
    /// Nobody can fit: a list that has to match has no known name.
    let matchesNobody: Bool

    var isAnyNameKnown: Bool {
        !(accounts.isEmpty && groups.isEmpty && any.isEmpty && all.isEmpty && not.isEmpty)
    }

    /// - Parameters:
    ///   - listsPeople: users, accounts or groups were named, known or not.
    ///   - tag: looks a name up.
    init(
        _ rule: TagRule, accounts: [AccountRef], groups: [GroupRow], listsPeople: Bool, unknown: [String],
        tag: (String) throws -> Tag?
    ) rethrows {
        var unknownTags: Set<String> = []
        func known(_ names: [String]) throws -> Set<Tag> {
            var found: Set<Tag> = []
            for name in Set(names) {
                if let tag = try tag(name) { found.insert(tag) } else { unknownTags.insert(name) }
            }
            return found
        }
        self.accounts = accounts
        self.groups = groups
        any = try known(rule.any)
        all = try known(rule.all)
        not = try known(rule.not)
        self.unknown = unknown + unknownTags.sorted()
        matchesNobody =
            (listsPeople && accounts.isEmpty && groups.isEmpty) || (!rule.any.isEmpty && any.isEmpty)
            || all.count < Set(rule.all).count
    }
}
