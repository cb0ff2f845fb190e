import GRDB
import PushCore

/// The life of a push job: waiting, leased, and one of three ends.
struct PushJobs {
    let writer: Writer
    let now: Milliseconds

    private var db: Database { writer.db }

    static let claimSQL = """
        UPDATE push SET is_leased = 1, claimed_at = ?3, not_before = ?4, attempts = attempts + 1, updated_at = ?3
        WHERE key IN (
            SELECT key FROM push WHERE state = 'waiting' AND lane = ?1 AND class = ?5 AND not_before <= ?3
            ORDER BY not_before LIMIT ?2)
        RETURNING key, lane, message, device, attempts, created_at, expires_at, turn
        """

    /// Transactional pushes first: marketing gets the room they leave.
    func claim(lane: Int64, limit: Int, leaseUntil: Milliseconds) throws -> [PushJob] {
        var jobs: [PushJob] = []
        for messageClass in MessageClass.allCases where jobs.count < limit {
            jobs += try claim(messageClass, lane: lane, limit: limit - jobs.count, leaseUntil: leaseUntil)
        }
        return jobs
    }

    private func claim(
        _ messageClass: MessageClass, lane: Int64, limit: Int, leaseUntil: Milliseconds
    ) throws -> [PushJob] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: Self.claimSQL), arguments: [lane, limit, now, leaseUntil, messageClass.rawValue])
        var jobs: [PushJob] = []
        for row in rows {
            if (row[6] as Int64) <= now {
                try end(row[0], "skipped", reason: .expired)
            } else {
                jobs.append(
                    PushJob(
                        key: row[0], lane: row[1], message: MessageKey(rawValue: row[2]),
                        device: DeviceKey(rawValue: row[3]), attempts: row[4], createdAt: row[5], turn: row[7],
                        expiresAt: row[6]))
            }
        }
        return jobs.sorted { $0.key < $1.key }
    }

    func change(_ job: PushJob, _ change: PushJobChange) throws {
        switch change {
        case .accepted(let vendor, let vendorID):
            // It went out, also if it was cancelled while it was under way.
            try db.execute(
                sql: """
                    UPDATE push SET state = 'accepted', reason = NULL, vendor = ?, vendor_id = ?, is_leased = 0,
                        updated_at = ?
                    WHERE key = ? AND state IN ('waiting', 'skipped')
                    """,
                arguments: [vendor.rawValue, vendorID, now, job.key])
            try PushReplacements(writer: writer, now: now).catchUp(job.key)
        case .skipped(let reason): try end(job.key, "skipped", reason: reason)
        case .failed(let vendor, let reason, let reply):
            try end(job.key, "failed", reason: reason, vendor: vendor, reply: reply)
        case .retry(let at, let vendor, let reply):
            try note(job.key, "push_failed", vendor: vendor, reply: reply, token: nil)
            try wait(job.key, until: at)
        case .tokenDead(let token, let reply, let since):
            try quarantine(token, of: job, reply: reply, since: since)
            try goOn(job, after: token, reply: reply)
        case .released(let at):
            // It was not tried: that is no attempt.
            try db.execute(
                sql: """
                    UPDATE push SET is_leased = 0, not_before = ?, attempts = max(0, attempts - 1), updated_at = ?
                    WHERE key = ? AND state = 'waiting'
                    """,
                arguments: [at, now, job.key])
        }
    }

    private func wait(_ key: Int64, until at: Milliseconds) throws {
        try db.execute(
            sql: "UPDATE push SET is_leased = 0, not_before = ?, updated_at = ? WHERE key = ? AND state = 'waiting'",
            arguments: [at, now, key])
    }

    private func end(
        _ key: Int64, _ state: String, reason: SkipReason, vendor: Vendor? = nil, reply: VendorReply? = nil
    ) throws {
        try db.execute(
            sql: """
                UPDATE push SET state = ?, reason = ?, vendor = ifnull(?, vendor), code = ?, text = ?, is_leased = 0,
                    updated_at = ?
                WHERE key = ? AND state = 'waiting'
                """,
            arguments: [state, reason.rawValue, vendor?.rawValue, reply?.code, reply?.text, now, key])
    }

    // MARK: Dead tokens

    private func tokenRow(_ token: PushToken, of device: DeviceKey) throws -> Row? {
        try Row.fetchOne(
            db, sql: "SELECT key, set_at FROM push_token WHERE device = ? AND vendor = ? AND token = ?",
            arguments: [device.rawValue, token.vendor.rawValue, token.token])
    }

    /// A token that was registered again after the vendor's date, or after this attempt began, is alive.
    private func quarantine(_ token: PushToken, of job: PushJob, reply: VendorReply, since: Milliseconds?) throws {
        guard let row = try tokenRow(token, of: job.device) else { return }
        let claimedAt = try Int64.fetchOne(db, sql: "SELECT claimed_at FROM push WHERE key = ?", arguments: [job.key])
        let setAt: Milliseconds = row[1]
        if setAt > min(since ?? .max, claimedAt ?? .max) { return }
        try db.execute(
            sql: "UPDATE push_token SET state = 'dead', reason = ?, ended_at = ? WHERE key = ? AND state = 'live'",
            arguments: [reply.code, now, row[0]])
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

    private static let eventsPerPushMax = 20

    /// Keeps what happened to an attempt; beyond the bound the earliest stay.
    private func note(_ push: Int64, _ stage: String, vendor: Vendor, reply: VendorReply, token: Int64?) throws {
        let number =
            try Int.fetchOne(
                db, sql: "SELECT ifnull(max(number), 0) + 1 FROM push_event WHERE push = ?", arguments: [push]) ?? 1
        guard number <= Self.eventsPerPushMax else { return }
        try db.execute(
            sql: "INSERT INTO push_event (push, number, at, stage, vendor, detail, token) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                push, number, now, stage, vendor.rawValue,
                reply.text.isEmpty ? reply.code : "\(reply.code): \(reply.text)", token,
            ])
    }
}
