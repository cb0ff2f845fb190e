import GRDB
import PushCore

/// What a round of deliveries came to, and what is put in line once more: commands of the writer.
struct WebhookSettling {
    let writer: Writer
    let tenant: TenantKey

    private var db: Database { writer.db }

    /// The delivery log keeps this many rows of a tenant, and at most ``trimmedAt`` more.
    static let requestsMax = 10_000
    static let trimmedAt = 1000

    func write(_ outcome: WebhookSettlement) throws {
        try insert(outcome.requests)
        guard try hasWebhook() else { return }
        if let cursor = outcome.cursor {
            let update = try writer.statement("UPDATE webhook SET delivered = ?2 WHERE tenant = ?1 AND delivered < ?2")
            update.bind(1, tenant.rawValue)
            update.bind(2, cursor)
            try update.run()
        }
        let delete = try writer.statement("DELETE FROM webhook_retry WHERE position = ? AND tenant = ?")
        for position in outcome.delivered {
            delete.bind(1, position)
            delete.bind(2, tenant.rawValue)
            try delete.run()
        }
        for retry in outcome.retries { try put(retry) }
    }

    /// Without one, taken away meanwhile, nothing waits for it either.
    private func hasWebhook() throws -> Bool {
        let select = try writer.statement("SELECT 1 FROM webhook WHERE tenant = ?")
        select.bind(1, tenant.rawValue)
        return try select.first { $0.integer(0) } != nil
    }

    private func put(_ retry: WebhookRetry) throws {
        let insert = try writer.statement(
            """
            INSERT INTO webhook_retry (position, tenant, account, attempts, not_before, is_aside, status, reason)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (position) DO UPDATE SET attempts = excluded.attempts, not_before = excluded.not_before,
                is_aside = excluded.is_aside, status = excluded.status, reason = excluded.reason
            """)
        insert.bind(1, retry.position)
        insert.bind(2, tenant.rawValue)
        insert.bind(3, retry.account?.rawValue ?? 0)
        insert.bind(4, Int64(retry.attempts))
        insert.bind(5, retry.notBefore)
        insert.bind(6, Int64(retry.isAside ? 1 : 0))
        insert.bind(7, retry.status.map { Int64($0) })
        insert.bind(8, retry.reason)
        try insert.run()
    }

    // MARK: The delivery log

    private func insert(_ requests: [WebhookRequest]) throws {
        guard !requests.isEmpty else { return }
        let insert = try writer.statement(
            """
            INSERT INTO webhook_request (tenant, at, first_position, last_position, events, attempt, status,
                milliseconds, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        for request in requests {
            insert.bind(1, tenant.rawValue)
            insert.bind(2, request.at)
            insert.bind(3, request.firstPosition)
            insert.bind(4, request.lastPosition)
            insert.bind(5, Int64(request.events))
            insert.bind(6, Int64(request.attempt))
            insert.bind(7, request.status.map { Int64($0) })
            insert.bind(8, request.milliseconds)
            insert.bind(9, request.reason)
            try insert.run()
        }
        guard writer.webhooks.countRequests(requests.count, of: tenant, upTo: Self.trimmedAt) else { return }
        try db.execute(
            sql: """
                DELETE FROM webhook_request WHERE tenant = ?1 AND key <= (
                    SELECT key FROM webhook_request WHERE tenant = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)
                """,
            arguments: [tenant.rawValue, Self.requestsMax])
    }

    // MARK: Replay

    private static let pageEvents = 1000

    /// A page of events once more, each under its own id. Those whose turn has not come yet are in line already: they
    /// count, and stay where they are.
    ///
    /// - Parameter types: the numbers of the types that are told, a JSON array.
    func putInLine(
        after position: Int64, through newest: Int64, types: String, at now: Milliseconds
    ) throws -> (events: Int, through: Int64) {
        let delivered = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT delivered FROM webhook WHERE tenant = ?"), arguments: [tenant.rawValue])
        guard let delivered else { return (0, newest) }
        let found = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT position, account, type IN (SELECT value FROM json_each(?4)) FROM webhook_event
                    WHERE tenant = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?5
                    """),
            arguments: [tenant.rawValue, position, newest, types, Self.pageEvents])
        var events = 0
        for row in found where row[2] as Bool {
            events += 1
            guard (row[0] as Int64) <= delivered else { continue }
            let account: Int64 = row[1]
            try put(
                WebhookRetry(
                    position: row[0], account: account == 0 ? nil : AccountKey(rawValue: account), attempts: 0,
                    notBefore: now))
        }
        return (events, found.count < Self.pageEvents ? newest : found.last?[0] ?? newest)
    }
}

/// What a webhook that was taken away leaves behind.
struct WebhookRest {
    let writer: Writer
    let tenant: TenantKey

    static let stepRows = 5000

    /// True when there is more. Of a webhook that is there, set anew meanwhile, nothing is taken.
    func remove(limit: Int) throws -> Bool {
        let db = writer.db
        let isBack = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM webhook WHERE tenant = ?)", arguments: [tenant.rawValue])
        if isBack == true { return false }
        try db.execute(
            sql: """
                DELETE FROM webhook_retry WHERE position IN (
                    SELECT position FROM webhook_retry WHERE tenant = ? LIMIT ?)
                """,
            arguments: [tenant.rawValue, limit])
        var hasMore = db.changesCount == limit
        try db.execute(
            sql:
                "DELETE FROM webhook_online WHERE device IN (SELECT device FROM webhook_online WHERE tenant = ? LIMIT ?)",
            arguments: [tenant.rawValue, limit])
        hasMore = hasMore || db.changesCount == limit
        return hasMore
    }
}
