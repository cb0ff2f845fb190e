/// What an app does with groups (contract, section 4, Apps). Scope `groups`.
public struct Groups: Sendable {
    let store: any GroupStore
    let ids: IDGenerator
    let limits: Limits
    let clock: WallClock

    public init(store: any GroupStore, ids: IDGenerator, limits: Limits, clock: WallClock) {
        self.store = store
        self.ids = ids
        self.limits = limits
        self.clock = clock
    }

    public func create(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .groups)
        var reader = try BodyReader(parsing: body)
        let id = reader.string("groupId", where: IDRules.isGroupID) ?? ids.group()
        let name = reader.string("name") { (1...200).contains($0.utf8.count) }
        let users = reader.strings("users", max: limits.groupMembersMax, where: IDRules.isUserID) ?? []
        try reader.finish()
        guard users.count <= limits.membersPerCallMax else {
            throw GatewayError(.tooLarge, "At most \(limits.membersPerCallMax) users a call.")
        }
        return try await store.createGroup(
            id: id, name: name ?? id, users: users, tenant: identity.tenant.key, at: clock.now,
            announcedBy: identity
        ).json
    }

    public func read(id: String, as principal: Principal) async throws -> RawJSON {
        try await known(id, as: principal).group.json
    }

    public func list(_ page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .groups)
        let groups = try await store.groups(of: identity.tenant.key, after: page.cursor, limit: page.limit + 1)
        return page.answer(groups, cursor: \.groupID) { $0.raw($1.json) }
    }

    public func delete(id: String, as principal: Principal) async throws {
        let (app, group) = try await known(id, as: principal)
        try await store.deleteGroup(group.key, at: clock.now, announcedBy: app)
    }

    public func members(of id: String, _ page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let (_, group) = try await known(id, as: principal)
        let members = try await store.members(of: group.key, after: page.cursor, limit: page.limit + 1)
        return page.answer(members, cursor: \.account) { writer, member in
            writer.object { writer in
                writer.member("userId", member.userID)
                writer.member("account", member.account)
            }
        }
    }

    public func addMembers(_ body: RawJSON, to id: String, as principal: Principal) async throws -> RawJSON {
        let (app, group) = try await known(id, as: principal)
        let result = try await store.addMembers(
            try users(of: body), to: group.key, tenant: app.tenant.key, membersMax: limits.groupMembersMax,
            at: clock.now, announcedBy: app)
        return Self.answer(result)
    }

    public func removeMembers(_ body: RawJSON, from id: String, as principal: Principal) async throws -> RawJSON {
        let (app, group) = try await known(id, as: principal)
        return Self.answer(
            try await store.removeMembers(
                try users(of: body), from: group.key, tenant: app.tenant.key, at: clock.now, announcedBy: app))
    }

    private func users(of body: RawJSON) throws -> [String] {
        var reader = try BodyReader(parsing: body)
        let users = reader.required(
            "users", reader.strings("users", max: limits.groupMembersMax, where: IDRules.isUserID))
        try reader.finish()
        guard let users, users.count <= limits.membersPerCallMax else {
            throw GatewayError(.tooLarge, "At most \(limits.membersPerCallMax) users a call.")
        }
        return users
    }

    private func known(_ id: String, as principal: Principal) async throws -> (app: AppIdentity, group: Group) {
        let identity = try principal.app(with: .groups)
        guard let group = try await store.group(id: id, tenant: identity.tenant.key) else {
            throw GatewayError(.notFound, "There is no such group.")
        }
        return (identity, group)
    }

    private static func answer(_ result: (changed: Int, memberCount: Int)) -> RawJSON {
        .object { writer in
            writer.member("memberCount", result.memberCount)
            writer.member("changed", result.changed)
        }
    }
}
