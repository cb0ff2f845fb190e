import GRDB
import PushCore

/// A group as commands need it.
struct GroupRow {
    let key: GroupKey
    let groupID: String
    let name: String
    let version: Int64
    let memberCount: Int

    static let columns = "key, group_id, name, version, member_count"

    init(_ row: Row) {
        key = GroupKey(rawValue: row[0])
        groupID = row[1]
        name = row[2]
        version = row[3]
        memberCount = row[4]
    }

    var group: Group { Group(key: key, groupID: groupID, name: name, memberCount: memberCount) }

    static func find(_ db: Database, id: String, tenant: TenantKey) throws -> GroupRow? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT \(columns) FROM user_group WHERE tenant = ? AND group_id = ? AND deleted_at IS NULL"),
            arguments: [tenant.rawValue, id]
        ).map(GroupRow.init)
    }

    /// Throws `conflict` when the id is taken.
    static func insert(
        _ db: Database, id: String, name: String, tenant: TenantKey, at now: Milliseconds
    ) throws -> GroupKey {
        try db.execute(
            sql:
                "INSERT INTO user_group (tenant, group_id, name, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: [tenant.rawValue, id, name, now])
        guard db.changesCount == 1 else { throw GatewayError(.conflict, "This groupId is taken.") }
        return GroupKey(rawValue: db.lastInsertedRowID)
    }

    static func isMember(_ db: Database, _ account: AccountKey, of group: GroupKey) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM group_member
                        WHERE group_key = ? AND account = ? AND left_version IS NULL)
                    """),
            arguments: [group.rawValue, account.rawValue]) ?? false
    }

    /// Members at a version, by account, after one of them.
    static func members(
        _ db: Database, of group: GroupKey, version: Int64, after account: Int64, limit: Int
    ) throws -> [Int64] {
        try Int64.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT account FROM group_member WHERE group_key = ? AND account > ? AND joined_version <= ?
                        AND (left_version IS NULL OR left_version > ?)
                    ORDER BY account LIMIT ?
                    """),
            arguments: [group.rawValue, account, version, version, limit])
    }
}

/// Changes of who is in a group. Each that changes anything makes a new version of the group and is told to its members.
struct Membership {
    let writer: Writer
    let ids: IDGenerator
    let limits: Limits
    let tenant: TenantKey
    let now: Milliseconds
    /// In whose name members are told; nil = they are not.
    let announcedBy: AppIdentity?

    private var db: Database { writer.db }

    /// One who is to be in the group; who is in it already stays as they are.
    struct Joining {
        let account: AccountRef
        var isAdmin = false
        let joinedAt: Milliseconds
    }

    /// Users without an account get one.
    ///
    /// - Parameter change: `created` for the first members of a new group.
    func add(
        _ users: [String], to group: GroupKey, membersMax: Int, as change: GatewayEvent.GroupChange = .joined
    ) throws -> (changed: Int, memberCount: Int) {
        let members = try users.map { user in
            Joining(
                account: try AccountRows.ensure(db, tenant: tenant, userID: user, ids: ids, at: now).account,
                joinedAt: now)
        }
        let result = try join(members, to: group, membersMax: membersMax, as: change)
        return (result.joined.count, result.memberCount)
    }

    /// - Returns: who was not in the group before, and its size now. Throws `too_large` beyond `membersMax`.
    func join(
        _ members: [Joining], to group: GroupKey, membersMax: Int, as change: GatewayEvent.GroupChange = .joined
    ) throws -> (joined: Set<AccountKey>, memberCount: Int) {
        let before = try current(group)
        let version = before.version + 1
        let insert = try writer.statement(
            """
            INSERT INTO group_member (group_key, account, joined_version, is_admin, joined_at) VALUES (?, ?, ?, ?, ?)
            """)
        var joined: [AccountRef] = []
        for member in members where try !GroupRow.isMember(db, member.account.key, of: group) {
            insert.bind(1, group.rawValue)
            insert.bind(2, member.account.key.rawValue)
            insert.bind(3, version)
            insert.bind(4, Int64(member.isAdmin ? 1 : 0))
            insert.bind(5, member.joinedAt)
            try insert.run()
            joined.append(member.account)
        }
        let count = before.memberCount + joined.count
        let max = min(membersMax, try ownLimit(of: group) ?? membersMax)
        guard joined.isEmpty || count <= max else {
            throw GatewayError(.tooLarge, "This group has at most \(max) members.")
        }
        guard !joined.isEmpty else { return ([], count) }
        try store(group, version: version, memberCount: count)
        try announce(change, of: joined, in: before, version: version, count: count)
        return (Set(joined.map(\.key)), count)
    }

