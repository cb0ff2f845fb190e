import GRDB
import PushCore

/// What a change of a message means for its vendor pushes: what waits is cancelled, and what a device shows is replaced
/// by a further push, a *turn*, where the vendor can take a notification's place (contract details, *Replace key*).
struct PushReplacements {
    let writer: Writer
    let now: Milliseconds

    private var db: Database { writer.db }

    /// The accounts of these entries were told of a change of `source`. A turn's `seq` is that of the account's new
    /// entry: whoever acknowledges it needs no replacement.
    func follow(_ entries: ArraySlice<InboxEntry>, of source: ArchivedMessage) throws {
        let any = try writer.statement("SELECT 1 FROM push WHERE message = ? LIMIT 1")
        any.bind(1, source.key.rawValue)
        guard try any.first({ _ in true }) != nil else { return }
        let lanes = try Lanes(db, tenant: source.tenantKey)
        for entry in entries {
            switch source.state {
            case .revoked: try skip(source.key, of: entry.account, .revoked)
            case .burned: try skip(source.key, of: entry.account, .burned)
            case .live: try skip(source.key, of: entry.account, .superseded, fromTurn: 1)
            }
            guard source.state != .burned else { continue }
            for device in try shown(source.key, of: entry.account) {
                try queue(source, device, seq: entry.seq, lanes: lanes)
            }
        }
    }

    /// Ends the waiting pushes of a message for the devices of one account.
    func skip(_ message: MessageKey, of account: AccountKey, _ reason: SkipReason, fromTurn turn: Int = 0) throws {
        let update = try writer.statement(
            """
            UPDATE push SET state = 'skipped', reason = ?1, is_leased = 0, updated_at = ?2
            WHERE message = ?3 AND device IN (SELECT key FROM device WHERE account = ?4) AND state = 'waiting'
                AND turn >= ?5
            """)
        update.bind(1, reason.rawValue)
        update.bind(2, now)
        update.bind(3, message.rawValue)
        update.bind(4, account.rawValue)
        update.bind(5, Int64(turn))
        try update.run()
    }

    /// A push went out that had been built before its message was changed: the change could not replace it then.
    func catchUp(_ push: Int64) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT p.message, p.device, d.account FROM push p
                        JOIN message m ON m.key = p.message JOIN device d ON d.key = p.device
                    WHERE p.key = ? AND p.turn = 0 AND (m.state = 1 OR (m.state = 0 AND m.revised_at >= p.claimed_at))
                    """), arguments: [push])
        guard let row,
            let message = try MessageRows.message(db, key: MessageKey(rawValue: row[0]), tenantNo: { _ in "" })
        else { return }
        let account: Int64 = row[2]
        guard let device = try shown(message.key, of: AccountKey(rawValue: account)).first(where: { $0 == row[1] })
        else { return }
        // The head: that of the entry is not known here, and whoever has the head has the entry. A broadcast has none.
        try queue(
            message, device, seq: message.form == .broadcast ? 0 : try writer.head(of: account),
            lanes: Lanes(db, tenant: message.tenantKey))
    }

    // MARK: Turns

    /// Devices of the account that show the notification of the message.
    private func shown(_ message: MessageKey, of account: AccountKey) throws -> [Int64] {
        let select = try writer.statement(
            """
            SELECT d.key FROM device d JOIN push p ON p.message = ?1 AND p.device = d.key AND p.turn = 0
            WHERE d.account = ?2 AND d.status = 'active' AND d.push_enabled = 1 AND p.state = 'accepted'
            """)
        select.bind(1, message.rawValue)
        select.bind(2, account.rawValue)
        var devices: [Int64] = []
        try select.forEachRow { devices.append($0.integer(0)) }
        return devices
    }

    private func queue(_ message: ArchivedMessage, _ device: Int64, seq: Int64, lanes: Lanes) throws {
        guard !message.isBackground else { return }
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT t.key, t.vendor, (SELECT max(turn) FROM push WHERE message = ?1 AND device = ?2)
                    FROM push p JOIN push_token t ON t.key = p.token AND t.device = p.device
                    WHERE p.message = ?1 AND p.device = ?2 AND p.turn = 0 AND t.state = 'live' AND t.kind = 'alert'
                    """), arguments: [message.key.rawValue, device])
        guard let row, let vendor = Vendor(rawValue: row[1]), vendor.canReplaceShown,
            let lane = lanes.lane(app: try DeviceRows.app(db, of: DeviceKey(rawValue: device)), vendor: vendor)
        else { return }
        try db.execute(
            sql: """
                UPDATE push SET state = 'skipped', reason = 'superseded', is_leased = 0, updated_at = ?
                WHERE message = ? AND device = ? AND turn > 0 AND state = 'waiting'
                """,
            arguments: [now, message.key.rawValue, device])
        try db.execute(
            sql: """
                INSERT INTO push (message, device, turn, seq, state, lane, vendor, token, not_before, expires_at,
                    created_at, updated_at, class)
                VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                message.key.rawValue, device, (row[2] as Int) + 1, seq, lane, vendor.rawValue, row[0] as Int64,
                now + writer.limits.pushReplacementDelay.milliseconds,
                now + writer.limits.pushLifeDefaultSeconds * 1000, now, now, message.messageClass.rawValue,
            ])
    }
}

extension Vendor {
    /// Whether a later push with the same replace key takes the place of a shown notification. What a webhook's
    /// receiver does with one is its own affair, so it is not sent another.
    var canReplaceShown: Bool { self != .webhook }
}
