import GRDB
import PushCore

/// Lets dead tokens live again, and with them the pushes that had ended for want of them.
struct TokenRevival {
    let writer: Writer
    let now: Milliseconds

    private var db: Database { writer.db }

    /// A dead token as a page of the quarantine gives it.
    struct Dead {
        let key: Int64
        let device: DeviceKey
        let endedAt: Milliseconds
    }

    /// Oldest first, so that a device's tokens come back in the order in which they were tried.
    static func page(
        _ db: Database, _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
    ) throws -> [Dead] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT t.key, t.device, t.ended_at FROM push_token t JOIN device d ON d.key = t.device
                WHERE t.state = 'dead' AND d.status = 'active' AND \(QuarantineRows.condition(filter))
                    AND (t.ended_at, t.key) > (:since, :key)
                ORDER BY t.ended_at, t.key LIMIT :limit
                """,
            arguments: QuarantineRows.arguments(filter).adding([
                "since": place?.since ?? -1, "key": place?.key ?? 0, "limit": limit,
            ])
        ).map { Dead(key: $0[0], device: DeviceKey(rawValue: $0[1]), endedAt: $0[2]) }
    }

    /// Whether the token lives again: not where another device has registered it since.
    func revive(_ token: Dead) throws -> Bool {
        try db.cachedStatement(
            sql: """
                UPDATE push_token SET state = 'live', reason = NULL, ended_at = NULL, is_doubtful = 0
                WHERE key = ?1 AND state = 'dead'
                    AND NOT EXISTS (SELECT 1 FROM push_token o WHERE o.tenant = push_token.tenant
                        AND o.vendor = push_token.vendor AND o.token = push_token.token AND o.state = 'live')
                    AND NOT EXISTS (SELECT 1 FROM push_token o WHERE o.tenant = push_token.tenant
                        AND o.vendor = push_token.vendor AND o.token = push_token.token AND o.state <> 'live'
                        AND o.device <> push_token.device AND o.set_at > push_token.set_at)
                """
        ).execute(arguments: [token.key])
        return db.changesCount > 0
    }

    /// The pushes of a revived token's device that had ended because it was dead wait again. What a vendor accepted
    /// never had ended so, and of a notification's turns only the last counts: nothing goes out a second time.
    func resume(after token: Dead) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT p.key, p.message FROM push p
                    WHERE p.device = ?1 AND p.reason = 'token_dead' AND p.state IN ('failed', 'skipped')
                        AND p.updated_at >= ?2
                        AND p.turn = (SELECT max(turn) FROM push q WHERE q.message = p.message AND q.device = p.device)
                    """),
            arguments: [token.device.rawValue, token.endedAt])
        var resumed = 0
        for row in rows where try resume(row[0], message: MessageKey(rawValue: row[1]), device: token.device) {
            resumed += 1
        }
        return resumed
    }

    private func resume(_ push: Int64, message key: MessageKey, device: DeviceKey) throws -> Bool {
        guard let message = try MessageRows.message(db, key: key, tenantNo: { _ in "" }) else { return false }
        let app = try DeviceRows.app(db, of: device)
        let lanes = try Lanes(db, tenant: message.tenantKey)
        let rows = try DeviceRows.tokens(db, of: device.rawValue)
        for token in FallbackRule.chain(for: message, tokens: rows.map(\.token)) {
            guard let row = rows.first(where: { $0.token == token }),
                let lane = lanes.lane(app: app, vendor: token.vendor),
                !message.isBackground || token.vendor.canSendSilently
            else { continue }
            return try wait(push, message, token: row, lane: lane)
        }
        return false
    }

    private func wait(_ push: Int64, _ message: ArchivedMessage, token: DeviceRows.TokenRow, lane: Int64) throws -> Bool
    {
        // A push that never waited has no end of its own.
        let expiresAt = PushDecisions(writer: writer, now: now)
            .expiry(of: message, notBefore: nil, lifeDefaultSeconds: writer.limits.pushLifeDefaultSeconds)
        try db.cachedStatement(
            sql: """
                UPDATE push SET state = 'waiting', reason = NULL, lane = ?2, vendor = ?3, token = ?4, not_before = ?5,
                    expires_at = CASE state WHEN 'skipped' THEN ?6 ELSE expires_at END, is_leased = 0, code = NULL,
                    text = NULL, updated_at = ?5, class = ?7
                WHERE key = ?1 AND CASE state WHEN 'skipped' THEN ?6 ELSE expires_at END > ?5
                """
        ).execute(arguments: [
            push, lane, token.token.vendor.rawValue, token.key, now, expiresAt, message.messageClass.rawValue,
        ])
        guard db.changesCount > 0 else { return false }
        // The token did not die of this push, so it may be its choice again.
        try db.execute(
            sql: "UPDATE push_event SET token = NULL WHERE push = ? AND token = ?", arguments: [push, token.key])
        return true
    }
}
