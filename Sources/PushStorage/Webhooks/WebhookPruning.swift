import GRDB
import PushCore

/// Takes away what is told of no more: events that are old enough and that no delivery waits for, those that were given
/// up long ago, and old rows of the delivery log. In steps of a page each: the walk reads, and only what is found is
/// deleted in the writer's transaction.
struct WebhookPruning {
    let file: DatabaseFile
    let commits: CommitQueue
    /// Events and rows of the log that are as new as this stay.
    let keptSince: Milliseconds
    let pageRows: Int

    /// How much longer an event is kept for which delivery was given up.
    static let asideMilliseconds: Milliseconds = 7 * 86_400_000

    func run() async throws {
        for tenant in try await tenants() {
            try await dropAside(of: tenant)
            try await dropEvents(of: tenant)
        }
        try await dropRequests()
    }

    static let tenantsSQL = """
        WITH RECURSIVE found (tenant) AS (
            SELECT min(tenant) FROM webhook_event
            UNION ALL
            SELECT (SELECT min(e.tenant) FROM webhook_event e WHERE e.tenant > found.tenant)
            FROM found WHERE found.tenant IS NOT NULL)
        SELECT tenant FROM found WHERE tenant IS NOT NULL
        """

    /// Those that have events: a seek each.
    private func tenants() async throws -> [Int64] {
        try await file.read { db in
            try Int64.fetchAll(db, sql: Self.tenantsSQL)
        }
    }

    static let lastSQL = """
        SELECT position FROM webhook_event INDEXED BY webhook_event_by_time
        WHERE tenant = ? AND at < ? ORDER BY at DESC, position DESC LIMIT 1
        """

    /// The newest event before a time; 0 when there is none.
    private static func last(_ db: Database, of tenant: Int64, before time: Milliseconds) throws -> Int64 {
        try Int64.fetchOne(db.cachedStatement(sql: lastSQL), arguments: [tenant, time]) ?? 0
    }

    private func dropAside(of tenant: Int64) async throws {
        let end = try await file.read { try Self.last($0, of: tenant, before: keptSince - Self.asideMilliseconds) }
        guard end > 0 else { return }
        while !Task.isCancelled {
            let found = try await file.read { db in
                try Int64.fetchAll(
                    db.cachedStatement(
                        sql: """
                            SELECT position FROM webhook_retry
                            WHERE tenant = ? AND is_aside = 1 AND position <= ? ORDER BY position LIMIT ?
                            """),
                    arguments: [tenant, end, pageRows])
            }
            guard !found.isEmpty else { return }
            try await commits.run { writer in
                try writer.db.cachedStatement(
                    sql: """
                        DELETE FROM webhook_retry
                        WHERE is_aside = 1 AND position IN (SELECT value FROM json_each(?))
                        """
                ).execute(arguments: [KeyList.json(found)])
            }
        }
    }

    private func dropEvents(of tenant: Int64) async throws {
        let end = try await file.read { db in
            let old = try Self.last(db, of: tenant, before: keptSince)
            let delivered = try Int64.fetchOne(
                db, sql: "SELECT delivered FROM webhook WHERE tenant = ?", arguments: [tenant])
            return min(old, delivered ?? .max)
        }
        var after: Int64 = 0
        while after < end, !Task.isCancelled {
            let from = after
            let page = try await file.read { db in
                try Row.fetchAll(
                    db.cachedStatement(
                        sql: """
                            SELECT e.position, e.at < ?4 AND NOT EXISTS (
                                SELECT 1 FROM webhook_retry r WHERE r.position = e.position)
                            FROM webhook_event e WHERE e.tenant = ?1 AND e.position > ?2 AND e.position <= ?3
                            ORDER BY e.position LIMIT ?5
                            """),
                    arguments: [tenant, from, end, keptSince, pageRows]
                ).map { (position: $0[0] as Int64, isOver: $0[1] as Bool) }
            }
            guard let last = page.last else { return }
            after = last.position
            let over = page.filter(\.isOver).map(\.position)
            guard !over.isEmpty else { continue }
            // Looked at once more: a replay may want it by now.
            try await commits.run { writer in
                try writer.db.cachedStatement(
                    sql: """
                        DELETE FROM webhook_event WHERE position IN (SELECT value FROM json_each(?))
                            AND NOT EXISTS (SELECT 1 FROM webhook_retry r WHERE r.position = webhook_event.position)
                        """
                ).execute(arguments: [KeyList.json(over)])
            }
        }
    }

    private func dropRequests() async throws {
        var hasMore = true
        while hasMore, !Task.isCancelled {
            let any = try await file.read { db in
                try Int.fetchOne(
                    db.cachedStatement(sql: "SELECT 1 FROM webhook_request WHERE at < ? LIMIT 1"),
                    arguments: [keptSince])
            }
            guard any != nil else { return }
            hasMore = try await commits.run { writer in
                try writer.db.execute(
                    sql: """
                        DELETE FROM webhook_request WHERE key IN (
                            SELECT key FROM webhook_request WHERE at < ? ORDER BY at LIMIT ?)
                        """,
                    arguments: [keptSince, pageRows])
                return writer.db.changesCount == pageRows
            }
        }
    }
}
