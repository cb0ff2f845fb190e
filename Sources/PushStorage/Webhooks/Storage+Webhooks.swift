import Foundation
import GRDB
import PushCore

extension Storage: PresenceEventStore {
    // MARK: Settings

    public func webhook(of tenant: TenantKey) -> WebhookSettings? { webhookMemory.settings(of: tenant) }

    public func webhooks() -> [TenantKey: WebhookSettings] { webhookMemory.all }

    public func setWebhook(_ settings: WebhookSettings?, of tenant: TenantKey, at now: Milliseconds) async throws {
        guard let settings else { return try await removeWebhook(of: tenant) }
        // What an interrupted removal left behind waits for no new webhook.
        if webhookMemory.settings(of: tenant) == nil { try await removeRest(of: tenant) }
        let sealed = try secrets.seal(WebhookRows.json(settings).bytes, for: WebhookRows.sealedRow(tenant))
        try await commits.run { [webhookMemory] writer in
            // A new one is told what happens from now on.
            try writer.db.execute(
                sql: """
                    INSERT INTO webhook (tenant, settings, delivered, updated_at)
                    VALUES (?1, ?2, (SELECT ifnull(max(position), 0) FROM webhook_event), ?3)
                    ON CONFLICT (tenant) DO UPDATE SET settings = ?2, updated_at = ?3
                    """,
                arguments: [tenant.rawValue, sealed, now])
            writer.afterCommit { webhookMemory.put(settings, for: tenant) }
            webhookMemory.noteRecorded(in: writer)
        }
    }

    private func removeWebhook(of tenant: TenantKey) async throws {
        try await commits.run { [webhookMemory] writer in
            try writer.db.execute(sql: "DELETE FROM webhook WHERE tenant = ?", arguments: [tenant.rawValue])
            writer.afterCommit { webhookMemory.put(nil, for: tenant) }
        }
        try await removeRest(of: tenant)
    }

    /// What waits, in steps that others need not wait for.
    private func removeRest(of tenant: TenantKey) async throws {
        var hasMore = true
        while hasMore {
            hasMore = try await commits.run { writer in
                let rest = WebhookRest(writer: writer, tenant: tenant)
                return try rest.remove(limit: WebhookRest.stepRows)
            }
        }
    }

    // MARK: Events

    public func webhookEvents(
        of tenant: TenantKey, after position: Int64, type: WebhookEventType?, limit: Int
    ) async throws -> [WebhookEvent] {
        guard let type else {
            return try await read(tenant) { try $0.events(of: tenant, after: position, limit: limit) }
        }
        var found: [WebhookEvent] = []
        var after = position
        var hasMore = true
        while hasMore, found.count < limit {
            let (rest, from) = (limit - found.count, after)
            let page = try await read(tenant) { try $0.events(of: tenant, type: type, after: from, limit: rest) }
            found += page.events
            (after, hasMore) = (page.scannedThrough, page.hasMore)
        }
        return found
    }

    private func read<Value: Sendable>(
        _ tenant: TenantKey, _ body: @escaping @Sendable (WebhookEventRows) throws -> Value
    ) async throws -> Value {
        try await file.read { [access] db in
            try body(WebhookEventRows(db: db) { access.tenant(key: $0)?.tenantNo ?? "" })
        }
    }

    public func webhookPosition(of tenant: TenantKey, at time: Milliseconds) async throws -> Int64? {
        try await file.read { db in
            try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT min(position) FROM webhook_event INDEXED BY webhook_event_by_time "
                        + "WHERE tenant = ? AND at >= ?"),
                arguments: [tenant.rawValue, time])
        }
    }

    public func recordPresence(_ changes: [PresenceChange]) async throws {
        guard !changes.isEmpty, !webhookMemory.isEmpty else { return }
        try await commits.run { [wallClock] writer in
            try WebhookPresence(writer: writer, now: wallClock.now).record(changes)
        }
    }

    public func devicesToldOnline(after device: String?, limit: Int) async throws -> [String] {
        try await file.read { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT d.device_id FROM webhook_online o JOIN device d ON d.key = o.device
                        WHERE o.device > ifnull((SELECT key FROM device WHERE device_id = ?), 0)
                        ORDER BY o.device LIMIT ?
                        """),
                arguments: [device, limit])
        }
    }

    public func dropWebhookEvents(before keptSince: Milliseconds, limit: Int) async throws -> Bool {
        try await WebhookPruning(file: file, commits: commits, keptSince: keptSince, pageRows: limit).run()
        return false
    }

    // MARK: Delivery

    public func webhookCursor(of tenant: TenantKey) async throws -> Int64? {
        try await file.read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT delivered FROM webhook WHERE tenant = ?"),
                arguments: [tenant.rawValue])
        }
    }

    static let retriesSQL = """
        SELECT \(WebhookRetryRows.columns) FROM webhook_retry
        WHERE tenant = ? AND is_aside = ? AND position > ? ORDER BY position LIMIT ?
        """

    public func webhookRetries(
        of tenant: TenantKey, aside: Bool, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry] {
        try await file.read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: Self.retriesSQL), arguments: [tenant.rawValue, aside, position, limit]
            ).map(WebhookRetryRows.retry)
        }
    }

    public func settle(_ outcome: WebhookSettlement, of tenant: TenantKey) async throws {
        try await commits.run { writer in
            try WebhookSettling(writer: writer, tenant: tenant).write(outcome)
        }
    }

    public func replayWebhookEvents(of tenant: TenantKey, after position: Int64, at now: Milliseconds) async throws
        -> Int
    {
        guard let types = webhookMemory.settings(of: tenant)?.wantedNumbers else { return 0 }
        let newest = try await file.read { db in
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT max(position) FROM webhook_event WHERE tenant = ?"),
                arguments: [tenant.rawValue]) ?? 0
        }
        var count = 0
        var after = position
        while after < newest {
            let from = after
            let page = try await commits.run { [webhookMemory] writer in
                defer { webhookMemory.noteRecorded(in: writer) }
                return try WebhookSettling(writer: writer, tenant: tenant).putInLine(
                    after: from, through: newest, types: types, at: now)
            }
            count += page.events
            after = page.through
        }
        return count
    }

    static let requestsSQL = """
        SELECT key, at, first_position, last_position, events, attempt, status, milliseconds, reason
        FROM webhook_request WHERE tenant = ? AND key < ? ORDER BY key DESC LIMIT ?
        """

    public func webhookRequests(of tenant: TenantKey, before key: Int64?, limit: Int) async throws -> [WebhookRequest] {
        try await file.read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: Self.requestsSQL), arguments: [tenant.rawValue, key ?? .max, limit]
            ).map { row in
                WebhookRequest(
                    key: row[0], at: row[1], firstPosition: row[2], lastPosition: row[3], events: row[4],
                    attempt: row[5], status: row[6], milliseconds: row[7], reason: row[8])
            }
        }
    }
}

extension WebhookSettings {
    /// The stored numbers of the types that are told, a JSON array.
    fileprivate var wantedNumbers: String {
        KeyList.json(WebhookEventType.allCases.filter(wants).map { Int64($0.number) })
    }
}
