import GRDB
import PushCore

/// Lets dead tokens live again, and with them the pushes that had ended for want of them. One transaction's worth.
struct TokenRevival {
    let writer: Writer
    let now: Milliseconds
    /// What was looked up for other pushes of the same transaction.
    private let memo = Memo()

    private final class Memo {
        var lanes: [TenantKey: Lanes] = [:]
        var messages: [MessageKey: ArchivedMessage?] = [:]
    }

    init(writer: Writer, now: Milliseconds) {
        self.writer = writer
        self.now = now
    }

    private var db: Database { writer.db }

    /// A dead token as a page of the quarantine gives it.
    struct Dead {
        let key: Int64
        let device: DeviceKey
        let endedAt: Milliseconds
    }

    /// Where the next transaction goes on.
    struct Place {
        /// The last token that was looked at.
        var token: QuarantinePlace?
        /// That token lives, and pushes of its device after this place may still have to wait again.
        var pushes: (device: DeviceKey, since: Milliseconds, expiresAt: Milliseconds, key: Int64)?
    }

    static let tokensAtOnce = 200
    static let pushesAtOnce = 500

    /// Revives tokens and resumes pushes up to the bounds of one transaction. Returns where to go on; nil = all is done.
    func step(_ filter: QuarantineFilter, from start: Place) throws -> (done: Revival, next: Place?) {
        var done = Revival()
        var place = start
        var room = Self.pushesAtOnce
        if place.pushes != nil {
            done.pushes += try resume(&place, room: &room)
            if place.pushes != nil { return (done, place) }
        }
        let page = try Self.page(db, filter, after: place.token, limit: Self.tokensAtOnce)
        for token in page {
            guard room > 0 else { return (done, place) }
            place.token = QuarantinePlace(since: token.endedAt, key: token.key)
            guard try revive(token) else { continue }
            done.tokens += 1
            place.pushes = (token.device, token.endedAt, now, .max)
            done.pushes += try resume(&place, room: &room)
            if place.pushes != nil { return (done, place) }
        }
        return (done, page.count == Self.tokensAtOnce ? place : nil)
    }

    /// Oldest first, so that a device's tokens come back in the order in which they were tried.
    private static func page(
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
    private func revive(_ token: Dead) throws -> Bool {
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

    // MARK: Pushes

    static let resumableSQL = """
        SELECT p.key, p.message, p.expires_at FROM push p
        WHERE p.device = ?1 AND p.reason = 'token_dead' AND (p.expires_at, p.key) > (?2, ?3)
            AND p.state IN ('failed', 'skipped') AND p.turn = 0 AND p.updated_at >= ?4
            AND NOT EXISTS (SELECT 1 FROM push q WHERE q.message = p.message AND q.device = p.device AND q.turn > 0)
        ORDER BY p.expires_at, p.key LIMIT ?5
        """

    /// The notifications of a revived token's device that had ended because it was dead, and whose time is not over, wait
    /// again. What a vendor accepted never had ended so: nothing goes out a second time. What takes the place of a shown
    /// notification does not come back: where its token was dead nothing is shown.
    private func resume(_ place: inout Place, room: inout Int) throws -> Int {
        guard let open = place.pushes else { return 0 }
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: Self.resumableSQL),
            arguments: [open.device.rawValue, open.expiresAt, open.key, open.since, room])
        var resumed = 0
        for row in rows where try resume(row[0], message: MessageKey(rawValue: row[1]), device: open.device) {
            resumed += 1
        }
        if let last = rows.last, rows.count == room {
            place.pushes = (open.device, open.since, last[2], last[0])
        } else {
            place.pushes = nil
        }
        room -= rows.count
        return resumed
    }

    private func message(_ key: MessageKey) throws -> ArchivedMessage? {
        if let known = memo.messages[key] { return known }
        let found = try MessageRows.message(db, key: key, tenantNo: { _ in "" })
        memo.messages[key] = .some(found)
        return found
    }

    private func lanes(of tenant: TenantKey) throws -> Lanes {
        if let known = memo.lanes[tenant] { return known }
        let found = try Lanes(db, tenant: tenant)
        memo.lanes[tenant] = found
        return found
    }

    private func resume(_ push: Int64, message key: MessageKey, device: DeviceKey) throws -> Bool {
        // Life 0 asks for one try at once, and that time is over.
        guard let message = try message(key), message.pushLifeSeconds != 0 else { return false }
        let app = try DeviceRows.app(db, of: device)
        let lanes = try lanes(of: message.tenantKey)
        let rows = try DeviceRows.tokens(db, of: device.rawValue)
        for token in FallbackRule.chain(for: message, tokens: rows.map(\.token)) {
            guard let row = rows.first(where: { $0.token == token }),
                let lane = lanes.lane(app: app, vendor: token.vendor),
                !message.isBackground || token.vendor.canSendSilently
            else { continue }
            try wait(push, message, token: row, lane: lane)
            return true
        }
        return false
    }

    private func wait(_ push: Int64, _ message: ArchivedMessage, token: DeviceRows.TokenRow, lane: Int64) throws {
        try db.cachedStatement(
            sql: """
                UPDATE push SET state = 'waiting', reason = NULL, lane = ?2, vendor = ?3, token = ?4, not_before = ?5,
                    is_leased = 0, is_begun = 0, code = NULL, text = NULL, updated_at = ?5, class = ?6
                WHERE key = ?1
                """
        ).execute(arguments: [
            push, lane, token.token.vendor.rawValue, token.key, now, message.messageClass.rawValue,
        ])
        // The token did not die of this push, so it may be its choice again.
        try db.cachedStatement(sql: "UPDATE push_event SET token = NULL WHERE push = ? AND token = ?")
            .execute(arguments: [push, token.key])
    }
}
