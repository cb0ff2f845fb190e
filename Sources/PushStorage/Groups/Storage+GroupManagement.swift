import GRDB
import PushCore

extension Storage {
    // MARK: Making

    public func createGroup(
        id: String, _ draft: GroupDraft, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> Group {
        try await commits.run { [ids, limits] writer in
            let db = writer.db
            let createdAt = draft.createdAt ?? now
            let key = try GroupRow.insert(db, id: id, name: draft.name, tenant: tenant, at: createdAt)
            let owner = try draft.owner.map { try Self.account($0, db, tenant) }
            try db.execute(
                sql: "UPDATE user_group SET profile = ?, owner = ? WHERE key = ?",
                arguments: [draft.profile.text, owner?.key.rawValue, key.rawValue])
            var members = try draft.members.map { member in
                Membership.Joining(
                    account: try Self.account(member.userID, db, tenant), isAdmin: member.isAdmin,
                    joinedAt: member.joinedAt ?? createdAt)
            }
            if let owner { members.insert(.init(account: owner, joinedAt: createdAt), at: 0) }
            let joined = try Membership(
                writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app
            ).join(members, to: key, membersMax: membersMax, as: .created)
            return Group(key: key, groupID: id, name: draft.name, memberCount: joined.memberCount)
        }
    }

    private static func account(_ userID: String, _ db: Database, _ tenant: TenantKey) throws -> AccountRef {
        guard let row = try AccountRows.find(db, tenant: tenant, userID: userID) else {
            throw GatewayError(.recipientNotFound, "There is no user \(userID).")
        }
        return row.ref
    }

    // MARK: Reading

    public func details(ofGroups ids: [String], tenant: TenantKey) async throws -> [GroupDetails?] {
        try await file.read { db in
            let roster = GroupRoster(db: db, tenant: tenant)
            return try ids.map { try roster.details($0) }
        }
    }

    public func groups(
        of tenant: TenantKey, type: String?, afterPlace place: Int, limit: Int
    ) async throws -> CountedPage<(place: Int, groupID: String)> {
        try await file.read {
            try GroupRoster(db: $0, tenant: tenant).groups(type: type, afterPlace: place, limit: limit)
        }
    }

    public func groups(
        ofMember userID: String, tenant: TenantKey, type: String?, offset: Int, limit: Int
    ) async throws -> CountedPage<(group: GroupDetails, membership: GroupMembership)>? {
        try await file.read { db in
            guard let account = try AccountRows.find(db, tenant: tenant, userID: userID) else { return nil }
            return try GroupRoster(db: db, tenant: tenant).groups(
                ofMember: account, type: type, offset: offset, limit: limit)
        }
    }

    public func memberships(
        of group: GroupKey, roles: Set<GroupRole>, offset: Int, limit: Int
    ) async throws -> CountedPage<GroupMembership> {
        try await file.read { db in
            let tenant = try Int64.fetchOne(
                db, sql: "SELECT tenant FROM user_group WHERE key = ?", arguments: [group.rawValue])
            return try GroupRoster(db: db, tenant: TenantKey(rawValue: tenant ?? 0)).members(
                of: group, roles: roles, offset: offset, limit: limit)
        }
    }

    public func memberships(
        of users: [String], in group: GroupKey, tenant: TenantKey
    ) async throws -> [GroupMembership] {
        try await file.read { try GroupRoster(db: $0, tenant: tenant).members(named: users, in: group) }
    }

    // MARK: Changing

    public func join(
        _ members: [NewGroupMember], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> [GroupJoining] {
        try await commits.run { [ids, limits] writer in
            let accounts = try members.map {
                try AccountRows.find(writer.db, tenant: tenant, userID: $0.userID)?.ref
            }
            let joining = zip(members, accounts).compactMap { member, account in
                account.map {
                    Membership.Joining(account: $0, isAdmin: member.isAdmin, joinedAt: member.joinedAt ?? now)
                }
            }
            var joined = try Membership(
                writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app
            ).join(joining, to: group, membersMax: membersMax).joined
            return accounts.map { account in
                guard let account else { return .unknown }
                // Named twice: a member already the second time.
                return joined.remove(account.key) == nil ? .alreadyMember : .joined
            }
        }
    }

    public func edit(
        _ group: GroupKey, _ edit: GroupEdit, tenant: TenantKey, at now: Milliseconds, announcedBy app: AppIdentity?
    ) async throws {
        try await commits.run { [ids, limits] writer in
            let membership = Membership(
                writer: writer, ids: ids, limits: limits, tenant: tenant, now: now, announcedBy: app)
            _ = try membership.current(group)
            let profile = try String.fetchOne(
                writer.db, sql: "SELECT profile FROM user_group WHERE key = ?", arguments: [group.rawValue])
            let edited = RawJSON(archived: Array((profile ?? "{}").utf8)).merging(edit.profile)
            try writer.db.execute(
                sql: "UPDATE user_group SET profile = ? WHERE key = ?", arguments: [edited.text, group.rawValue])
            if let name = edit.name { try membership.rename(group, to: name) }
        }
    }

    public func edit(
        member userID: String, of group: GroupKey, _ edit: GroupMembershipEdit, tenant: TenantKey
    ) async throws {
        try await commits.run { writer in
            let account = try Self.member(userID, of: group, writer.db, tenant)
            try writer.db.execute(
                sql: """
                    UPDATE group_member SET is_admin = ifnull(?, is_admin), name_card = ifnull(?, name_card)
                    WHERE group_key = ? AND account = ? AND left_version IS NULL
                    """, arguments: [edit.isAdmin, edit.nameCard, group.rawValue, account.rawValue])
        }
    }

    public func setOwner(_ userID: String, of group: GroupKey, tenant: TenantKey) async throws {
        try await commits.run { writer in
            let account = try Self.member(userID, of: group, writer.db, tenant)
            try writer.db.execute(
                sql: "UPDATE user_group SET owner = ? WHERE key = ?", arguments: [account.rawValue, group.rawValue])
        }
    }

    private static func member(
        _ userID: String, of group: GroupKey, _ db: Database, _ tenant: TenantKey
    ) throws -> AccountKey {
        let isThere = try Int.fetchOne(
            db, sql: "SELECT 1 FROM user_group WHERE key = ? AND deleted_at IS NULL", arguments: [group.rawValue])
        guard isThere != nil else { throw GatewayError(.notFound, "There is no such group.") }
        guard let account = try AccountRows.find(db, tenant: tenant, userID: userID)?.ref.key,
            try GroupRow.isMember(db, account, of: group)
        else { throw GatewayError(.notAMember, "The user \(userID) is not in this group.") }
        return account
    }

    // MARK: Messages

    public func messages(
        of group: GroupKey, fromPlace place: Int64, limit: Int
    ) async throws -> [GroupMessage] {
        try await file.read { [access] db in
            try GroupMessages(db: db).page(of: group, fromPlace: place, limit: limit) {
                access.tenant(key: $0)?.tenantNo ?? ""
            }
        }
    }

    public func messageIDs(inPlace place: Int64, of group: GroupKey) async throws -> [String] {
        try await file.read { try GroupMessages(db: $0).ids(inPlace: place, of: group) }
    }

    public func messageIDs(
        ofSender userID: String, in group: GroupKey, tenant: TenantKey, limit: Int
    ) async throws -> [String] {
        try await file.read { db in
            guard let account = try AccountRows.find(db, tenant: tenant, userID: userID) else {
                throw GatewayError(.recipientNotFound, "There is no user \(userID).")
            }
            return try GroupMessages(db: db).ids(ofSender: account.ref.key, in: group, limit: limit)
        }
    }

    public func place(ofMessage id: String, tenant: TenantKey) async throws -> Int64? {
        try await file.read { db in
            try Int64.fetchOne(
                db, sql: "SELECT group_seq FROM message WHERE tenant = ? AND id = ? AND group_seq IS NOT NULL",
                arguments: [tenant.rawValue, id])
        }
    }
}
