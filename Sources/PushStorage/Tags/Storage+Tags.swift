import GRDB
import PushCore

extension Storage: TagStore {
    public func tag(name: String, tenant: TenantKey) async throws -> Tag? {
        try await file.read { try TagRow.find($0, name: name, tenant: tenant)?.tag }
    }

    public func tags(of tenant: TenantKey, after name: String?, limit: Int) async throws -> [Tag] {
        try await file.read { db in
            try Row.fetchAll(
                db,
                // Below a space are the values of attributes.
                sql: """
                    SELECT \(TagRow.columns) FROM tag WHERE tenant = ? AND name > ? AND name >= ' '
                    ORDER BY name LIMIT ?
                    """,
                arguments: [tenant.rawValue, name ?? "", limit]
            ).map { TagRow($0).tag }
        }
    }

    public func addMembers(
        _ users: [String], toTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int) {
        try await commits.run { [ids] writer in
            try TagMembership(writer: writer, ids: ids, tenant: tenant, now: now).add(users, toTag: name)
        }
    }

    public func removeMembers(
        _ users: [String], fromTag name: String, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (changed: Int, memberCount: Int) {
        try await commits.run { [ids] writer in
            try TagMembership(writer: writer, ids: ids, tenant: tenant, now: now).remove(users, fromTag: name)
        }
    }
}
