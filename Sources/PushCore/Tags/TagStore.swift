public struct Tag: Sendable, Equatable {
    public let name: String
    public let memberCount: Int

    public init(name: String, memberCount: Int) {
        self.name = name
        self.memberCount = memberCount
    }

    public var json: RawJSON {
        .object { writer in
            writer.member("tag", name)
            writer.member("memberCount", memberCount)
        }
    }
}

/// Tags and who has them when. Having one is kept as versions, so that a send knows who had it when it was archived.
/// Implemented by PushStorage.
public protocol TagStore: Sendable {
    func tag(name: String, tenant: TenantKey) async throws -> Tag?
    /// In the order of their names.
    func tags(of tenant: TenantKey, after name: String?, limit: Int) async throws -> [Tag]
    /// Makes the tag if there is none, and accounts for users without one. Returns how many got it, and how many have it.
    func addMembers(
        _ users: [String], toTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int)
    /// Unknown users are passed over. Throws `not_found` where there is no such tag.
    func removeMembers(
        _ users: [String], fromTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int)
}
