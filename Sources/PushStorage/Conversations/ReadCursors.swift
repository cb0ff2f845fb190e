import GRDB
import PushCore

/// How far accounts have read their conversations: a journal, of which the newest row counts.
enum ReadCursors {
    /// 0 where nothing was read yet.
    static func cursor(_ db: Database, of account: AccountKey, _ peer: Peer) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT seq FROM read_cursor WHERE account = ? AND peer = ? ORDER BY seq DESC LIMIT 1"),
            arguments: [account.rawValue, peer.rawValue]) ?? 0
    }

    /// Whether an account has read an entry.
    static func isRead(_ db: Database, by account: AccountKey, _ peer: Peer, seq: Int64) throws -> Bool {
        guard peer != .none, seq > 0 else { return false }
        return try cursor(db, of: account, peer) >= seq
    }

    /// When the cursor passed an entry; nil before that.
    static func readAt(_ db: Database, by account: AccountKey, _ peer: Peer, seq: Int64) throws -> Milliseconds? {
        guard peer != .none else { return nil }
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT at FROM read_cursor WHERE account = ? AND peer = ? AND seq >= ? ORDER BY seq LIMIT 1"),
            arguments: [account.rawValue, peer.rawValue, seq])
    }

    static func move(
        _ writer: Writer, of account: AccountKey, _ peer: Peer, to seq: Int64, at now: Milliseconds
    ) throws {
        try writer.db.execute(
            sql: "INSERT INTO read_cursor (account, peer, seq, at) VALUES (?, ?, ?, ?)",
            arguments: [account.rawValue, peer.rawValue, seq, now])
        // The oldest come first; two for each new one would be enough.
        try writer.db.execute(
            sql: """
                DELETE FROM read_cursor WHERE account = ?1 AND peer = ?2 AND seq < ?3 AND at < ?4 AND seq IN (
                    SELECT seq FROM read_cursor WHERE account = ?1 AND peer = ?2 ORDER BY seq LIMIT ?5)
                """,
            arguments: [account.rawValue, peer.rawValue, seq, now - CursorJournal.keptMilliseconds, prunedAtOnce])
    }

    private static let prunedAtOnce = 20
}

/// Rows of cursors say when something was acknowledged or read, and are kept for as long as that is told.
enum CursorJournal {
    static let keptMilliseconds: Milliseconds = 30 * 86_400_000

    /// The time a row tells of a message; nil where earlier rows that may have covered it are gone.
    static func time(_ at: Milliseconds, of message: ArchivedMessage) -> Milliseconds? {
        at - message.serverTime > keptMilliseconds ? nil : at
    }
}
