import GRDB
import PushCore

/// What a command works with: the writing connection, and everything the current transaction will change in memory
/// once it is on disk. Lives on the writer's thread; made anew with every connection.
final class Writer {
    let db: Database
    let log: EntryLog
    let limits: Limits
    let webhooks: WebhookMemory
    /// Accounts that commands looked up; only ever holds committed rows.
    let accounts = AccountCache()
    private var hot: [StaticString.Key: HotStatement] = [:]
    private(set) var transaction = Transaction(nextMessage: 1)
    /// Newest `serverTime` given: it never goes back.
    private var lastServerTime: Milliseconds = 0
    /// Cursors on disk, by device.
    var cursors: [Int64: PushCore.Cursor] = [:]
    /// The day on which a device's journal was last looked through for rows that are too old.
    private var prunedDays: [Int64: Int64] = [:]

    /// Effects of a transaction that become real after COMMIT.
    struct Transaction {
        /// New entries in order of position.
        var entries: [InboxEntry] = []
        /// Heads of the accounts those entries belong to.
        var heads: [Int64: Int64] = [:]
        var batches: [CommittedEntries] = []
        var afterCommit: [() -> Void] = []
        /// Cursors to be written, one row a device however often it acknowledged.
        var cursors: [Int64: (cursor: PushCore.Cursor, at: Milliseconds)] = [:]
        var nextMessage: Int64
        /// Somebody is to be told by webhook.
        var hasRecordedEvents = false
    }

    /// Whether this transaction has recorded events for webhooks.
    var hasRecordedEvents: Bool {
        get { transaction.hasRecordedEvents }
        set { transaction.hasRecordedEvents = newValue }
    }

    init(_ db: Database, log: EntryLog, limits: Limits, webhooks: WebhookMemory) throws {
        self.webhooks = webhooks
        self.db = db
        self.log = log
        self.limits = limits
        let newest = try Int64.fetchOne(db, sql: "SELECT max(key) FROM message") ?? 0
        transaction.nextMessage = newest + 1
        // Not back across a restart either, whatever was done to the clock.
        lastServerTime =
            try Int64.fetchOne(
                db,
                sql: """
                    SELECT max(server_time) FROM (SELECT server_time FROM message WHERE is_imported = 0
                        ORDER BY key DESC LIMIT 1)
                    """) ?? 0
    }

    // MARK: Statements

    /// A statement that is prepared once per connection.
    func statement(_ sql: StaticString) throws -> HotStatement {
        let key = sql.key
        if let known = hot[key] { return known }
        let made = try HotStatement(db, sql.description)
        hot[key] = made
        return made
    }

    // MARK: Transaction

    func begin() throws { try statement("BEGIN IMMEDIATE").run() }

    /// Runs one command so that its failure undoes it alone.
    func attempt(_ body: () throws -> Void) throws {
        let mark = (
            entries: transaction.entries.count, batches: transaction.batches.count,
            afterCommit: transaction.afterCommit.count, nextMessage: transaction.nextMessage,
            hasRecordedEvents: transaction.hasRecordedEvents
        )
        try statement("SAVEPOINT command").run()
        do {
            try body()
            try statement("RELEASE command").run()
        } catch {
            guard db.isInsideTransaction else { throw BatchFault(cause: error) }
            do {
                try statement("ROLLBACK TO command").run()
                try statement("RELEASE command").run()
            } catch {
                throw BatchFault(cause: error)
            }
            // Numbers that were handed out come back.
            for entry in transaction.entries[mark.entries...].reversed() {
                transaction.heads[entry.account.rawValue] = entry.seq - 1
            }
            transaction.entries.removeSubrange(mark.entries...)
            transaction.batches.removeSubrange(mark.batches...)
            transaction.afterCommit.removeSubrange(mark.afterCommit...)
            transaction.nextMessage = mark.nextMessage
            // What it had asked for after COMMIT is gone with it.
            transaction.hasRecordedEvents = mark.hasRecordedEvents
            if let error = error as? DatabaseError, error.isOfTheStore { throw BatchFault(cause: error) }
            throw error
        }
    }

