import GRDB
import PushCore

/// What becomes of claimed push jobs: another try, or one of three ends.
struct PushJobs {
    let writer: Writer
    let now: Milliseconds
    /// What was looked up for other jobs of the same transaction.
    private let memo = Memo()

    private final class Memo {
        var changedAt: [MessageKey: Milliseconds] = [:]
    }

    init(writer: Writer, now: Milliseconds) {
        self.writer = writer
        self.now = now
    }

    private var db: Database { writer.db }

    func change(_ job: PushJob, _ change: PushJobChange) throws {
        switch change {
        case .accepted(let vendor, let vendorID, _, let token): try accept(job, vendor, vendorID, token)
        case .skipped(.noToken): try endWithoutToken(job)
        case .skipped(.background): try goOnSilently(job)
        case .skipped(let reason): try end(job.key, "skipped", reason: reason)
        case .failed(let vendor, let reason, let reply):
            try end(job.key, "failed", reason: reason, vendor: vendor, reply: reply)
        case .retry(let at, let vendor, let reply):
            try note(job.key, "push_failed", vendor: vendor, reply: reply, token: nil)
            try wait(job.key, until: at)
        case .heldBack(let vendor, let reply):
            try note(job.key, "push_failed", vendor: vendor, reply: reply, token: nil)
            try self.change(job, .released(at: now))
        case .tokenDead(let token, let reply, let since, let isDoubtful):
            if isDoubtful, try isCredentialDoubted(job) {
                try note(job.key, "push_failed", vendor: token.vendor, reply: reply, token: nil)
                return try wait(job.key, until: now + Self.doubtMilliseconds)
            }
            try quarantine(token, of: job, reply: reply, since: since, isDoubtful: isDoubtful)
            try goOn(job, after: token, reply: reply)
        case .released(let at):
            let update = try writer.statement(
                """
                UPDATE push SET is_leased = 0, is_begun = 0, not_before = ?1, attempts = max(0, attempts - 1),
                    updated_at = ?2
                WHERE key = ?3 AND state = 'waiting'
                """)
            update.bind(1, at)
            update.bind(2, now)
            update.bind(3, job.key)
            try update.run()
        }
    }

    /// It went out, also if it was cancelled while it was under way.
    private func accept(_ job: PushJob, _ vendor: Vendor, _ vendorID: String?, _ token: PushToken?) throws {
        let update = try writer.statement(
            """
            UPDATE push SET state = 'accepted', reason = NULL, vendor = ?1, vendor_id = ?2, is_leased = 0,
                is_begun = 0, updated_at = ?3,
                token = ifnull(
                    (SELECT key FROM push_token WHERE device = push.device AND vendor = ?1 AND token = ?5), token)
            WHERE key = ?4 AND state IN ('waiting', 'skipped')
            """)
        update.bind(1, vendor.rawValue)
        update.bind(2, vendorID)
        update.bind(3, now)
        update.bind(4, job.key)
        update.bind(5, token?.token)
        try update.run()
        if db.changesCount > 0 {
            try WebhookLog(writer: writer).record(
                .pushAccepted, push: job.key, .init(vendor: vendor, vendorID: vendorID), at: now)
        }
        if job.turn == 0, try changedAt(job.message) >= job.claimedAt {
            try PushReplacements(writer: writer, now: now).catchUp(job.key)
        }
    }

    /// When a message last became something else than what its first pushes show: `.max` where it was revoked.
    private func changedAt(_ message: MessageKey) throws -> Milliseconds {
        if let known = memo.changedAt[message] { return known }
        let select = try writer.statement(
            "SELECT CASE state WHEN 1 THEN 9223372036854775807 WHEN 0 THEN revised_at END FROM message WHERE key = ?")
        select.bind(1, message.rawValue)
        let found = try select.first { $0.optionalInteger(0) }.flatMap { $0 } ?? .min
        memo.changedAt[message] = found
        return found
    }

    private func wait(_ key: Int64, until at: Milliseconds) throws {
        let update = try writer.statement(
            """
            UPDATE push SET is_leased = 0, is_begun = 0, not_before = ?, updated_at = ?
            WHERE key = ? AND state = 'waiting'
            """)
        update.bind(1, at)
        update.bind(2, now)
        update.bind(3, key)
        try update.run()
    }

    private func end(
        _ key: Int64, _ state: String, reason: SkipReason, vendor: Vendor? = nil, reply: VendorReply? = nil
    ) throws {
        let update = try writer.statement(
            """
            UPDATE push SET state = ?1, reason = ?2, vendor = ifnull(?3, vendor), code = ?4, text = ?5, is_leased = 0,
                is_begun = 0, updated_at = ?6
            WHERE key = ?7 AND state = 'waiting'
            """)
        update.bind(1, state)
        update.bind(2, reason.rawValue)
        update.bind(3, vendor?.rawValue)
        update.bind(4, reply?.code)
        update.bind(5, reply?.text)
        update.bind(6, now)
        update.bind(7, key)
        try update.run()
        if state == "failed", db.changesCount > 0 {
            try WebhookLog(writer: writer).record(
                .pushFailed, push: key, .init(vendor: vendor, reason: reason, reply: reply), at: now)
        }
    }

    // MARK: What must not go out twice

    static func markBegun(_ jobs: [PushJob], _ writer: Writer) throws {
        let update = try writer.statement("UPDATE push SET is_begun = 1 WHERE key = ? AND state = 'waiting'")
        for job in jobs {
            update.bind(1, job.key)
            try update.run()
        }
    }

