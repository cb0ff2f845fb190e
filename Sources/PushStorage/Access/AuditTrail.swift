import GRDB
import PushCore

/// Lines of the audit trail, written in the transaction of what they tell of.
enum AuditTrail {
    static func note(_ db: Database, actor: String, action: String, subject: String, at now: Milliseconds) throws {
        try db.execute(
            sql: "INSERT INTO audit (at, actor, action, subject) VALUES (?, ?, ?, ?)",
            arguments: [now, actor, action, subject])
    }

    /// Newest first, older than `key`.
    static func page(_ db: Database, before key: Int64?, limit: Int) throws -> [AuditEntry] {
        try Row.fetchAll(
            db, sql: "SELECT key, at, actor, action, subject FROM audit WHERE key < ? ORDER BY key DESC LIMIT ?",
            arguments: [key ?? .max, limit]
        ).map { AuditEntry(key: $0[0], at: $0[1], actor: $0[2], action: $0[3], subject: $0[4]) }
    }
}
