/// What an app does with tags (contract, section 4, Apps). Scope `tags`.
///
/// A tag comes to be with its first `PUT`, and stays when nobody has it any more.
public struct Tags: Sendable {
    private let store: any TagStore
    let users: any UserTagStore
    private let limits: Limits
    let clock: WallClock

    public init(store: any TagStore, users: any UserTagStore, limits: Limits, clock: WallClock) {
        self.store = store
        self.users = users
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
        guard IDRules.isTag(name), let tag = try await store.tag(name: name, tenant: identity.tenant.key) else {
            throw Self.unknown
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
        guard IDRules.isTag(name) else { throw Self.unknown }
        return Self.answer(
            try await store.removeMembers(users, fromTag: name, tenant: identity.tenant.key, at: clock.now))
    }

    private static let unknown = GatewayError(.notFound, "There is no such tag.")

    private static func answer(_ result: (changed: Int, memberCount: Int)) -> RawJSON {
        .object { writer in
            writer.member("memberCount", result.memberCount)
            writer.member("changed", result.changed)
        }
    }
}
