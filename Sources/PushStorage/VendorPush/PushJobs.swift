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
        case .accepted(let vendor, let vendorID, _): try accept(job, vendor, vendorID)
        case .skipped(let reason): try end(job.key, "skipped", reason: reason)
        case .failed(let vendor, let reason, let reply):
            try end(job.key, "failed", reason: reason, vendor: vendor, reply: reply)
        case .retry(let at, let vendor, let reply):
            try note(job.key, "push_failed", vendor: vendor, reply: reply, token: nil)
            try wait(job.key, until: at)
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
                UPDATE push SET is_leased = 0, not_before = ?1, attempts = max(0, attempts - 1), updated_at = ?2
                WHERE key = ?3 AND state = 'waiting'
                """)
            update.bind(1, at)
            update.bind(2, now)
            update.bind(3, job.key)
            try update.run()
        }
    }

    /// It went out, also if it was cancelled while it was under way.
    private func accept(_ job: PushJob, _ vendor: Vendor, _ vendorID: String?) throws {
        let update = try writer.statement(
            """
            UPDATE push SET state = 'accepted', reason = NULL, vendor = ?1, vendor_id = ?2, is_leased = 0,
                updated_at = ?3
            WHERE key = ?4 AND state IN ('waiting', 'skipped')
            """)
        update.bind(1, vendor.rawValue)
        update.bind(2, vendorID)
        update.bind(3, now)
        update.bind(4, job.key)
        try update.run()
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
            "UPDATE push SET is_leased = 0, not_before = ?, updated_at = ? WHERE key = ? AND state = 'waiting'")
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
                updated_at = ?6
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

    /// A token that was registered again after the vendor's date, or after this attempt began, is alive.
    private func quarantine(
        _ token: PushToken, of job: PushJob, reply: VendorReply, since: Milliseconds?, isDoubtful: Bool
    ) throws {
        guard let row = try tokenRow(token, of: job.device) else { return }
        let claimedAt = try Int64.fetchOne(db, sql: "SELECT claimed_at FROM push WHERE key = ?", arguments: [job.key])
        let setAt: Milliseconds = row[1]
        if setAt > min(since ?? .max, claimedAt ?? .max) { return }
        try db.execute(
            sql: """
                UPDATE push_token SET state = 'dead', reason = ?, ended_at = ?, is_doubtful = ?
                WHERE key = ? AND state = 'live'
                """,
            arguments: [reply.code, now, isDoubtful, row[0]])
        // Others that wait for it go on as well.
        let others = try Row.fetchAll(
            db,
            sql: """
                SELECT key, message FROM push
                WHERE device = ? AND state = 'waiting' AND token = ? AND key <> ?
                """,
            arguments: [job.device.rawValue, row[0], job.key])
        for other in others { try goOn(other[0], message: other[1], device: job.device) }
    }

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
        try goOn(job.key, message: job.message.rawValue, device: job.device, vendor: token.vendor, reply: reply)
    }

    private func goOn(
        _ push: Int64, message: Int64, device: DeviceKey, vendor: Vendor? = nil, reply: VendorReply? = nil
    ) throws {
        let decisions = PushDecisions(writer: writer, now: now)
        let next = try decisions.nextToken(push: push, message: MessageKey(rawValue: message), device: device)
        if let next {
            try decisions.moveTo(next, push: push)
            if reply != nil { try wait(push, until: now) }
        } else {
            try end(push, "failed", reason: .tokenDead, vendor: vendor, reply: reply)
        }
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
