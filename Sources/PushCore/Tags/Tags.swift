/// What an app does with tags (contract, section 4, Apps). Scope `tags`.
///
/// A tag comes to be with its first `PUT`, and stays when nobody has it any more.
public struct Tags: Sendable {
    private let store: any TagStore
    private let limits: Limits
    private let clock: WallClock

    public init(store: any TagStore, limits: Limits, clock: WallClock) {
        self.store = store
        self.limits = limits
        self.clock = clock
    }

    public func list(_ page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .tags)
        let tags = try await store.tags(of: identity.tenant.key, after: page.cursor, limit: page.limit + 1)
        return page.answer(tags, cursor: \.name) { $0.raw($1.json) }
    }

    public func read(_ name: String, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .tags)
        guard let tag = try await store.tag(name: name, tenant: identity.tenant.key) else {
            throw GatewayError(.notFound, "There is no such tag.")
        }
        return tag.json
    }

    public func addMembers(_ body: RawJSON, to name: String, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .tags)
        guard IDRules.isTag(name) else { throw GatewayError(.invalidRequest, "This is no valid name of a tag.") }
        let users = try UserList.users(of: body, max: limits.membersPerCallMax)
        return Self.answer(
            try await store.addMembers(users, toTag: name, tenant: identity.tenant.key, at: clock.now))
    }

    public func removeMembers(_ body: RawJSON, from name: String, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .tags)
        let users = try UserList.users(of: body, max: limits.membersPerCallMax)
        return Self.answer(
            try await store.removeMembers(users, fromTag: name, tenant: identity.tenant.key, at: clock.now))
    }

    private static func answer(_ result: (changed: Int, memberCount: Int)) -> RawJSON {
        .object { writer in
            writer.member("memberCount", result.memberCount)
            writer.member("changed", result.changed)
        }
    }
}
