import GRDB
import PushCore

/// Jobs of sends to many, as rows.
struct JobRows {
    let writer: Writer

    private var db: Database { writer.db }

    // MARK: Beginning

    /// Records a message to everyone: its place on the broadcast channel, and the job that walks the devices.
    func beginBroadcast(_ message: ArchivedMessage) throws {
        try insert(message, kind: "broadcast", phase: message.push.policy == .never ? 2 : 0)
        try BroadcastLog(writer: writer).append(message.key, revision: message.revision, tenant: message.tenantKey)
    }

    /// Records whom a message to tags is for, with the versions of everything that may change.
    func begin(_ message: ArchivedMessage, _ audience: TagAudience) throws {
        try insert(message, kind: "tags", phase: audience.matchesNobody ? 2 : 0)
        guard !audience.matchesNobody else { return try finishTags(message.key, recipients: 0, at: message.serverTime) }
        try Expansion(writer: writer, limits: writer.limits)
            .begin(message.key, .audience(accounts: audience.accounts, groups: audience.groups, unknown: []))
        try db.execute(
            sql: "UPDATE expansion SET last_account = (SELECT max(key) FROM account) WHERE message = ?",
            arguments: [message.key.rawValue])
        for (kind, tags) in [audience.any, audience.all, audience.not].enumerated() {
            for tag in tags {
                try db.execute(
                    sql: "INSERT INTO audience_tag (message, kind, tag, version) VALUES (?, ?, ?, ?)",
                    arguments: [message.key.rawValue, kind, tag.key, tag.version])
            }
        }
    }

    private func insert(_ message: ArchivedMessage, kind: String, phase: Int) throws {
        try db.execute(
            sql: """
                INSERT INTO job (message, tenant, kind, state, phase, last_device, last_account, started_at)
                SELECT ?, ?, ?, 'running', ?, (SELECT max(key) FROM device), (SELECT ifnull(max(key), 0) FROM account), ?
                """,
            arguments: [message.key.rawValue, message.tenantKey.rawValue, kind, phase, message.serverTime])
    }

    // MARK: Ending

    /// Everyone has a copy.
    func finishTags(_ message: MessageKey, recipients: Int, at now: Milliseconds) throws {
        try db.execute(
            sql: """
                UPDATE job SET state = 'done', phase = 2, audience = ?1, published = ?1, finished_at = ?2
                WHERE message = ?3
                """,
            arguments: [recipients, now, message.rawValue])
        try db.execute(
            sql: "UPDATE message SET recipients = ? WHERE key = ?", arguments: [recipients, message.rawValue])
    }

    /// Every device was decided: done, if the broker has the broadcast as well.
    func finishWalk(_ message: MessageKey, at now: Milliseconds) throws {
        try db.execute(sql: "UPDATE job SET phase = 2 WHERE message = ?", arguments: [message.rawValue])
        try finishIfPublished(message, at: now)
    }

    /// Ends a running broadcast of which nothing is left to do.
    func finishIfPublished(_ message: MessageKey, at now: Milliseconds) throws {
        try db.execute(
            sql: """
                UPDATE job SET state = 'done', finished_at = ?1
                WHERE message = ?2 AND kind = 'broadcast' AND state = 'running' AND phase = 2
                    AND NOT EXISTS (SELECT 1 FROM broadcast b WHERE b.message = ?2 AND b.published_at IS NULL)
                """,
            arguments: [now, message.rawValue])
    }

    /// The broker has a message's broadcast. `audience` was counted for the first time now.
    func published(_ message: MessageKey, audience: Int?, at now: Milliseconds) throws {
        if let audience {
            try db.execute(
                sql: "UPDATE job SET audience = ?1, published = ?1 WHERE message = ?2 AND audience IS NULL",
                arguments: [audience, message.rawValue])
            if db.changesCount > 0 {
                // The sender is no recipient of its own message.
                try db.execute(
                    sql: """
                        UPDATE message SET recipients = max(0, ? - (sender_account IS NOT NULL)) WHERE key = ?
                        """,
                    arguments: [audience, message.rawValue])
            }
        }
        try finishIfPublished(message, at: now)
    }

