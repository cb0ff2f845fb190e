import PushCore
import Synchronization

/// Tags in memory, by tenant and name.
public final class MemoryTagStore: TagStore {
    private struct Key: Hashable {
        let tenant: TenantKey
        let name: String
    }

    private let rows = Mutex<[Key: Set<String>]>([:])

    public init() {}

    public func tag(name: String, tenant: TenantKey) async throws -> Tag? {
        rows.withLock { $0[Key(tenant: tenant, name: name)] }.map { Tag(name: name, memberCount: $0.count) }
    }

    public func tags(of tenant: TenantKey, after name: String?, limit: Int) async throws -> [Tag] {
        rows.withLock { rows in
            rows.filter { $0.key.tenant == tenant && $0.key.name > name ?? "" }.sorted { $0.key.name < $1.key.name }
                .prefix(limit).map { Tag(name: $0.key.name, memberCount: $0.value.count) }
        }
    }

    public func addMembers(
        _ users: [String], toTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int) {
        rows.withLock { rows in
            let before = rows[Key(tenant: tenant, name: name)] ?? []
            rows[Key(tenant: tenant, name: name)] = before.union(users)
            return (before.union(users).count - before.count, before.union(users).count)
        }
    }

    public func removeMembers(
        _ users: [String], fromTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int) {
        try rows.withLock { rows in
            guard let before = rows[Key(tenant: tenant, name: name)] else {
                throw GatewayError(.notFound, "There is no such tag.")
            }
            let after = before.subtracting(users)
            rows[Key(tenant: tenant, name: name)] = after
            return (before.count - after.count, after.count)
        }
    }
}
