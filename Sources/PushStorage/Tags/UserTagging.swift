import GRDB
import PushCore

/// Tags and attributes from their users' side: steps of one transaction.
struct UserTagging {
    let writer: Writer
    let ids: IDGenerator
    let tenant: TenantKey
    let now: Milliseconds

    private var db: Database { writer.db }
    private var membership: TagMembership { TagMembership(writer: writer, ids: ids, tenant: tenant, now: now) }

    func add(_ changes: [UserTags], tagsMax: Int) throws {
        let accounts = try Self.accounts(db, of: changes.map(\.userID), tenant: tenant)
        try join(changes)
        for (user, account) in zip(changes.map(\.userID), accounts) {
            let count = try Self.tags(db, of: account).count { AttributeTag.parts(of: $0) == nil }
            guard count <= tagsMax else {
                throw GatewayError(.tooLarge, "\(user) would have more than \(tagsMax) tags.")
            }
        }
    }

    func remove(_ changes: [UserTags]) throws {
        _ = try Self.accounts(db, of: changes.map(\.userID), tenant: tenant)
        try leave(changes)
    }

    func removeAllTags(of users: [String]) throws {
        for account in try Self.accounts(db, of: users, tenant: tenant) {
            try membership.removeAll(of: account, withAttributes: false)
        }
    }

    // MARK: Attributes

    func setNames(_ names: [Int: String]) throws {
        for (number, name) in names {
            try db.execute(
                sql: """
                    INSERT INTO attribute_name (tenant, number, name) VALUES (?, ?, ?)
                    ON CONFLICT (tenant, number) DO UPDATE SET name = excluded.name
                    """,
                arguments: [tenant.rawValue, number, name])
        }
        let all = try Self.names(db, of: tenant).values
        guard Set(all).count == all.count else {
            throw GatewayError(.conflict, "Two attributes cannot have one name.")
        }
    }

    func set(_ changes: [UserAttributes]) throws {
        let accounts = try Self.accounts(db, of: changes.map(\.userID), tenant: tenant)
        let names = Set(try Self.names(db, of: tenant).values)
        var left: [UserTags] = []
        var joined: [UserTags] = []
        // A user who is named twice has the last value.
        var wanted: [AccountKey: (user: String, values: [String: String])] = [:]
        for (change, account) in zip(changes, accounts) {
            for name in change.values.keys where !names.contains(name) {
                throw GatewayError(.invalidRequest, "There is no attribute \(name).")
            }
            wanted[account, default: (change.userID, [:])].values.merge(change.values) { $1 }
        }
        for (account, (user, values)) in wanted {
            let new = Set(values.map(AttributeTag.name(attribute:value:)))
            let old = try Self.tags(db, of: account).filter { tag in
                AttributeTag.parts(of: tag).map { values[$0.attribute] != nil } ?? false
            }
            left.append(UserTags(userID: user, tags: old.filter { !new.contains($0) }))
            joined.append(UserTags(userID: user, tags: new.filter { !old.contains($0) }))
        }
        try leave(left)
        try join(joined)
    }

    func removeAttributes(_ changes: [UserTags]) throws {
        let accounts = try Self.accounts(db, of: changes.map(\.userID), tenant: tenant)
        try leave(
            zip(changes, accounts).map { change, account in
                let had = try Self.tags(db, of: account).filter { tag in
                    AttributeTag.parts(of: tag).map { change.tags.contains($0.attribute) } ?? false
                }
                return UserTags(userID: change.userID, tags: had)
            })
    }

    // MARK: Steps

    /// Tag by tag, so that each has one new version however many users get it.
    private func join(_ changes: [UserTags]) throws {
        for (tag, users) in Self.usersByTag(changes) { _ = try membership.add(users, toTag: tag) }
    }

    private func leave(_ changes: [UserTags]) throws {
        for (tag, users) in Self.usersByTag(changes) where try TagRow.find(db, name: tag, tenant: tenant) != nil {
            _ = try membership.remove(users, fromTag: tag)
        }
    }

    private static func usersByTag(_ changes: [UserTags]) -> [(tag: String, users: [String])] {
        var users: [String: [String]] = [:]
        for change in changes { for tag in change.tags { users[tag, default: []].append(change.userID) } }
        return users.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    // MARK: Reading

    /// The accounts of users, in their order. Throws `recipient_not_found` where there is none.
    static func accounts(_ db: Database, of users: [String], tenant: TenantKey) throws -> [AccountKey] {
        try users.map { user in
            guard let row = try AccountRows.find(db, tenant: tenant, userID: user) else {
                throw AddressBook.unknown("/To_Account", user)
            }
            return row.ref.key
        }
    }

    /// The tags that an account has now, those of its attributes included, by name.
    static func tags(_ db: Database, of account: AccountKey) throws -> [String] {
        try String.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT t.name FROM tag_member m JOIN tag t ON t.key = m.tag
                    WHERE m.account = ? AND m.left_version IS NULL ORDER BY t.name
                    """),
            arguments: [account.rawValue])
    }

    static func names(_ db: Database, of tenant: TenantKey) throws -> [Int: String] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT number, name FROM attribute_name WHERE tenant = ?"),
            arguments: [tenant.rawValue])
        return Dictionary(rows.map { ($0[0], $0[1]) }) { $1 }
    }
}