    // MARK: What apps do

    /// Whether the message's job, if it has one, was cancelled.
    static func isCancelled(_ db: Database, _ message: MessageKey) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT state = 'cancelled' FROM job WHERE message = ?"),
            arguments: [message.rawValue]) ?? false
    }

    func change(_ action: JobAction, _ message: MessageKey, at now: Milliseconds) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT state FROM job WHERE message = ?", arguments: [message.rawValue])
        guard let state = (row?[0] as String?).flatMap(JobState.init) else {
            throw GatewayError(.notFound, "There is no such broadcast.")
        }
        guard let next = action.next(from: state) else {
            throw GatewayError(.conflict, "A broadcast that is \(state.rawValue) cannot be changed so.")
        }
        guard next != state else { return }
        switch next {
        case .cancelled: try cancel(message, at: now)
        case .paused, .running, .done:
            try db.execute(
                sql: "UPDATE job SET state = ?, not_before = 0 WHERE message = ?",
                arguments: [next.rawValue, message.rawValue])
            try finishIfPublished(message, at: now)
        }
    }

    /// A revoked send to tags is over: nobody else gets a copy, and those who have one are told at once, also where the
    /// job was paused. The job of a broadcast goes on, and counts why its devices were not pushed.
    func endTags(_ message: MessageKey, at now: Milliseconds) throws {
        let isOpen = try Bool.fetchOne(
            db.cachedStatement(
                sql: "SELECT kind = 'tags' AND state IN ('running', 'paused') FROM job WHERE message = ?"),
            arguments: [message.rawValue])
        if isOpen ?? false { try cancel(message, at: now) }
    }

    /// The walk starts anew to take the waiting pushes back (``takeBack(_:after:limit:at:)``).
    private func cancel(_ message: MessageKey, at now: Milliseconds) throws {
        try db.execute(
            sql: """
                UPDATE job SET state = 'cancelled', phase = 0, after_device = 0, not_before = 0, finished_at = ?
                WHERE message = ?
                """,
            arguments: [now, message.rawValue])
        let expanded = try Int.fetchOne(
            db, sql: "SELECT expanded FROM expansion WHERE message = ?", arguments: [message.rawValue])
        guard let expanded else { return }
        try db.execute(sql: "DELETE FROM expansion WHERE message = ?", arguments: [message.rawValue])
        try db.execute(
            sql: "UPDATE message SET recipients = ? WHERE key = ?", arguments: [expanded, message.rawValue])
        try db.execute(
            sql: "UPDATE job SET audience = ? WHERE message = ?", arguments: [expanded, message.rawValue])
    }

    /// One page of a cancelled job's pushes: what waits goes out no more.
    func takeBack(_ message: MessageKey, after device: Int64, limit: Int, at now: Milliseconds) throws -> JobStep {
        let pushes = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT key, device, state FROM push WHERE message = ? AND device > ? ORDER BY device LIMIT ?
                    """),
            arguments: [message.rawValue, device, limit])
        for push in pushes where push[2] == "waiting" {
            try db.execute(
                sql: """
                    UPDATE push SET state = 'skipped', reason = 'cancelled', is_leased = 0, updated_at = ?
                    WHERE key = ?
                    """,
                arguments: [now, push[0]])
        }
        try db.execute(
            sql: """
                DELETE FROM job_device WHERE message = ?1 AND device IN
                    (SELECT device FROM job_device WHERE message = ?1 ORDER BY device LIMIT ?2)
                """,
            arguments: [message.rawValue, limit])
        let isDone = pushes.count < limit && db.changesCount < limit
        try db.execute(
            sql: "UPDATE job SET after_device = ?, phase = ? WHERE message = ?",
            arguments: [pushes.last?[1] ?? device, isDone ? 2 : 0, message.rawValue])
        return JobStep(walked: pushes.count, hasPushes: false)
    }
}
