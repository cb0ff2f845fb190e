import GRDB
import PushCore

/// A tag as commands need it.
struct TagRow {
    let key: Int64
    let name: String
    let version: Int64
    let memberCount: Int

    static let columns = "key, name, version, member_count"

    init(_ row: Row) {
        key = row[0]
        name = row[1]
        version = row[2]
        memberCount = row[3]
    }

    var tag: Tag { Tag(name: name, memberCount: memberCount) }

    static func find(_ db: Database, name: String, tenant: TenantKey) throws -> TagRow? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(columns) FROM tag WHERE tenant = ? AND name = ?"),
            arguments: [tenant.rawValue, name]
        ).map(TagRow.init)
    }
}

/// Changes of who has a tag. Each that changes anything makes a new version of the tag.
struct TagMembership {
    let writer: Writer
    let ids: IDGenerator
    let tenant: TenantKey
    let now: Milliseconds

    private var db: Database { writer.db }

    func add(_ users: [String], toTag name: String) throws -> (changed: Int, memberCount: Int) {
        try db.execute(
            sql: "INSERT INTO tag (tenant, name, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: [tenant.rawValue, name, now])
        let tag = try known(name)
        let insert = try writer.statement("INSERT INTO tag_member (tag, account, joined_version) VALUES (?, ?, ?)")
        var changed = 0
        for user in users {
            let (account, isNew) = try AccountRows.ensure(db, tenant: tenant, userID: user, ids: ids, at: now)
            if try !isNew && hasTag(account.key, tag.key) { continue }
            insert.bind(1, tag.key)
            insert.bind(2, account.key.rawValue)
            insert.bind(3, tag.version + 1)
            try insert.run()
            changed += 1
        }
        return try finish(tag, changed: changed, by: changed)
    }

    func remove(_ users: [String], fromTag name: String) throws -> (changed: Int, memberCount: Int) {
        let tag = try known(name)
        var changed = 0
        for user in users {
            guard let account = try AccountRows.find(db, tenant: tenant, userID: user)?.ref else { continue }
            changed += try leave(tag, account.key)
        }
        return try finish(tag, changed: changed, by: -changed)
    }

    /// Takes every tag from an account, its attributes too unless they are to stay.
    func removeAll(of account: AccountKey, withAttributes: Bool = true) throws {
        let tags = try Row.fetchAll(
            db,
            sql: """
                SELECT t.key, t.name, t.version, t.member_count FROM tag_member m JOIN tag t ON t.key = m.tag
                WHERE m.account = ? AND m.left_version IS NULL
                """,
            arguments: [account.rawValue]
        ).map(TagRow.init)
        for tag in tags where withAttributes || AttributeTag.parts(of: tag.name) == nil {
            let changed = try leave(tag, account)
            _ = try finish(tag, changed: changed, by: -changed)
        }
    }

    private func known(_ name: String) throws -> TagRow {
        guard let tag = try TagRow.find(db, name: name, tenant: tenant) else {
            throw GatewayError(.notFound, "There is no such tag.")
        }
        return tag
    }

    private func hasTag(_ account: AccountKey, _ tag: Int64) throws -> Bool {
        let select = try writer.statement(
            "SELECT 1 FROM tag_member WHERE tag = ? AND account = ? AND left_version IS NULL")
        select.bind(1, tag)
        select.bind(2, account.rawValue)
        return try select.first { _ in true } ?? false
    }

    private func leave(_ tag: TagRow, _ account: AccountKey) throws -> Int {
        let leave = try writer.statement(
            "UPDATE tag_member SET left_version = ? WHERE tag = ? AND account = ? AND left_version IS NULL")
        leave.bind(1, tag.version + 1)
        leave.bind(2, tag.key)
        leave.bind(3, account.rawValue)
        try leave.run()
        return db.changesCount
    }

    private func finish(_ tag: TagRow, changed: Int, by difference: Int) throws -> (changed: Int, memberCount: Int) {
        if changed > 0 {
            try db.execute(
                sql: "UPDATE tag SET version = version + 1, member_count = member_count + ? WHERE key = ?",
                arguments: [difference, tag.key])
        }
        return (changed, tag.memberCount + difference)
    }
}
