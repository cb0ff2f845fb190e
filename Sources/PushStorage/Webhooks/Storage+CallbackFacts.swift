import GRDB
import PushCore

extension Storage: CallbackFacts {
    public func userID(ofAccount account: String, tenant: TenantKey) async throws -> String? {
        try await file.read { db in
            try String.fetchOne(
                db.cachedStatement(
                    sql: "SELECT user_id FROM account WHERE account_id = ? AND tenant = ? AND deleted_at IS NULL"),
                arguments: [account, tenant.rawValue])
        }
    }

    public func unreadTotal(ofAccount account: String, tenant: TenantKey) async throws -> Int {
        guard let found = try await self.account(named: account, tenant: tenant) else { return 0 }
        return try await unreadTotal(of: found.key)
    }

    public func groupType(_ group: String, tenant: TenantKey) async throws -> String? {
        try await file.read { db in
            try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT profile ->> 'Type' FROM user_group
                        WHERE tenant = ? AND group_id = ? AND deleted_at IS NULL
                        """),
                arguments: [tenant.rawValue, group])
        }
    }
}
