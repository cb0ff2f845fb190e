import GRDB
import PushCore

/// What becomes of a message for a device that has not acknowledged it: made in one transaction with everything the
/// decision rests on.
struct PushDecisions {
    let writer: Writer
    let now: Milliseconds
    /// Looked up once a message: it reads what the sender wrote.
    var messageClass: (ArchivedMessage) -> MessageClass = { $0.messageClass }

    private var db: Database { writer.db }

    /// A tenant number is no part of a decision.
    private func message(_ key: MessageKey) throws -> ArchivedMessage? {
        try MessageRows.message(db, key: key) { _ in "" }
    }

    // MARK: Deciding

    /// Whether any job was made.
    func decide(_ candidates: [FallbackCandidate], lifeDefaultSeconds: Int64) throws -> Bool {
        var messages: [MessageKey: ArchivedMessage] = [:]
        var classes: [MessageKey: MessageClass] = [:]
        var lanes: [TenantKey: Lanes] = [:]
        var isAnyMade = false
        for candidate in candidates {
            guard let message = try messages[candidate.message] ?? message(candidate.message),
                let device = try DeviceRows.device(db, candidate.device)
            else { continue }
            messages[candidate.message] = message
            // Neither the sender's own account nor an account the device has left is pushed.
            guard message.from != device.account.id, candidate.account == device.account.key else { continue }
            let known = try lanes[device.tenantKey] ?? Lanes(db, tenant: device.tenantKey)
            lanes[device.tenantKey] = known
            let app = try DeviceRows.app(db, of: device.key)
            let isAcknowledged =
                try max(device.startSeq, writer.cursor(of: device.key.rawValue)?.seq ?? 0) >= candidate.seq
            if !isAcknowledged, message.form != .single, try isBurned(message.key, candidate.account) {
                try insertSkipped(candidate, .burned)
                continue
            }
            let verdict = FallbackRule.verdict(
                message: message, device: device, isAcknowledged: isAcknowledged,
                isRead: try ReadCursors.isRead(db, by: candidate.account, message.receiverPeer, seq: candidate.seq),
                isConfigured: { known.lane(app: app, vendor: $0) != nil }, canSendSilently: \.canSendSilently, now: now)
            switch verdict {
            case .nothing: continue
            case .skip(.noToken):
                guard try hasDeadToken(device.key) else {
                    try insertSkipped(candidate, .noToken)
                    continue
                }
                // It may wait again for as long as it would have waited: a token that died by mistake can be revived.
                let expiresAt = expiry(
                    of: message, notBefore: candidate.notBefore, lifeDefaultSeconds: lifeDefaultSeconds)
                try insertSkipped(candidate, .tokenDead, expiresAt: expiresAt)
            case .skip(let reason): try insertSkipped(candidate, reason)
            case .push(let token):
                guard let lane = known.lane(app: app, vendor: token.vendor) else { continue }
                let expiresAt = expiry(
                    of: message, notBefore: candidate.notBefore, lifeDefaultSeconds: lifeDefaultSeconds)
                let messageClass = classes[message.key] ?? self.messageClass(message)
                classes[message.key] = messageClass
                let isMade = try insertWaiting(
                    candidate, token, lane: lane, messageClass: messageClass, expiresAt: expiresAt)
                isAnyMade = isAnyMade || isMade
            }
        }
        return isAnyMade
    }

    /// Whether the account has burned its copy of a message that others still have.
    private func isBurned(_ message: MessageKey, _ account: AccountKey) throws -> Bool {
        let select = try writer.statement("SELECT 1 FROM burned_copy WHERE message = ? AND account = ?")
        select.bind(1, message.rawValue)
        select.bind(2, account.rawValue)
        return try select.first { _ in true } ?? false
    }

