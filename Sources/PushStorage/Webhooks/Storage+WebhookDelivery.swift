import GRDB
import PushCore

extension Storage: WebhookDeliveryStore {
    static let workSQL = """
        SELECT w.tenant FROM webhook w
        WHERE EXISTS (SELECT 1 FROM webhook_event e WHERE e.tenant = w.tenant AND e.position > w.delivered)
            OR EXISTS (SELECT 1 FROM webhook_retry r WHERE r.tenant = w.tenant AND r.is_aside = 0 AND r.not_before <= ?)
        """

    public func tenantsWithWebhookWork(at now: Milliseconds) async throws -> [TenantKey] {
        guard !webhookMemory.all.isEmpty else { return [] }
        return try await file.read { db in
            try Int64.fetchAll(db.cachedStatement(sql: Self.workSQL), arguments: [now])
                .map(TenantKey.init(rawValue:))
        }
    }

    public func webhookEvents(of tenant: TenantKey, at positions: [Int64]) async throws
        -> [WebhookEvent]
    {
        guard !positions.isEmpty else { return [] }
        return try await file.read { [access] db in
            try WebhookEventRows(db: db) { access.tenant(key: $0)?.tenantNo ?? "" }.events(
                of: tenant, at: positions)
        }
    }

    static let accountsInLineSQL = """
        SELECT DISTINCT account FROM webhook_retry
        WHERE tenant = ? AND is_aside = 0 AND not_before = 0 AND account > ? ORDER BY account LIMIT ?
        """

    public func webhookAccountsInLine(
        of tenant: TenantKey, after key: Int64, limit: Int
    ) async throws -> [AccountKey?] {
        try await file.read { db in
            try Int64.fetchAll(
                db.cachedStatement(sql: Self.accountsInLineSQL), arguments: [tenant.rawValue, key, limit]
            ).map { $0 == 0 ? nil : AccountKey(rawValue: $0) }
        }
    }

    static let rowsInLineSQL = """
        SELECT \(WebhookRetryRows.columns) FROM webhook_retry
        WHERE tenant = ? AND is_aside = 0 AND not_before = 0 AND account = ? AND position > ?
        ORDER BY position LIMIT ?
        """

    public func webhookRowsInLine(
        of tenant: TenantKey, account: AccountKey?, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry] {
        try await file.read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: Self.rowsInLineSQL),
                arguments: [tenant.rawValue, account?.rawValue ?? 0, position, limit]
            ).map(WebhookRetryRows.retry)
        }
    }

    static let dueSQL = """
        SELECT \(WebhookRetryRows.columns) FROM webhook_retry
        WHERE tenant = ? AND is_aside = 0 AND not_before > 0 AND not_before <= ?
        ORDER BY not_before, account, position LIMIT ?
        """

    public func dueWebhookRows(of tenant: TenantKey, at now: Milliseconds, limit: Int) async throws
        -> [WebhookRetry]
    {
        try await file.read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: Self.dueSQL), arguments: [tenant.rawValue, now, limit]
            )
            .map(WebhookRetryRows.retry)
        }
    }

    /// Each counts up to a limit, along an index.
    static let countsSQL = """
        SELECT (SELECT count(*) FROM (
                SELECT 1 FROM webhook w CROSS JOIN webhook_event e ON e.tenant = w.tenant AND e.position > w.delivered
                LIMIT ?1))
            + (SELECT count(*) FROM (
                SELECT 1 FROM webhook w CROSS JOIN webhook_retry r ON r.tenant = w.tenant AND r.is_aside = 0 LIMIT ?1)),
            (SELECT count(*) FROM (
                SELECT 1 FROM webhook w CROSS JOIN webhook_retry r ON r.tenant = w.tenant AND r.is_aside = 1 LIMIT ?1))
        """

    public func webhookCounts() async throws -> WebhookCounts { try await webhookCounts(upTo: 100_000) }

    func webhookCounts(upTo most: Int) async throws -> WebhookCounts {
        try await file.read { db in
            let row = try Row.fetchOne(db.cachedStatement(sql: Self.countsSQL), arguments: [most])
            return WebhookCounts(waiting: row?[0] ?? 0, aside: row?[1] ?? 0)
        }
    }
}

/// Rows of `webhook_retry`.
enum WebhookRetryRows {
    static let columns = "position, account, attempts, not_before, is_aside, status, reason"

    static func retry(_ row: Row) -> WebhookRetry {
        let account: Int64 = row[1]
        return WebhookRetry(
            position: row[0], account: account == 0 ? nil : AccountKey(rawValue: account),
            attempts: row[2],
            notBefore: row[3], isAside: row[4], status: row[5], reason: row[6])
    }
}
