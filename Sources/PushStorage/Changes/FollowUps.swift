import GRDB
import PushCore

/// Entries for everyone who has a copy of a message: an event about it, or its next revision. As many as one
/// transaction may hold are appended at once; more are walked page by page, resumed from the database after a crash.
///
/// What follows a message comes after its copies and in the order in which it happened: nothing is appended while an
/// expansion or an earlier follow-up of the same message is still under way.
struct FollowUps {
    let writer: Writer
    let feed: EntryFeed
    let limits: Limits
    let now: Milliseconds

    private var db: Database { writer.db }

    /// Tells the holders of `source`. True when all of them have been told in this transaction.
    ///
    /// - Parameters:
    ///   - message: the event, or `source` itself in its new revision.
    ///   - revision: that the entries bring.
    func begin(_ message: ArchivedMessage, about source: ArchivedMessage, revision: Int) throws -> Bool {
        if try !isPending(source.key) {
            let page = try MessageHolders(db: db, message: source.key).page(
                after: 0, limit: limits.expansionPageAccounts)
            if page.next == nil {
                try append(message, about: source, revision: revision, page.holders)
                return true
            }
        }
        try db.execute(
            sql: "INSERT INTO follow_up (message, source, revision) VALUES (?, ?, ?)",
            arguments: [message.key.rawValue, source.key.rawValue, revision])
        return false
    }

    /// Whether copies of the message, or what follows it, are still to be appended.
    private func isPending(_ source: MessageKey) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM expansion WHERE message = ?1)
                        OR EXISTS (SELECT 1 FROM follow_up WHERE source = ?1)
                    """),
            arguments: [source.rawValue]) ?? false
    }

    /// Appends one page of the oldest that may go on. False when there is none.
    func next(tenantNo: (TenantKey) -> String) throws -> Bool {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT f.key, f.message, f.source, f.revision, f.after_position FROM follow_up f
                WHERE NOT EXISTS (SELECT 1 FROM expansion x WHERE x.message = f.source) ORDER BY f.key LIMIT 1
                """)
        guard let row,
            let message = try MessageRows.message(db, key: MessageKey(rawValue: row[1]), tenantNo: tenantNo),
            let source = try MessageRows.message(db, key: MessageKey(rawValue: row[2]), tenantNo: tenantNo)
        else { return false }
        let page = try MessageHolders(db: db, message: source.key).page(
            after: row[4], limit: limits.expansionPageAccounts)
        try append(message, about: source, revision: row[3], page.holders)
        if let next = page.next {
            try db.execute(
                sql: "UPDATE follow_up SET after_position = ? WHERE key = ?", arguments: [next, row[0] as Int64])
        } else {
            try db.execute(sql: "DELETE FROM follow_up WHERE key = ?", arguments: [row[0] as Int64])
        }
        return true
    }

    private func append(
        _ message: ArchivedMessage, about source: ArchivedMessage, revision: Int, _ holders: [MessageHolders.Holder]
    ) throws {
        guard !holders.isEmpty else { return }
        let isRevision = message.key == source.key
        let copies = holders.map { holder in
            Writer.Copy(
                account: holder.account, flags: isRevision ? holder.flags : .uncounted, peer: Peer.none)
        }
        let entries = try writer.append(message.key, revision: revision, copies)
        writer.announce(message, entries)
        if !isRevision {
            try record(message.key, entries)
        } else if try isBurnedByAny(source) {
            // Who burned its copy gets no content of a later revision either: delivery has to ask whose that is.
            writer.afterCommit { [feed, log = writer.log] in feed.changed(message.key, through: log.last) }
        }
        try PushReplacements(writer: writer, now: now).follow(entries, of: source)
    }

    private func isBurnedByAny(_ message: ArchivedMessage) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT burned_count > 0 FROM message WHERE key = ?"),
            arguments: [message.key.rawValue]) ?? false
    }

    /// Where the entries of an event are, as the pages of an expansion do; a revision's are found by its message's.
    private func record(_ event: MessageKey, _ entries: ArraySlice<InboxEntry>) throws {
        let accounts = entries.map(\.account.rawValue)
        guard let first = entries.first, let last = entries.last, let low = accounts.min(), let high = accounts.max()
        else { return }
        try db.execute(
            sql: """
                INSERT INTO expansion_page (message, first_account, last_account, first_position, last_position)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [event.rawValue, low, high, first.position, last.position])
        try db.execute(
            sql: "UPDATE message SET recipients = ifnull(recipients, 0) + ? WHERE key = ?",
            arguments: [entries.count, event.rawValue])
    }
}