    /// Ends every push that the process before had begun and that must not go out twice.
    func endInterrupted() throws {
        let begun = try Int64.fetchAll(
            db, sql: "SELECT key FROM push WHERE state = 'waiting' AND is_leased = 1 AND is_begun = 1")
        for key in begun { try endInterrupted(key) }
    }

    /// As an attempt whose outcome is not known, where a repeat would be a second notification.
    func endInterrupted(_ key: Int64) throws {
        try end(key, "failed", reason: .vendorRefused, reply: .interrupted)
    }

    // MARK: Dead tokens

    private func tokenRow(_ token: PushToken, of device: DeviceKey) throws -> Row? {
        try Row.fetchOne(
            db, sql: "SELECT key, set_at FROM push_token WHERE device = ? AND vendor = ? AND token = ?",
            arguments: [device.rawValue, token.vendor.rawValue, token.token])
    }

    /// When a push whose token was called dead through a doubted credential is looked at again: that of a probe.
    private static let doubtMilliseconds: Milliseconds = 60_000

    /// Whether the credential was found wrong, or replaced, since this attempt began: then a code that a wrong credential
    /// gives says nothing of the token.
    private func isCredentialDoubted(_ job: PushJob) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT v.lane IS NULL OR ifnull(v.doubted_at >= p.claimed_at, 0)
                FROM push p LEFT JOIN vendor_settings v ON v.lane = ? WHERE p.key = ?
                """,
            arguments: [job.lane, job.key]) ?? false
    }

    private func quarantine(
        _ token: PushToken, of job: PushJob, reply: VendorReply, since: Milliseconds?, isDoubtful: Bool
    ) throws {
        guard let row = try tokenRow(token, of: job.device) else { return }
        let claimedAt = try Int64.fetchOne(db, sql: "SELECT claimed_at FROM push WHERE key = ?", arguments: [job.key])
        _ = try dead.quarantine(
            row[0], of: job.device, setAt: row[1], besides: job.key,
            DeadTokens.Word(
                vendor: token.vendor, reply: reply, isDoubtful: isDoubtful, since: since, attemptBegan: claimedAt))
    }

    private var dead: DeadTokens { DeadTokens(writer: writer, now: now) }

    private func goOn(_ job: PushJob, after token: PushToken, reply: VendorReply) throws {
        let tokenKey: Int64? = try tokenRow(token, of: job.device)?[0]
        try note(job.key, "token_dead", vendor: token.vendor, reply: reply, token: tokenKey)
        let state = try Row.fetchOne(db, sql: "SELECT state, token FROM push WHERE key = ?", arguments: [job.key])
        guard state?[0] == "waiting" else { return }
        if let chosen = state?[1] as Int64?, chosen != tokenKey, try isLive(chosen) {
            // It had been given another token while this one was tried.
            try wait(job.key, until: now)
            return
        }
        if try dead.goOn(job.key, message: job.message, device: job.device) {
            try wait(job.key, until: now)
        } else {
            try dead.fail(job.key, vendor: token.vendor, reply: reply)
        }
    }

    /// The token was gone when the push was built: where its vendor had called it dead meanwhile, the push goes on as if
    /// that had been its own answer.
    private func endWithoutToken(_ job: PushJob) throws {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT t.key, t.vendor, t.reason FROM push p JOIN push_token t ON t.key = p.token
                WHERE p.key = ? AND p.state = 'waiting' AND t.state = 'dead'
                """, arguments: [job.key])
        guard let row, let vendor = Vendor(rawValue: row[1]) else {
            return try end(job.key, "skipped", reason: .noToken)
        }
        let reply = VendorReply(code: row[2] as String? ?? "token_dead")
        if try dead.goOn(job.key, message: job.message, device: job.device) {
            try self.change(job, .released(at: now))
        } else {
            try dead.fail(job.key, vendor: vendor, reply: reply)
        }
    }

    /// The credential it was given to cannot send without showing anything, as its settings say: the device's next token
    /// may.
    private func goOnSilently(_ job: PushJob) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT token, lane FROM push WHERE key = ? AND state = 'waiting'",
            arguments: [job.key])
        // It has been given another one meanwhile.
        if let row, (row[1] as Int64?) != job.lane { return try self.change(job, .released(at: now)) }
        let decisions = PushDecisions(writer: writer, now: now)
        guard let token = row?[0] as Int64?,
            let next = try decisions.nextToken(
                push: job.key, message: job.message, device: job.device, after: token)
        else { return try end(job.key, "skipped", reason: .background) }
        try decisions.moveTo(next, push: job.key)
        try self.change(job, .released(at: now))
    }

    private func isLive(_ token: Int64) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT state = 'live' FROM push_token WHERE key = ?", arguments: [token]) ?? false
    }

    // MARK: Events

    private static let eventsPerPushMax: Int64 = 20

    /// Keeps what happened to an attempt; beyond the bound the earliest stay.
    private func note(_ push: Int64, _ stage: String, vendor: Vendor, reply: VendorReply, token: Int64?) throws {
        let insert = try writer.statement(
            """
            INSERT INTO push_event (push, number, at, stage, vendor, detail, token)
            SELECT ?1, n.next, ?2, ?3, ?4, ?5, ?6
            FROM (SELECT ifnull(max(number), 0) + 1 AS next FROM push_event WHERE push = ?1) n WHERE n.next <= ?7
            """)
        insert.bind(1, push)
        insert.bind(2, now)
        insert.bind(3, stage)
        insert.bind(4, vendor.rawValue)
        insert.bind(5, reply.text.isEmpty ? reply.code : "\(reply.code): \(reply.text)")
        insert.bind(6, token)
        insert.bind(7, Self.eventsPerPushMax)
        try insert.run()
    }
}
