import GRDB
import PushCore

/// Takes due jobs from the queue on disk, and ends those that outlived their time there.
struct PushClaims {
    let writer: Writer
    let now: Milliseconds

    /// Due jobs of every lane that may take some: transactional pushes of a lane first, so that marketing gets the room
    /// they leave.
    func claim(_ claims: [JobClaim], besides held: Set<Int64>, leaseUntil: Milliseconds) throws -> [PushJob] {
        var jobs: [PushJob] = []
        for claim in claims {
            var left = claim.total
            for messageClass in MessageClass.allCases {
                guard let limit = claim.limits[messageClass].map({ min($0, left) }), limit > 0 else { continue }
                let taken = try take(messageClass, lane: claim.lane, limit: limit, besides: held)
                left -= taken.count
                jobs += taken
            }
        }
        try lease(jobs, until: leaseUntil)
        return jobs
    }

    private func take(
        _ messageClass: MessageClass, lane: Int64, limit: Int, besides held: Set<Int64>
    ) throws -> [PushJob] {
        var found = try due(messageClass, lane: lane, limit: limit, besides: held)
        // The clock was set forward: jobs under way look due again and stand before the others.
        if found.held > 0 {
            found = try due(messageClass, lane: lane, limit: limit + held.count, besides: held)
        }
        for key in found.expired { try expire(key, nil) }
        let ended = PushJobs(writer: writer, now: now)
        for key in found.begun { try ended.endInterrupted(key) }
        return Array(found.jobs.prefix(limit))
    }

    private struct Found {
        var jobs: [PushJob] = []
        var expired: [Int64] = []
        /// Went out once, must not again, and nobody knows what became of them.
        var begun: [Int64] = []
        var held = 0
    }

    private func due(
        _ messageClass: MessageClass, lane: Int64, limit: Int, besides held: Set<Int64>
    ) throws -> Found {
        let select = try writer.statement(
            """
            SELECT key, message, device, attempts, created_at, expires_at, turn, not_before, is_begun FROM push
            WHERE state = 'waiting' AND lane = ?1 AND class = ?2 AND not_before <= ?3 ORDER BY not_before LIMIT ?4
            """)
        select.bind(1, lane)
        select.bind(2, Int64(messageClass.rawValue))
        select.bind(3, now)
        select.bind(4, Int64(limit))
        var found = Found()
        try select.forEachRow { row in
            let key = row.integer(0)
            if held.contains(key) {
                found.held += 1
            } else if row.integer(8) != 0 {
                found.begun.append(key)
            } else if row.integer(5) <= now {
                found.expired.append(key)
            } else {
                found.jobs.append(
                    PushJob(
                        key: key, lane: lane, message: MessageKey(rawValue: row.integer(1)),
                        device: DeviceKey(rawValue: row.integer(2)), attempts: Int(row.integer(3)) + 1,
                        createdAt: row.integer(4), turn: Int(row.integer(6)), expiresAt: row.integer(5),
                        messageClass: messageClass, dueAt: row.integer(7), claimedAt: now))
            }
        }
        return found
    }

    private func lease(_ jobs: [PushJob], until: Milliseconds) throws {
        let update = try writer.statement(
            """
            UPDATE push SET is_leased = 1, claimed_at = ?2, not_before = ?3, attempts = attempts + 1, updated_at = ?2
            WHERE key = ?1
            """)
        for job in jobs {
            update.bind(1, job.key)
            update.bind(2, now)
            update.bind(3, until)
            try update.run()
        }
    }

    // MARK: Expiry

    static let anyExpiredSQL =
        "SELECT 1 FROM push WHERE state = 'waiting' AND expires_at <= ? AND is_leased = 0 LIMIT 1"

    /// Ends waiting jobs that nobody holds and whose time is over. `words`: why their lane could not send them.
    func expire(limit: Int, words: [Int64: VendorReply]) throws -> Int {
        let select = try writer.statement(
            """
            SELECT key, lane FROM push WHERE state = 'waiting' AND expires_at <= ?1 AND is_leased = 0
            ORDER BY expires_at LIMIT ?2
            """)
        select.bind(1, now)
        select.bind(2, Int64(limit))
        var found: [(key: Int64, lane: Int64)] = []
        try select.forEachRow { found.append(($0.integer(0), $0.integer(1))) }
        for job in found { try expire(job.key, words[job.lane]) }
        return found.count
    }

    private func expire(_ key: Int64, _ reply: VendorReply?) throws {
        let update = try writer.statement(
            """
            UPDATE push SET state = 'skipped', reason = 'expired', code = ?2, text = ?3, is_leased = 0, updated_at = ?4
            WHERE key = ?1 AND state = 'waiting'
            """)
        update.bind(1, key)
        update.bind(2, reply?.code)
        update.bind(3, reply?.text)
        update.bind(4, now)
        try update.run()
        try noteExpired(key, reply)
    }

    /// A push that was tried, or that its credential held back, until its time was over has failed; one that nobody came
    /// to is no news.
    private func noteExpired(_ key: Int64, _ reply: VendorReply?) throws {
        let log = WebhookLog(writer: writer)
        guard log.isNeeded, writer.db.changesCount > 0 else { return }
        let select = try writer.statement("SELECT attempts FROM push WHERE key = ?")
        select.bind(1, key)
        guard let attempts = try select.first({ $0.integer(0) }), attempts > 0 || reply != nil else { return }
        try log.record(.pushFailed, push: key, .init(reason: .expired, reply: reply), at: now)
    }
}
