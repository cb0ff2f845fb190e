import Crypto
import Foundation
import GRDB
import PushCore

/// Since when signatures count for users whose account was kicked and then deleted. A name that comes back begins with
/// that: what was issued before the kick would be as good as new otherwise.
enum VoidedSignatures {
    static func note(_ db: Database, tenant: TenantKey, userID: String, notBefore: Milliseconds) throws {
        try db.executeCached(
            sql: """
                INSERT INTO voided_signature (tenant, user_digest, not_before) VALUES (?1, ?2, ?3)
                ON CONFLICT DO UPDATE SET not_before = max(not_before, ?3)
                """, arguments: [tenant.rawValue, digest(tenant, userID), notBefore])
    }

    /// nil for a name that was never kicked and deleted.
    static func notBefore(_ db: Database, tenant: TenantKey, userID: String) throws -> Milliseconds? {
        let select = try HotStatement(cached: notBeforeSQL, db)
        select.bind(1, tenant.rawValue)
        select.bind(2, digest(tenant, userID))
        return try select.first { $0.integer(0) }
    }

    private static let notBeforeSQL = "SELECT not_before FROM voided_signature WHERE tenant = ? AND user_digest = ?"

    private static func digest(_ tenant: TenantKey, _ userID: String) -> Data {
        Data(SHA256.hash(data: Array("\(tenant.rawValue)/\(userID)".utf8)))
    }
}
