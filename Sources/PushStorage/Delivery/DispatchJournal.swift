import GRDB
import PushCore

/// How far delivery has come, and when: the trace tells from it when an entry was published.
struct DispatchJournal {
    let writer: Writer
    let now: Milliseconds

    private static let stepMilliseconds: Milliseconds = 1000
    private static let keptMilliseconds: Milliseconds = 30 * 86_400_000
    private static let prunedAtOnce = 1000

    private var db: Database { writer.db }

    func advance(_ marks: DeliveryMarks) throws {
        try db.execute(
            sql: "UPDATE mark SET dispatched = max(dispatched, ?), decided = max(decided, ?) WHERE id = 1",
            arguments: [marks.dispatched, marks.decided])
        let last = try Row.fetchOne(db, sql: "SELECT position, at FROM dispatch_time ORDER BY position DESC LIMIT 1")
        guard marks.dispatched > (last?[0] ?? 0) else { return }
        if let last, now - (last[1] as Int64) < Self.stepMilliseconds {
            try db.execute(
                sql: "UPDATE dispatch_time SET position = ? WHERE position = ?", arguments: [marks.dispatched, last[0]])
        } else {
            try db.execute(
                sql: "INSERT INTO dispatch_time (position, at) VALUES (?, ?)", arguments: [marks.dispatched, now])
        }
        try prune()
    }

    private func prune() throws {
        let oldest = try Int64.fetchOne(db, sql: "SELECT at FROM dispatch_time ORDER BY position LIMIT 1")
        guard let oldest, oldest < now - Self.keptMilliseconds else { return }
        try db.execute(
            sql: """
                DELETE FROM dispatch_time WHERE at < ? AND position IN
                    (SELECT position FROM dispatch_time ORDER BY position LIMIT ?)
                """,
            arguments: [now - Self.keptMilliseconds, Self.prunedAtOnce])
    }

    /// When the mark passed a position; nil before that, or when it is too long ago.
    static func publishedAt(_ db: Database, _ position: Int64) throws -> Milliseconds? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT at FROM dispatch_time WHERE position >= ? ORDER BY position LIMIT 1"),
            arguments: [position])
    }
}
