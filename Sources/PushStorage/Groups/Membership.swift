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

/// Changes of who is in a group. Each that changes anything makes a new version of the group.
struct Membership {
    let writer: Writer
    let ids: IDGenerator
    let tenant: TenantKey
    let now: Milliseconds

    private var db: Database { writer.db }

    func add(
        _ users: [String], to group: GroupKey, membersMax: Int
    ) throws -> (changed: Int, memberCount: Int) {
        let version = try nextVersion(of: group)
        let insert = try writer.statement(
            "INSERT INTO group_member (group_key, account, joined_version) VALUES (?, ?, ?)")
        var changed = 0
        for user in users {
            let (account, isNew) = try AccountRows.ensure(db, tenant: tenant, userID: user, ids: ids, at: now)
            if try !isNew && GroupRow.isMember(db, account.key, of: group) { continue }
            insert.bind(1, group.rawValue)
            insert.bind(2, account.key.rawValue)
            insert.bind(3, version)
            try insert.run()
            changed += 1
        }
        let count = try finish(group, changed: changed, by: changed, version: version)
        guard count <= membersMax else {
            throw GatewayError(.tooLarge, "A group has at most \(membersMax) members.")
        }
        return (changed, count)
    }

    func remove(_ users: [String], from group: GroupKey) throws -> (changed: Int, memberCount: Int) {
        let version = try nextVersion(of: group)
        let leave = try writer.statement(
            "UPDATE group_member SET left_version = ? WHERE group_key = ? AND account = ? AND left_version IS NULL")
        var changed = 0
        for user in users {
            guard let account = try AccountRows.find(db, tenant: tenant, userID: user)?.ref,
                try GroupRow.isMember(db, account.key, of: group)
            else { continue }
            leave.bind(1, version)
            leave.bind(2, group.rawValue)
            leave.bind(3, account.key.rawValue)
            try leave.run()
            changed += 1
        }
        return (changed, try finish(group, changed: changed, by: -changed, version: version))
    }

    private func nextVersion(of group: GroupKey) throws -> Int64 {
        let version = try Int64.fetchOne(
            db, sql: "SELECT version FROM user_group WHERE key = ? AND deleted_at IS NULL", arguments: [group.rawValue])
        guard let version else { throw GatewayError(.notFound, "There is no such group.") }
        return version + 1
    }

    private func finish(_ group: GroupKey, changed: Int, by difference: Int, version: Int64) throws -> Int {
        if changed > 0 {
            try db.execute(
                sql: "UPDATE user_group SET version = ?, member_count = member_count + ? WHERE key = ?",
                arguments: [version, difference, group.rawValue])
        }
        return try Int.fetchOne(
            db, sql: "SELECT member_count FROM user_group WHERE key = ?", arguments: [group.rawValue]) ?? 0
    }
}
