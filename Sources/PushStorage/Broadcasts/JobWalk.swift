import GRDB
import PushCore

/// One step of a job: a page of devices or accounts, decided in one transaction with the place where the next page
/// begins.
struct JobWalk {
    let writer: Writer
    let limits: Limits
    let now: Milliseconds
    /// When this gateway started.
    let startedAt: Milliseconds
    let isConnected: (String) -> Bool
    /// Called in the transaction in which everyone with the tags has a copy.
    let isExpanded: (MessageKey) throws -> Void

    private var db: Database { writer.db }
    private var rows: JobRows { JobRows(writer: writer) }

    private static let nothing = JobStep(walked: 0, hasPushes: false)

    func step(_ key: MessageKey, tenantNo: (TenantKey) -> String) throws -> JobStep {
        let job = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT kind, state, phase, after_device, last_device FROM job WHERE message = ?"),
            arguments: [key.rawValue])
        guard let job, let message = try MessageRows.message(db, key: key, tenantNo: tenantNo) else {
            return Self.nothing
        }
        let phase: Int = job[2]
        switch job[1] as String {
        case "cancelled" where phase < 2:
            return try rows.takeBack(key, after: job[3], limit: limits.jobPageDevices, at: now)
        case "running" where phase < 2 && job[0] == "tags":
            return try TagExpansion(writer: writer, limits: limits, now: now, isDone: isExpanded).next(message)
        case "running" where phase == 0: return try decideAway(message, after: job[3], last: job[4] ?? 0)
        case "running" where phase == 1: return try decideLate(message, after: job[3])
        default: return Self.nothing
        }
    }

    // MARK: Devices

    /// Devices that are away are decided at once, the others are noted: they have time to acknowledge.
    private func decideAway(_ message: ArchivedMessage, after: Int64, last: Int64) throws -> JobStep {
        let page = try DeviceRows.walked(
            db, tenant: message.tenantKey, after: after, last: last, limit: limits.jobPageDevices)
        let note = try writer.statement("INSERT INTO job_device (message, device) VALUES (?, ?)")
        let isSentToAll = message.push.policy == .always || message.state != .live
        var due: [DeviceRows.Walked] = []
        for walked in page {
            guard !isSentToAll, isConnected(walked.device.deviceID), message.from != walked.device.account.id else {
                due.append(walked)
                continue
            }
            note.bind(1, message.key.rawValue)
            note.bind(2, walked.device.key.rawValue)
            try note.run()
        }
        let hasPushes = try decide(due, message)
        if page.count < limits.jobPageDevices {
            try beginSecondPhase(message)
        } else {
            try move(message, to: page.last?.device.key.rawValue ?? last)
        }
        return JobStep(walked: page.count, hasPushes: hasPushes)
    }

    private func beginSecondPhase(_ message: ArchivedMessage) throws {
        let isAnyNoted = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM job_device WHERE message = ?)", arguments: [message.key.rawValue])
        guard isAnyNoted == true else { return try rows.finishWalk(message.key, at: now) }
        try db.execute(
            sql: "UPDATE job SET phase = 1, after_device = 0, not_before = ? WHERE message = ?",
            arguments: [try deadline(of: message, isOver: false), message.key.rawValue])
    }

    /// Devices that had time to acknowledge, once it is over.
    private func decideLate(_ message: ArchivedMessage, after: Int64) throws -> JobStep {
        let deadline = try deadline(of: message, isOver: true)
        guard deadline <= now else {
            try db.execute(
                sql: "UPDATE job SET not_before = ? WHERE message = ?", arguments: [deadline, message.key.rawValue])
            return Self.nothing
        }
        let page = try DeviceRows.walked(db, notedFor: message.key, after: after, limit: limits.jobPageDevices)
        let hasPushes = try decide(page, message)
        if let last = page.last?.device.key.rawValue {
            try db.execute(
                sql: "DELETE FROM job_device WHERE message = ? AND device <= ?",
                arguments: [message.key.rawValue, last])
            try move(message, to: last)
        }
        if page.count < limits.jobPageDevices { try rows.finishWalk(message.key, at: now) }
        return JobStep(walked: page.count, hasPushes: hasPushes)
    }

    private func move(_ message: ArchivedMessage, to device: Int64) throws {
        try db.execute(
            sql: "UPDATE job SET after_device = ? WHERE message = ?", arguments: [device, message.key.rawValue])
    }

    /// From when the broker had it, or from archiving where the broker is away. What was sent before this gateway
    /// started gets its whole time again, for devices have to come back first.
    ///
    /// - Parameter isOver: the deadline that was noted has passed.
    private func deadline(of message: ArchivedMessage, isOver: Bool) throws -> Milliseconds {
        guard message.state == .live else { return now }
        let publishedAt = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT published_at FROM broadcast WHERE message = ? ORDER BY seq LIMIT 1"),
            arguments: [message.key.rawValue])
        let allowed = FallbackRule.deadline(for: message, isInBackground: false, limits: limits)
        // Server times never go back: those after a clock that was set back are ahead of it, for as long as it was.
        let given = publishedAt ?? message.serverTime
        let began = max(given <= now ? given : isOver ? 0 : now, min(startedAt, now))
        return began + Int64(allowed / .milliseconds(1))
    }

    // MARK: Decisions

    /// Queues a push or counts the reason against it, for each. Whether any push was queued.
    private func decide(_ devices: [DeviceRows.Walked], _ message: ArchivedMessage) throws -> Bool {
        guard !devices.isEmpty else { return false }
        let seq = try Self.seq(db, of: message.key)
        let lanes = try Lanes(db, tenant: message.tenantKey)
        let decisions = PushDecisions(writer: writer, now: now)
        let messageClass = message.messageClass
        var skipped: [SkipReason: Int] = [:]
        var hasPushes = false
        for walked in devices {
            let device = walked.device
            guard message.from != device.account.id else {
                skipped[.own, default: 0] += 1
                continue
            }
            let cursor = max(
                walked.broadcastSeq, writer.transaction.cursors[device.key.rawValue]?.cursor.broadcastSeq ?? 0)
            let verdict = FallbackRule.verdict(
                message: message, device: device, isAcknowledged: cursor >= seq,
                isConfigured: { lanes.lane(app: walked.app, vendor: $0) != nil },
                canSendSilently: \.canSendSilently, now: now)
            switch verdict {
            case .nothing: continue
            case .skip(.noToken):
                skipped[try decisions.hasDeadToken(device.key) ? .tokenDead : .noToken, default: 0] += 1
            case .skip(let reason): skipped[reason, default: 0] += 1
            case .push(let token):
                guard let lane = lanes.lane(app: walked.app, vendor: token.vendor) else { continue }
                let candidate = FallbackCandidate(
                    device: device.key, account: device.account.key, message: message.key, seq: 0)
                let expiresAt = decisions.expiry(
                    of: message, notBefore: nil, lifeDefaultSeconds: limits.pushLifeDefaultSeconds)
                let isMade = try decisions.insertWaiting(
                    candidate, token, lane: lane, messageClass: messageClass, expiresAt: expiresAt)
                hasPushes = hasPushes || isMade
            }
        }
        try count(skipped, message)
        return hasPushes
    }

    private func count(_ skipped: [SkipReason: Int], _ message: ArchivedMessage) throws {
        for (reason, devices) in skipped {
            try db.execute(
                sql: """
                    INSERT INTO job_skipped (message, reason, devices) VALUES (?, ?, ?)
                    ON CONFLICT (message, reason) DO UPDATE SET devices = devices + excluded.devices
                    """,
                arguments: [message.key.rawValue, reason.rawValue, devices])
        }
    }

    /// The place of a message on its broadcast channel, the first where it was edited; a cursor at or above it has it.
    static func seq(_ db: Database, of message: MessageKey) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT min(seq) FROM broadcast WHERE message = ?"), arguments: [message.rawValue]
        ) ?? .max
    }
}
