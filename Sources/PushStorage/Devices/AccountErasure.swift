import GRDB
import PushCore

/// The erasing of a deleted account, page by page, one transaction each.
///
/// Nobody can ask for its inbox any more, so only two things remain to be done: the content that it alone had, and its
/// rows in the index. Entries that were not in the index yet are put there later, so the account is looked at until the
/// log has been indexed as far as it could have grown for it.
struct AccountErasure {
    let writer: Writer
    let account: Int64
    let pageEntries: Int

    private var db: Database { writer.db }

    /// - Parameter unindexed: its entries that are only in the log yet, oldest first.
    func next(unindexed: [InboxEntry]) throws -> ErasureProgress {
        let state = try Row.fetchOne(
            db, sql: "SELECT last_message, through, after_sent, after_entry FROM erasure WHERE account = ?",
            arguments: [account])
        guard let state else { return .done }
        if try eraseIndexed() || eraseImported() || eraseSilentSends(after: state[2])
            || eraseUnindexed(unindexed, after: state[3]) || eraseReadState()
        {
            return .more
        }
        return try finish(lastMessage: state[0], through: state[1])
    }

    /// Whether there was anything.
    private func eraseIndexed() throws -> Bool {
        let rows = try Row.fetchAll(
            db, sql: "SELECT seq, message FROM inbox WHERE account = ? ORDER BY seq LIMIT ?",
            arguments: [account, pageEntries])
        guard let last = rows.last else { return false }
        try eraseContent(of: rows.map { $0[1] })
        try db.execute(sql: "DELETE FROM inbox WHERE account = ? AND seq <= ?", arguments: [account, last[0]])
        return true
    }

    private func eraseImported() throws -> Bool {
        let rows = try Row.fetchAll(
            db, sql: "SELECT server_time, message FROM imported WHERE account = ? LIMIT ?",
            arguments: [account, pageEntries])
        for row in rows {
            try eraseContent(of: [row[1]])
            try db.execute(
                sql: "DELETE FROM imported WHERE account = ? AND server_time = ? AND message = ?",
                arguments: [account, row[0], row[1]])
        }
        return !rows.isEmpty
    }

    /// Messages that it sent without a copy for itself: theirs who got them, unless those are deleted as well.
    private func eraseSilentSends(after key: Int64) throws -> Bool {
        let sent = try Int64.fetchAll(
            db,
            sql: """
                SELECT key FROM message WHERE sender_account = ? AND syncs_to_sender = 0 AND key > ?
                ORDER BY key LIMIT ?
                """,
            arguments: [account, key, pageEntries])
        guard let last = sent.last else { return false }
        try eraseContent(of: sent)
        try db.execute(sql: "UPDATE erasure SET after_sent = ? WHERE account = ?", arguments: [last, account])
        return true
    }

    private func eraseUnindexed(_ entries: [InboxEntry], after position: Int64) throws -> Bool {
        let page = entries.drop { $0.position <= position }.prefix(pageEntries)
        guard let last = page.last else { return false }
        try eraseContent(of: page.map(\.message.rawValue))
        try db.execute(
            sql: "UPDATE erasure SET after_entry = ? WHERE account = ?", arguments: [last.position, account])
        return true
    }

    private func eraseReadState() throws -> Bool {
        try db.execute(
            sql: """
                DELETE FROM read_cursor WHERE account = ?1 AND (peer, seq) IN
                    (SELECT peer, seq FROM read_cursor WHERE account = ?1 LIMIT ?2)
                """,
            arguments: [account, pageEntries])
        return db.changesCount > 0
    }

    // MARK: Content

    /// Erases what nobody else has.
    private func eraseContent(of messages: [Int64]) throws {
        let erase = try writer.statement(Self.eraseSQL)
        for message in messages {
            erase.bind(1, message)
            try erase.run()
        }
    }

    /// A message is had by its sender and by everyone with a place for it. One whose receivers are still being walked,
    /// or were too many for one transaction, is taken as had: its content goes with revoking or retention.
    private static let eraseSQL: StaticString = """
        UPDATE message SET content = NULL, push = NULL
        WHERE key = ?1 AND content IS NOT NULL AND (recipients IS NOT NULL OR is_imported = 1)
            AND NOT (form = 2 AND to_id = '*')
            AND NOT EXISTS (SELECT 1 FROM account a WHERE a.key = message.sender_account AND a.deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM expansion_page x WHERE x.message = message.key)
            AND NOT EXISTS (SELECT 1 FROM entry e JOIN account a ON a.key = e.account
                WHERE e.position BETWEEN message.first_position AND message.last_position AND e.message = message.key
                    AND a.deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM imported i JOIN account a ON a.key = i.account
                WHERE i.message = message.key AND a.deleted_at IS NULL)
        """

    // MARK: The rest of the log

    private func finish(lastMessage: Int64, through: Int64?) throws -> ErasureProgress {
        guard let through else {
            // Audiences from before may still be walked, and it may be in them.
            let isWalking = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM expansion x JOIN message m ON m.key = x.message
                        WHERE x.message <= ? AND m.tenant = (SELECT tenant FROM account WHERE key = ?))
                    """, arguments: [lastMessage, account])
            if isWalking ?? false { return .waiting }
            try db.execute(
                sql: "UPDATE erasure SET through = (SELECT ifnull(max(position), 0) FROM entry) WHERE account = ?",
                arguments: [account])
            return .waiting
        }
        let indexed = try Int64.fetchOne(db, sql: "SELECT indexed FROM mark WHERE id = 1") ?? 0
        guard indexed >= through else { return .waiting }
        try db.execute(sql: "DELETE FROM erasure WHERE account = ?", arguments: [account])
        return .done
    }
}
