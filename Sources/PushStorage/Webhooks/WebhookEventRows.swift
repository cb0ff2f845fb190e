import GRDB
import PushCore

/// Events of the queue as rows, with the messages, devices and people they tell of as those are now.
struct WebhookEventRows {
    let db: Database
    let tenantNo: (TenantKey) -> String

    /// A row of `webhook_event`, nothing of it resolved.
    private struct Stored {
        let position: Int64
        let at: Milliseconds
        let type: WebhookEventType
        let account: Int64
        let message: Int64?
        let device: Int64?
        let detail: String?
    }

    static let afterSQL = """
        SELECT position, at, type, account, message, device, detail FROM webhook_event
        WHERE tenant = ? AND position > ? ORDER BY position LIMIT ?
        """

    /// Of many types one is looked for among this many events at a time.
    static let scannedMax = 20_000

    /// Oldest first.
    func events(of tenant: TenantKey, after position: Int64, limit: Int) throws -> [WebhookEvent] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: Self.afterSQL), arguments: [tenant.rawValue, position, limit])
        return try resolve(rows.compactMap(Self.stored), of: tenant)
    }

    /// Those at these positions, oldest first.
    func events(of tenant: TenantKey, at positions: [Int64]) throws -> [WebhookEvent] {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT position, at, type, account, message, device, detail FROM webhook_event
                    WHERE position IN (SELECT value FROM json_each(?)) AND tenant = ? ORDER BY position
                    """),
            arguments: [KeyList.json(positions), tenant.rawValue])
        return try resolve(rows.compactMap(Self.stored), of: tenant)
    }

    /// Oldest first, of one type: as many as there are among the next events, and how far those were looked through.
    func events(
        of tenant: TenantKey, type: WebhookEventType, after position: Int64, limit: Int
    ) throws -> (events: [WebhookEvent], scannedThrough: Int64, hasMore: Bool) {
        let end = try scanEnd(of: tenant, after: position)
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT position, at, type, account, message, device, detail FROM webhook_event
                    WHERE tenant = ?1 AND position > ?2 AND position <= ?3 AND type = ?4 ORDER BY position LIMIT ?5
                    """),
            arguments: [tenant.rawValue, position, end, type.number, limit])
        let found = try resolve(rows.compactMap(Self.stored), of: tenant)
        if rows.count == limit, let last = found.last { return (found, last.position, true) }
        let newest = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT max(position) FROM webhook_event WHERE tenant = ?"),
            arguments: [tenant.rawValue])
        return (found, end, end < newest ?? 0)
    }

    /// The position of the last of the next ``scannedMax`` events.
    private func scanEnd(of tenant: TenantKey, after position: Int64) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT max(position) FROM (
                        SELECT position FROM webhook_event WHERE tenant = ? AND position > ? ORDER BY position LIMIT ?)
                    """),
            arguments: [tenant.rawValue, position, Self.scannedMax]) ?? position
    }

    private static func stored(_ row: Row) -> Stored? {
        guard let type = WebhookEventType(number: row[2]) else { return nil }
        return Stored(
            position: row[0], at: row[1], type: type, account: row[3], message: row[4], device: row[5],
            detail: row[6])
    }

    // MARK: What they tell of

    private func resolve(_ stored: [Stored], of tenant: TenantKey) throws -> [WebhookEvent] {
        let messages = try messages(stored.compactMap(\.message))
        let devices = try DeviceRows.devices(db, keys: stored.compactMap(\.device).map(DeviceKey.init(rawValue:)))
        let accounts = stored.compactMap { event -> Int64? in
            if event.account != 0 { return event.account }
            return event.device.flatMap { devices[DeviceKey(rawValue: $0)]?.device.account.key.rawValue }
        }
        let people = try people(accounts)
        return stored.map { event in
            let device = event.device.flatMap { devices[DeviceKey(rawValue: $0)]?.device }
            let account = event.account == 0 ? device?.account.key.rawValue : event.account
            return WebhookEvent(
                position: event.position, tenant: tenant, type: event.type, at: event.at,
                account: event.account == 0 ? nil : AccountKey(rawValue: event.account),
                message: event.message.flatMap { messages[$0] }, device: device,
                person: account.flatMap { people[$0] },
                detail: event.detail.map { RawJSON(archived: Array($0.utf8)) } ?? .emptyObject)
        }
    }

    private func messages(_ keys: [Int64]) throws -> [Int64: ArchivedMessage] {
        guard !keys.isEmpty else { return [:] }
        let reader = try MessageReader(db)
        var found: [Int64: ArchivedMessage] = [:]
        for key in Set(keys) { found[key] = try reader.message(MessageKey(rawValue: key), tenantNo: tenantNo) }
        return found
    }

    private func people(_ keys: [Int64]) throws -> [Int64: WebhookEvent.Person] {
        guard !keys.isEmpty else { return [:] }
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT key, account_id, CASE WHEN deleted_at IS NULL THEN user_id ELSE '' END
                    FROM account WHERE key IN (SELECT value FROM json_each(?))
                    """),
            arguments: [KeyList.json(keys)])
        var found: [Int64: WebhookEvent.Person] = [:]
        while let row = try rows.next() { found[row[0]] = WebhookEvent.Person(account: row[1], userID: row[2]) }
        return found
    }
}
