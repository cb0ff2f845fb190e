import GRDB
import PushCore

extension Storage: UserTagStore {
    public func add(_ changes: [UserTags], tagsMax: Int, tenant: TenantKey, at now: Milliseconds) async throws {
        try await tag(tenant, now) { try $0.add(changes, tagsMax: tagsMax) }
    }

    public func remove(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws {
        try await tag(tenant, now) { try $0.remove(changes) }
    }

    public func removeAllTags(of users: [String], tenant: TenantKey, at now: Milliseconds) async throws {
        try await tag(tenant, now) { try $0.removeAllTags(of: users) }
    }

    public func setAttributeNames(_ names: [Int: String], tenant: TenantKey) async throws {
        try await tag(tenant, wallClock.now) { try $0.setNames(names) }
    }

    public func setAttributes(_ changes: [UserAttributes], tenant: TenantKey, at now: Milliseconds) async throws {
        try await tag(tenant, now) { try $0.set(changes) }
    }

    public func removeAttributes(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws {
        try await tag(tenant, now) { try $0.removeAttributes(changes) }
    }

    private func tag(
        _ tenant: TenantKey, _ now: Milliseconds, _ step: @escaping @Sendable (UserTagging) throws -> Void
    ) async throws {
        try await commits.run { [ids] writer in
            try step(UserTagging(writer: writer, ids: ids, tenant: tenant, now: now))
        }
    }

    public func tags(of users: [String], tenant: TenantKey) async throws -> [UserTags] {
        try await file.read { db in
            let accounts = try UserTagging.accounts(db, of: users, tenant: tenant)
            return try zip(users, accounts).map { user, account in
                let tags = try UserTagging.tags(db, of: account).filter { AttributeTag.parts(of: $0) == nil }
                return UserTags(userID: user, tags: tags)
            }
        }
    }

    public func attributeNames(of tenant: TenantKey) async throws -> [Int: String] {
        try await file.read { try UserTagging.names($0, of: tenant) }
    }

    public func attributes(of users: [String], tenant: TenantKey) async throws -> [UserAttributes] {
        try await file.read { db in
            let names = Set(try UserTagging.names(db, of: tenant).values)
            let accounts = try UserTagging.accounts(db, of: users, tenant: tenant)
            return try zip(users, accounts).map { user, account in
                let values = try UserTagging.tags(db, of: account).compactMap(AttributeTag.parts(of:))
                    .filter { names.contains($0.attribute) }
                return UserAttributes(
                    userID: user, values: Dictionary(values.map { ($0.attribute, $0.value) }) { $1 })
            }
        }
    }
}