    /// A device without a live token had none, or its vendor said that it is dead: two different things to do about.
    func hasDeadToken(_ device: DeviceKey) throws -> Bool {
        try Int.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM push_token WHERE device = ? AND state = 'dead' LIMIT 1"),
            arguments: [device.rawValue]) != nil
    }

    /// `push.ttl` 0 asks for one try now: time enough for that one.
    private static let oneTrySeconds: Int64 = 60

    func expiry(
        of message: ArchivedMessage, notBefore: Milliseconds?, lifeDefaultSeconds: Int64
    ) -> Milliseconds {
        guard message.push.timeToLiveSeconds == 0 else {
            return message.serverTime + (message.pushLifeSeconds ?? lifeDefaultSeconds) * 1000
        }
        let oneTry = max(now, notBefore ?? now) + Self.oneTrySeconds * 1000
        return min(oneTry, message.expiresAt ?? oneTry)
    }

    private func insertSkipped(_ candidate: FallbackCandidate, _ reason: SkipReason, expiresAt: Milliseconds? = nil)
        throws
    {
        let insert = try writer.statement(
            """
            INSERT INTO push (message, device, seq, state, reason, not_before, expires_at, created_at, updated_at)
            VALUES (?1, ?2, ?3, 'skipped', ?4, ?5, ?6, ?5, ?5) ON CONFLICT (message, device, turn) DO NOTHING
            """)
        insert.bind(1, candidate.message.rawValue)
        insert.bind(2, candidate.device.rawValue)
        insert.bind(3, candidate.seq)
        insert.bind(4, reason.rawValue)
        insert.bind(5, now)
        insert.bind(6, expiresAt ?? now)
        try insert.run()
    }

    func insertWaiting(
        _ candidate: FallbackCandidate, _ token: PushToken, lane: Int64, messageClass: MessageClass,
        expiresAt: Milliseconds
    ) throws -> Bool {
        let insert = try writer.statement(
            """
            INSERT INTO push (message, device, seq, state, lane, vendor, token, not_before, expires_at, created_at,
                updated_at, class)
            SELECT ?1, ?2, ?3, 'waiting', ?4, ?5, t.key, ?6, ?7, ?8, ?8, ?10 FROM push_token t
            WHERE t.device = ?2 AND t.vendor = ?5 AND t.token = ?9 AND t.state = 'live'
            ON CONFLICT (message, device, turn) DO NOTHING
            """)
        insert.bind(1, candidate.message.rawValue)
        insert.bind(2, candidate.device.rawValue)
        insert.bind(3, candidate.seq)
        insert.bind(4, lane)
        insert.bind(5, token.vendor.rawValue)
        insert.bind(6, candidate.notBefore ?? now)
        insert.bind(7, expiresAt)
        insert.bind(8, now)
        insert.bind(9, token.token)
        insert.bind(10, Int64(messageClass.rawValue))
        try insert.run()
        return db.changesCount > 0
    }

    // MARK: Tokens that go

    /// Waiting pushes that had chosen one of these tokens go to the next one of their device, or are skipped.
    func leave(tokens: [Int64]) throws {
        for token in tokens {
            let jobs = try Row.fetchAll(
                db,
                sql: """
                    SELECT p.key, p.message, p.device FROM push p JOIN push_token t ON t.key = p.token
                    WHERE t.key = ? AND p.device = t.device AND p.state = 'waiting'
                    """,
                arguments: [token])
            for job in jobs {
                let next = try nextToken(
                    push: job[0], message: MessageKey(rawValue: job[1]), device: DeviceKey(rawValue: job[2]))
                if let next {
                    try moveTo(next, push: job[0])
                } else {
                    try db.execute(
                        sql: """
                            UPDATE push SET state = 'skipped', reason = 'no_token', is_leased = 0, updated_at = ?
                            WHERE key = ?
                            """,
                        arguments: [now, job[0]])
                }
            }
        }
    }

    struct Next {
        let token: Int64
        let vendor: Vendor
        let lane: Int64
    }

    /// The first live token of the device that may carry the message, is configured, and did not fail this push before.
    /// None for a replacement: what it would replace is where its own token is.
    ///
    /// - Parameter chosen: only tokens after this one, in the order in which they are tried.
    func nextToken(
        push: Int64, message key: MessageKey, device: DeviceKey, after chosen: Int64? = nil
    ) throws -> Next? {
        let turn = try Int.fetchOne(db, sql: "SELECT turn FROM push WHERE key = ?", arguments: [push])
        guard turn == 0, let message = try message(key) else { return nil }
        let rows = try DeviceRows.tokens(db, of: device.rawValue)
        let tried = Set(
            try Int64.fetchAll(
                db, sql: "SELECT token FROM push_event WHERE push = ? AND stage = 'token_dead' AND token IS NOT NULL",
                arguments: [push]))
        let lanes = try Lanes(db, tenant: message.tenantKey)
        let app = try DeviceRows.app(db, of: device)
        var chain = FallbackRule.chain(for: message, tokens: rows.map(\.token))[...]
        if let chosen {
            let token = rows.first { $0.key == chosen }?.token
            guard let place = chain.firstIndex(where: { $0 == token }) else { return nil }
            chain = chain[(place + 1)...]
        }
        for token in chain {
            guard let row = rows.first(where: { $0.token == token }), !tried.contains(row.key),
                let lane = lanes.lane(app: app, vendor: token.vendor),
                !message.isBackground || token.vendor.canSendSilently
            else { continue }
            return Next(token: row.key, vendor: token.vendor, lane: lane)
        }
        return nil
    }

    /// Gives a waiting push another token. A lease stays: the attempt under way may still end it.
    func moveTo(_ next: Next, push: Int64) throws {
        try db.execute(
            sql: "UPDATE push SET token = ?, vendor = ?, lane = ?, updated_at = ? WHERE key = ?",
            arguments: [next.token, next.vendor.rawValue, next.lane, now, push])
    }
}
