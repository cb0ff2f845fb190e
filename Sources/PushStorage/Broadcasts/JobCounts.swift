import GRDB
import PushCore

/// What is counted of a send to many (contract details, *Broadcast counters*).
struct JobCounts {
    private let state: JobState
    private let audience: Int?
    private let published: Int
    private let pushes: [String: Int]
    private let skipped: [String: Int]
    private let startedAt: Milliseconds
    private let finishedAt: Milliseconds?
    /// Devices that have stored a broadcast; 0 for a send to tags, whose copies are asked one by one.
    let acknowledged: Int
    /// The accounts have copies of their own.
    let isExpanded: Bool

    /// nil where the message has no job.
    init?(_ db: Database, of message: ArchivedMessage) throws {
        let job = try Row.fetchOne(
            db,
            sql: """
                SELECT kind, state, audience, published, tenant, last_device, started_at, finished_at FROM job
                WHERE message = ?
                """,
            arguments: [message.key.rawValue])
        guard let job, let state = JobState(rawValue: job[1]) else { return nil }
        self.state = state
        audience = job[2]
        published = job[3]
        startedAt = job[6]
        finishedAt = job[7]
        isExpanded = job[0] == "tags"
        acknowledged =
            isExpanded
            ? 0
            : try Int.fetchOne(
                db, sql: "SELECT count(*) FROM broadcast_cursor WHERE tenant = ? AND seq >= ? AND device <= ?",
                arguments: [job[4] as Int64, JobWalk.seq(db, of: message.key), (job[5] as Int64?) ?? 0]) ?? 0
        pushes = try Self.counts(
            db, "SELECT state, count(*) FROM push WHERE message = ? AND turn = 0 GROUP BY state", message.key)
        skipped = try Self.skipped(db, of: message.key)
    }

    func status(id: String, acknowledged: Int) -> JobStatus {
        JobStatus(
            id: id, state: state, audience: audience, published: published, acknowledged: acknowledged,
            pushed: pushes["accepted"] ?? 0, failed: pushes["failed"] ?? 0, skipped: skipped, startedAt: startedAt,
            finishedAt: finishedAt)
    }

    /// By reason: what was never queued, and what was and did not go out.
    static func skipped(_ db: Database, of message: MessageKey) throws -> [String: Int] {
        let counted = try counts(db, "SELECT reason, devices FROM job_skipped WHERE message = ?", message)
        let queued = try counts(
            db,
            "SELECT reason, count(*) FROM push WHERE message = ? AND turn = 0 AND state = 'skipped' GROUP BY reason",
            message)
        return counted.merging(queued, uniquingKeysWith: +)
    }

    private static func counts(_ db: Database, _ sql: String, _ message: MessageKey) throws -> [String: Int] {
        let rows = try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [message.rawValue])
        return Dictionary(rows.map { ($0[0], $0[1]) }) { first, _ in first }
    }

    /// Devices that have stored their account's copy, for the next page of copies after the one that begins with an
    /// account; nil when there is none.
    static func acknowledged(
        _ db: Database, of message: MessageKey, afterPage account: Int64
    ) throws -> (devices: Int, firstAccount: Int64)? {
        let page = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT first_account, first_position, last_position FROM expansion_page
                    WHERE message = ? AND first_account > ? ORDER BY first_account LIMIT 1
                    """),
            arguments: [message.rawValue, account])
        guard let page else { return nil }
        let devices = try Int.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT count(*) FROM entry e JOIN device d ON d.account = e.account AND d.start_seq < e.seq
                    WHERE e.position BETWEEN ? AND ? AND e.message = ?
                        AND EXISTS (SELECT 1 FROM acknowledgement k WHERE k.device = d.key AND k.seq >= e.seq)
                    """),
            arguments: [page[1] as Int64, page[2] as Int64, message.rawValue])
        return (devices ?? 0, page[0])
    }
}