    func commit() throws {
        try writeCursors()
        try statement("COMMIT").run()
    }

    /// Makes the committed transaction visible in memory. Returns what is to be told to the feed.
    func publish() -> [CommittedEntries] {
        let done = transaction
        transaction = Transaction(nextMessage: done.nextMessage)
        log.append(done.entries)
        if cursors.count > Self.cursorsMax { cursors.removeAll(keepingCapacity: true) }
        for (device, pending) in done.cursors { cursors[device] = pending.cursor }
        for effect in done.afterCommit { effect() }
        return done.batches
    }

    private static let cursorsMax = 500_000

    /// After a failed COMMIT: back to what is on disk.
    func rollBack() throws {
        if db.isInsideTransaction { try db.execute(sql: "ROLLBACK") }
    }

    /// Runs after COMMIT, on the writer's thread, before the callers are answered.
    func afterCommit(_ effect: @escaping () -> Void) { transaction.afterCommit.append(effect) }

    // MARK: Numbers

    func serverTime(_ now: Milliseconds) -> Milliseconds {
        lastServerTime = max(lastServerTime, now)
        return lastServerTime
    }

    func nextMessageKey() -> MessageKey {
        defer { transaction.nextMessage += 1 }
        return MessageKey(rawValue: transaction.nextMessage)
    }

    /// The newest seq of an account, with what this transaction added.
    func head(of account: Int64) throws -> Int64 {
        if let seq = transaction.heads[account] ?? log.head(of: account) { return seq }
        let select = try statement("SELECT max(seq) FROM inbox WHERE account = ?")
        select.bind(1, account)
        let seq = try select.first { $0.integer(0) } ?? 0
        log.remember(head: seq, of: account)
        return seq
    }

    /// One copy of a message for one account.
    struct Copy {
        let account: Int64
        let flags: InboxEntry.Flags
        let peer: Peer
    }

    /// Appends one entry per copy to the log, in this order.
    func append(_ message: MessageKey, revision: Int = 0, _ copies: [Copy]) throws -> ArraySlice<InboxEntry> {
        let first = transaction.entries.count
        let insert = try statement(
            "INSERT INTO entry (position, account, seq, message, flags, peer) VALUES (?, ?, ?, ?, ?, ?)")
        var position = log.last + Int64(first)
        let heads = log.heads(of: copies.lazy.map(\.account))
        for (index, copy) in copies.enumerated() {
            let account = copy.account
            position += 1
            let known = transaction.heads[account] ?? (heads[index] >= 0 ? heads[index] : nil)
            let seq = try (known ?? head(of: account)) + 1
            insert.bind(1, position)
            insert.bind(2, account)
            insert.bind(3, seq)
            let entry = InboxEntry(
                position: position, account: AccountKey(rawValue: account), seq: seq, message: message,
                flags: copy.flags, peer: copy.peer, revision: revision)
            insert.bind(4, message.rawValue)
            insert.bind(5, entry.storedFlags)
            insert.bind(6, copy.peer.rawValue)
            try insert.run()
            transaction.heads[account] = seq
            transaction.entries.append(entry)
        }
        return transaction.entries[first...]
    }

    /// What the feed is told after COMMIT.
    func announce(_ message: ArchivedMessage, _ entries: ArraySlice<InboxEntry>) {
        guard !entries.isEmpty else { return }
        transaction.batches.append(CommittedEntries(message: message, entries: Array(entries)))
    }

    // MARK: Cursors

