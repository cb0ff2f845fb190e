import GRDB
import PushCore

/// Broadcast channels, as rows.
enum BroadcastRows {
    static func page(
        _ db: Database, of tenant: TenantKey, after seq: Int64, limit: Int, tenantNo: (TenantKey) -> String
    ) throws -> BroadcastPage {
        let head =
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT max(seq) FROM broadcast WHERE tenant = ?"),
                arguments: [tenant.rawValue]) ?? 0
        guard limit > 0 else { return BroadcastPage(items: [], head: head) }
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT seq, revision, message FROM broadcast WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?
                    """),
            arguments: [tenant.rawValue, seq, limit])
        return BroadcastPage(items: try rows.compactMap { try entry(db, $0, tenantNo: tenantNo) }, head: head)
    }

    static func unpublished(
        _ db: Database, limit: Int, tenantNo: (TenantKey) -> String
    ) throws -> [UnpublishedBroadcast] {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT seq, revision, message, tenant FROM broadcast WHERE published_at IS NULL
                    ORDER BY tenant, seq LIMIT ?
                    """),
            arguments: [limit])
        return try rows.compactMap { row in
            try entry(db, row, tenantNo: tenantNo).map {
                UnpublishedBroadcast(tenant: TenantKey(rawValue: row[3]), entry: $0)
            }
        }
    }

    private static func entry(
        _ db: Database, _ row: Row, tenantNo: (TenantKey) -> String
    ) throws -> BroadcastEntry? {
        try MessageRows.message(db, key: MessageKey(rawValue: row[2]), tenantNo: tenantNo)
            .map { BroadcastEntry(seq: row[0], revision: row[1], message: $0) }
    }

    /// Accounts that a broadcast was for; nil where it has no job or they were counted before.
    static func audience(_ db: Database, of message: MessageKey) throws -> Int? {
        let job = try Row.fetchOne(
            db,
            sql: "SELECT tenant, last_account, started_at FROM job WHERE message = ? AND audience IS NULL",
            arguments: [message.rawValue])
        guard let job else { return nil }
        return try Int.fetchOne(
            db,
            sql: """
                SELECT (SELECT count(*) FROM account WHERE tenant = ?1 AND key <= ?2)
                    - (SELECT count(*) FROM account
                        WHERE tenant = ?1 AND key <= ?2 AND deleted_at IS NOT NULL AND deleted_at <= ?3)
                """,
            arguments: [job[0] as Int64, job[1] as Int64, job[2] as Int64])
    }

    static let dueSQL = """
        SELECT message FROM job WHERE phase < 2 AND state <> 'paused' AND not_before <= ? ORDER BY not_before LIMIT ?
        """
}
