import GRDB
import PushCore

/// Reads groups with what is kept of them, and who is in them as what.
struct GroupRoster {
    let db: Database
    let tenant: TenantKey

    // MARK: Groups

    private static let columns = """
        g.key, g.group_id, g.name, g.version, g.member_count, g.profile, g.created_at,
        (SELECT user_id FROM account WHERE key = g.owner)
        """

    func details(_ groupID: String) throws -> GroupDetails? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT \(Self.columns) FROM user_group g
                    WHERE g.tenant = ? AND g.group_id = ? AND g.deleted_at IS NULL
                    """), arguments: [tenant.rawValue, groupID]
        ).map(details)
    }

    private func details(_ row: Row) throws -> GroupDetails {
        let group = GroupRow(row).group
        let newest = try GroupMessages(db: db).newest(of: group.key)
        return GroupDetails(
            group: group, profile: RawJSON(archived: Array((row[5] as String).utf8)).object ?? .empty, owner: row[7],
            createdAt: row[6], newestPlace: newest?.place ?? 0, newestMessageAt: newest?.at)
    }

    /// True for every row where ?2 is NULL.
    private static let isOfType =
        "(?2 IS NULL OR ifnull(json_extract(g.profile, '$.Type'), '\(GroupDetails.typeDefault)') = ?2)"

    func groups(
        type: String?, afterPlace place: Int, limit: Int
    ) throws -> CountedPage<(place: Int, groupID: String)> {
        let total = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM user_group g WHERE g.tenant = ?1 AND g.deleted_at IS NULL AND \(Self.isOfType)",
            arguments: [tenant.rawValue, type])
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT place, group_id FROM (
                    SELECT row_number() OVER (ORDER BY g.key) AS place, g.group_id, g.deleted_at,
                        \(Self.isOfType) AS fits
                    FROM user_group g WHERE g.tenant = ?1)
                WHERE place > ?3 AND deleted_at IS NULL AND fits ORDER BY place LIMIT ?4
                """, arguments: [tenant.rawValue, type, place, limit])
        return CountedPage(items: rows.map { (place: $0[0], groupID: $0[1]) }, total: total ?? 0)
    }

    func groups(
        ofMember account: AccountRow, type: String?, offset: Int, limit: Int
    ) throws -> CountedPage<(group: GroupDetails, membership: GroupMembership)> {
        let source = """
            FROM group_member m JOIN user_group g ON g.key = m.group_key
            WHERE m.account = ?1 AND m.left_version IS NULL AND g.deleted_at IS NULL AND \(Self.isOfType)
            """
        let total = try Int.fetchOne(
            db, sql: "SELECT count(*) \(source)", arguments: [account.ref.key.rawValue, type])
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT \(Self.columns), m.is_admin, m.joined_at, m.name_card, g.owner IS m.account \(source)
                ORDER BY g.key LIMIT ?3 OFFSET ?4
                """, arguments: [account.ref.key.rawValue, type, limit, offset])
        let items = try rows.map { row in
            (
                group: try details(row),
                membership: GroupMembership(
                    userID: account.userID, account: account.ref, role: Self.role(isOwner: row[11], isAdmin: row[8]),
                    joinedAt: row[9], nameCard: row[10])
            )
        }
        return CountedPage(items: items, total: total ?? 0)
    }

    // MARK: Members

    private static let members = """
        FROM group_member m JOIN account a ON a.key = m.account JOIN user_group g ON g.key = m.group_key
        WHERE m.group_key = ?1 AND m.left_version IS NULL
        """
    private static let memberColumns = """
        a.user_id, a.key, a.account_id, m.is_admin, m.joined_at, m.name_card, g.owner IS m.account
        """

    func members(
        of group: GroupKey, roles: Set<GroupRole>, offset: Int, limit: Int
    ) throws -> CountedPage<GroupMembership> {
        let hasRole = """
            CASE WHEN g.owner IS m.account THEN ?2 WHEN m.is_admin THEN ?3 ELSE ?4 END
            """
        let wanted = [GroupRole.owner, .admin, .member].map { roles.contains($0) }
        let total = try Int.fetchOne(
            db, sql: "SELECT count(*) \(Self.members) AND \(hasRole)",
            arguments: [group.rawValue, wanted[0], wanted[1], wanted[2]])
        let rows = try Row.fetchAll(
            db,
            sql: "SELECT \(Self.memberColumns) \(Self.members) AND \(hasRole) ORDER BY m.account LIMIT ?5 OFFSET ?6",
            arguments: [group.rawValue, wanted[0], wanted[1], wanted[2], limit, offset])
        return CountedPage(items: rows.map(Self.membership), total: total ?? 0)
    }

    func members(named users: [String], in group: GroupKey) throws -> [GroupMembership] {
        let select = try db.cachedStatement(
            sql: """
                SELECT \(Self.memberColumns) \(Self.members) AND a.tenant = ?2 AND a.user_id = ?3
                    AND a.deleted_at IS NULL
                """)
        return try users.compactMap { user in
            try Row.fetchOne(select, arguments: [group.rawValue, tenant.rawValue, user]).map(Self.membership)
        }
    }

    private static func membership(_ row: Row) -> GroupMembership {
        GroupMembership(
            userID: row[0], account: AccountRef(key: AccountKey(rawValue: row[1]), id: row[2]),
            role: role(isOwner: row[6], isAdmin: row[3]), joinedAt: row[4], nameCard: row[5])
    }

    private static func role(isOwner: Bool, isAdmin: Bool) -> GroupRole {
        isOwner ? .owner : isAdmin ? .admin : .member
    }
}