    /// A device's cursor with what this transaction will write; nil when it never acknowledged.
    func cursor(of device: Int64) throws -> PushCore.Cursor? {
        if let pending = transaction.cursors[device] { return pending.cursor }
        if let known = cursors[device] { return known }
        let select = try statement(
            """
            SELECT (SELECT seq FROM acknowledgement WHERE device = ?1 ORDER BY seq DESC LIMIT 1),
                (SELECT seq FROM broadcast_cursor WHERE device = ?1)
            """)
        select.bind(1, device)
        let stored = try select.first { row -> PushCore.Cursor? in
            let (seq, broadcastSeq) = (row.optionalInteger(0), row.optionalInteger(1))
            guard seq != nil || broadcastSeq != nil else { return nil }
            return PushCore.Cursor(seq: seq ?? 0, broadcastSeq: broadcastSeq ?? 0)
        }.flatMap { $0 }
        cursors[device] = stored
        return stored
    }

    func setCursor(_ cursor: PushCore.Cursor, of device: Int64, at now: Milliseconds) {
        transaction.cursors[device] = (cursor, now)
    }

    private func writeCursors() throws {
        guard !transaction.cursors.isEmpty else { return }
        let insert = try statement(
            "INSERT INTO acknowledgement (device, seq, at) VALUES (?, ?, ?) ON CONFLICT (device, seq) DO NOTHING")
        let broadcast = try statement(
            """
            INSERT INTO broadcast_cursor (device, tenant, seq, at) SELECT key, tenant, ?2, ?3 FROM device WHERE key = ?1
            ON CONFLICT (device) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE seq < excluded.seq
            """)
        for (device, pending) in transaction.cursors {
            insert.bind(1, device)
            insert.bind(2, pending.cursor.seq)
            insert.bind(3, pending.at)
            try insert.run()
            try pruneCursors(of: device, through: pending.cursor.seq, at: pending.at)
            guard pending.cursor.broadcastSeq > 0, pending.cursor.broadcastSeq != cursors[device]?.broadcastSeq else {
                continue
            }
            broadcast.bind(1, device)
            broadcast.bind(2, pending.cursor.broadcastSeq)
            broadcast.bind(3, pending.at)
            try broadcast.run()
        }
    }

    /// Drops rows of a device's journal that say when something was stored longer ago than is told. Once a day for
    /// each device that acknowledges, and again at once where there are very many.
    private func pruneCursors(of device: Int64, through seq: Int64, at now: Milliseconds) throws {
        let day = now / Self.dayMilliseconds
        guard prunedDays[device] != day else { return }
        let delete = try statement(
            """
            DELETE FROM acknowledgement WHERE device = ?1 AND seq < ?2 AND at < ?3 AND seq IN (
                SELECT seq FROM acknowledgement WHERE device = ?1 ORDER BY seq LIMIT ?4)
            """)
        delete.bind(1, device)
        delete.bind(2, seq)
        delete.bind(3, now - CursorJournal.keptMilliseconds)
        delete.bind(4, Self.prunedAtOnce)
        try delete.run()
        guard db.changesCount < Self.prunedAtOnce else { return }
        if prunedDays.count > Self.cursorsMax { prunedDays.removeAll(keepingCapacity: true) }
        prunedDays[device] = day
    }

    private static let dayMilliseconds: Milliseconds = 86_400_000
    private static let prunedAtOnce: Int64 = 1000
}

/// The transaction as a whole cannot go on.
struct BatchFault: Error {
    let cause: any Error
}

extension DatabaseError {
    /// Whether the file or the disk is at fault rather than the command.
    var isOfTheStore: Bool {
        switch resultCode.primaryResultCode {
        case .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_CORRUPT, .SQLITE_NOMEM, .SQLITE_NOTADB, .SQLITE_READONLY,
            .SQLITE_CANTOPEN, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            true
        default: false
        }
    }

    /// Whether the connection is as good as before once the transaction was rolled back.
    var leavesConnectionUsable: Bool {
        switch resultCode.primaryResultCode {
        case .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CONSTRAINT: true
        default: false
        }
    }
}

extension StaticString {
    /// Statements are told apart by their literal's address: no text is hashed for every message.
    struct Key: Hashable {
        let address: UInt
    }

    var key: Key { Key(address: UInt(bitPattern: utf8Start)) }
}
