import Dispatch
import GRDB
import Logging
import PushCore

/// What the writer's thread owns: the connection's ``Writer``, the indexer, and the way back after a failure.
final class WriterThread {
    private let file: DatabaseFile
    private let log: EntryLog
    private let limits: Limits
    private let webhooks: WebhookMemory
    private let logger: Logger
    private let tellFeed: ([CommittedEntries]) -> Void
    /// Takes memory that others own (access, caches) from the store again.
    private let reloadOthers: (Database) throws -> Void
    /// Reads entries that were committed, for what a recovery finds.
    private let readLog: (Database, _ after: Int64, _ limit: Int) throws -> [CommittedEntries]
    private let feedHead: () -> Int64
    private let indexer: Indexer
    /// nil while the store cannot be used; made again with the next batch.
    private var writer: Writer?
    /// The connection may be broken: open anew before the next batch.
    private var isInDoubt = false

    init(
        file: DatabaseFile, log: EntryLog, limits: Limits, webhooks: WebhookMemory, logger: Logger,
        indexer: Indexer, feedHead: @escaping () -> Int64,
        tellFeed: @escaping ([CommittedEntries]) -> Void, reloadOthers: @escaping (Database) throws -> Void,
        readLog: @escaping (Database, Int64, Int) throws -> [CommittedEntries]
    ) throws {
        self.file = file
        self.log = log
        self.limits = limits
        self.webhooks = webhooks
        self.logger = logger
        self.indexer = indexer
        self.feedHead = feedHead
        self.tellFeed = tellFeed
        self.reloadOthers = reloadOthers
        self.readLog = readLog
    }

    // MARK: Index

    var hasIndexWork: Bool { indexer.hasWork }

    var idleTimeout: DispatchTimeInterval? {
        guard indexer.isIdleWorthwhile else { return nil }
        return .milliseconds(max(1, Int(indexer.idle / .milliseconds(1))))
    }

    func considerRun(isIdle: Bool) { indexer.considerRun(isIdle: isIdle) }

    // MARK: Transactions

    /// Lets go of the connection's statements, so that it can be closed.
    func end() { writer = nil }

    /// One transaction: `body`, a step of the index, COMMIT. When it returns, memory shows what is on disk, and the
    /// batches are to be fed. When it throws, nothing of it is to be believed until ``recover(from:)``.
    func transaction(isIdle: Bool, _ body: (Writer) throws -> Void) throws -> [CommittedEntries] {
        if writer == nil { try load(reopening: isInDoubt) }
        return try file.current.writeWithoutTransaction { _ in
            guard let writer else { throw StorageFault("The store is closed.") }
            try writer.begin()
            try body(writer)
            try indexer.step(writer, batchEntries: writer.transaction.entries.count, isIdle: isIdle)
            try writer.commit()
            indexer.committed()
            return writer.publish()
        }
    }

    func feed(_ batches: [CommittedEntries]) {
        if !batches.isEmpty { tellFeed(batches) }
    }

    /// What a caller is told of an error that its command threw.
    func publicError(_ error: any Error) -> any Error {
        if error is GatewayError { return error }
        logger.error("a command of the store failed", metadata: ["error": "\(error)"])
        return GatewayError(.internalError, "The store failed.")
    }

    /// After a failed transaction: roll back, open anew where SQLite's state is in doubt, take memory from disk.
    func recover(from error: any Error) {
        let cause = (error as? BatchFault)?.cause ?? error
        logger.error("a commit failed; its senders were told to repeat", metadata: ["error": "\(cause)"])
        var isUsable = (cause as? DatabaseError)?.leavesConnectionUsable ?? false
        do {
            try file.current.writeWithoutTransaction { _ in try writer?.rollBack() }
        } catch {
            isUsable = false
        }
        indexer.abandon()
        writer = nil
        isInDoubt = !isUsable
        do {
            try load(reopening: isInDoubt)
        } catch {
            isInDoubt = true
            logger.error("the store cannot be read", metadata: ["error": "\(error)"])
        }
    }

    /// Makes a writer for the connection of now, with memory as the disk has it.
    func load(reopening: Bool) throws {
        if reopening {
            try file.reopen()
            try file.writeLogAnew()
        }
        let found = try file.current.writeWithoutTransaction { db -> [CommittedEntries] in
            let indexed = try Int64.fetchOne(db, sql: "SELECT indexed FROM mark WHERE id = 1") ?? 0
            let last = try Int64.fetchOne(db, sql: "SELECT max(position) FROM entry") ?? 0
            if !reopening, last == log.last {
                log.forgetHeads()
            } else {
                log.reload(indexed: indexed, entries: try Self.entries(db, after: indexed))
            }
            try reloadOthers(db)
            writer = try Writer(db, log: log, limits: limits, webhooks: webhooks)
            // A commit that was reported as failed may have reached the disk: then it is delivered like any other.
            var found: [CommittedEntries] = []
            var after = feedHead()
            while after < last {
                let page = try readLog(db, after, 10_000)
                guard let end = page.last?.entries.last?.position else { break }
                found += page
                after = end
            }
            return found
        }
        isInDoubt = false
        feed(found)
    }

    private static func entries(_ db: Database, after position: Int64) throws -> [InboxEntry] {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT \(InboxEntry.columns) FROM entry WHERE position > ? ORDER BY position",
            arguments: [position])
        var entries: [InboxEntry] = []
        while let row = try rows.next() { entries.append(InboxEntry(row)) }
        return entries
    }
}

extension InboxEntry {
    static let columns = "position, account, seq, message, flags, peer"

    /// A row of ``columns``.
    init(_ row: Row) {
        let bits: Int = row[4]
        self.init(
            position: row[0], account: AccountKey(rawValue: row[1]), seq: row[2], message: MessageKey(rawValue: row[3]),
            flags: Flags(rawValue: bits & 255), peer: Peer(rawValue: row[5]), revision: bits >> 8)
    }

    /// The column `flags`: the flags, and from bit 8 on the revision.
    var storedFlags: Int64 { Int64(flags.rawValue & 255 | revision << 8) }
}
