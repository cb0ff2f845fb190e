import GRDB
import PushCore

extension Storage: GroupStore {
    public func createGroup(
        id: String, name: String, users: [String], tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity? = nil
    ) async throws -> Group {
        try await commits.run { [ids, limits] writer in
            let key = try GroupRow.insert(writer.db, id: id, name: name, tenant: tenant, at: now)
            let membership = Membership(
                writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app)
            let added = try membership.add(users, to: key, membersMax: limits.groupMembersMax, as: .created)
            return Group(key: key, groupID: id, name: name, memberCount: added.memberCount)
        }
    }

    public func group(id: String, tenant: TenantKey) async throws -> Group? {
        try await file.read { try GroupRow.find($0, id: id, tenant: tenant)?.group }
    }

    public func groups(of tenant: TenantKey, after groupID: String?, limit: Int) async throws -> [Group] {
        try await file.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(GroupRow.columns) FROM user_group
                    WHERE tenant = ? AND group_id > ? AND deleted_at IS NULL ORDER BY group_id LIMIT ?
                    """,
                arguments: [tenant.rawValue, groupID ?? "", limit]
            ).map { GroupRow($0).group }
        }
    }

    /// In the order of the accounts' making; `after` is the account id the page before ended with.
    public func members(of group: GroupKey, after account: String?, limit: Int) async throws -> [GroupMember] {
        try await file.read { db in
            let after = try account.flatMap { try AccountRows.findEver(db, id: $0)?.ref.key.rawValue } ?? 0
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT a.user_id, a.account_id FROM group_member m JOIN account a ON a.key = m.account
                    WHERE m.group_key = ? AND m.account > ? AND m.left_version IS NULL ORDER BY m.account LIMIT ?
                    """,
                arguments: [group.rawValue, after, limit]
            ).map { GroupMember(userID: $0[0], account: $0[1]) }
        }
    }

    public func addMembers(
        _ users: [String], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity? = nil
    ) async throws -> (changed: Int, memberCount: Int) {
        try await commits.run { [ids, limits] writer in
            try Membership(writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app)
                .add(users, to: group, membersMax: membersMax)
        }
    }

    public func removeMembers(
        _ users: [String], from group: GroupKey, tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity? = nil
    ) async throws -> (changed: Int, memberCount: Int) {
        try await commits.run { [ids, limits] writer in
            try Membership(writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app)
                .remove(users, from: group)
        }
    }

    public func deleteGroup(
        _ group: GroupKey, at now: Milliseconds, announcedBy app: AppIdentity? = nil
    ) async throws {
        try await commits.run { [ids, limits] writer in
            let tenant = try Int64.fetchOne(
                writer.db, sql: "SELECT tenant FROM user_group WHERE key = ? AND deleted_at IS NULL",
                arguments: [group.rawValue])
            guard let tenant else { return }
            try Membership(
                writer: writer, ids: ids, limits: limits, tenant: TenantKey(rawValue: tenant), now: now,
                announcedBy: app
            ).delete(group)
        }
    }
}