    /// As many as its profile allows, whichever door they come through.
    private func ownLimit(of group: GroupKey) throws -> Int? {
        try Int.fetchOne(
            db.cachedStatement(sql: "SELECT json_extract(profile, '$.MaxMemberNum') FROM user_group WHERE key = ?"),
            arguments: [group.rawValue])
    }

    func remove(_ users: [String], from group: GroupKey) throws -> (changed: Int, memberCount: Int) {
        let before = try current(group)
        let version = before.version + 1
        let leave = try writer.statement(
            "UPDATE group_member SET left_version = ? WHERE group_key = ? AND account = ? AND left_version IS NULL")
        var left: [AccountRef] = []
        for user in users {
            guard let account = try AccountRows.find(db, tenant: tenant, userID: user)?.ref,
                try GroupRow.isMember(db, account.key, of: group)
            else { continue }
            leave.bind(1, version)
            leave.bind(2, group.rawValue)
            leave.bind(3, account.key.rawValue)
            try leave.run()
            left.append(account)
        }
        let count = before.memberCount - left.count
        guard !left.isEmpty else { return (0, count) }
        try store(group, version: version, memberCount: count)
        // Whoever comes back is a member like others.
        try db.execute(
            sql: """
                UPDATE user_group SET owner = NULL WHERE key = ?1 AND owner IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM group_member m
                     WHERE m.group_key = ?1 AND m.account = user_group.owner AND m.left_version IS NULL)
                """, arguments: [group.rawValue])
        // Members of the version before: those who stay and those who left.
        try announce(.left, of: left, in: before, version: before.version, count: before.memberCount)
        return (left.count, count)
    }

    /// Ends the group. Its rows of members stay: they say who had its messages.
    func delete(_ group: GroupKey) throws {
        let before = try current(group)
        try db.execute(
            sql: "UPDATE user_group SET deleted_at = ? WHERE key = ?", arguments: [now, group.rawValue])
        guard announcedBy != nil else { return }
        let members = try Row.fetchAll(
            db,
            sql: """
                SELECT a.key, a.account_id FROM group_member m JOIN account a ON a.key = m.account
                WHERE m.group_key = ? AND m.left_version IS NULL ORDER BY m.account LIMIT ?
                """,
            arguments: [group.rawValue, GroupAnnouncement.namesMax + 1]
        ).map { AccountRef(key: AccountKey(rawValue: $0[0]), id: $0[1]) }
        try announce(.deleted, of: members, in: before, version: before.version, count: before.memberCount)
    }

    /// The group under another name, which its members are told of.
    func rename(_ group: GroupKey, to name: String) throws {
        let before = try current(group)
        guard before.name != name else { return }
        try db.execute(sql: "UPDATE user_group SET name = ? WHERE key = ?", arguments: [name, group.rawValue])
        try announce(.renamed, of: [], in: before, version: before.version, count: before.memberCount)
    }

    func current(_ group: GroupKey) throws -> GroupRow {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(GroupRow.columns) FROM user_group WHERE key = ? AND deleted_at IS NULL"),
            arguments: [group.rawValue])
        guard let row else { throw GatewayError(.notFound, "There is no such group.") }
        return GroupRow(row)
    }

    private func store(_ group: GroupKey, version: Int64, memberCount: Int) throws {
        try db.execute(
            sql: "UPDATE user_group SET version = ?, member_count = ? WHERE key = ?",
            arguments: [version, memberCount, group.rawValue])
    }

    private func announce(
        _ change: GatewayEvent.GroupChange, of members: [AccountRef], in group: GroupRow, version: Int64, count: Int
    ) throws {
        guard let announcedBy else { return }
        try GroupAnnouncement(writer: writer, ids: ids, limits: limits, app: announcedBy, now: now).announce(
            change, of: members,
            to: .init(group: group.key, groupID: group.groupID, version: version, count: count))
    }
}
