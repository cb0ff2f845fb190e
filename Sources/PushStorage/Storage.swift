import Foundation
import GRDB
import Logging
import PushCore

/// The archive, the registry and the push queue in one SQLite file. The only place that knows SQL.
///
/// Writes go through ``CommitQueue`` and are on disk, synced, when they return; reads run beside them on connections of
/// their own. What is kept in memory (inbox heads, unindexed entries, tenants, devices) changes after COMMIT only.
/// One process owns a file at a time.
public final class Storage: Sendable {
    /// What was committed, for delivery.
    public let feed: EntryFeed

    let limits: Limits
    let ids: IDGenerator
    let logger: Logger
    let wallClock: WallClock
    let file: DatabaseFile
    let commits: CommitQueue
    let log: EntryLog
    let access: AccessMemory
    let deviceCache: DeviceCache
    let secrets: SecretBox
    let webhookMemory: WebhookMemory
    /// Set when events for webhooks were committed.
    public let webhookSignal: WakeSignal

    private static let headsMax = 1_000_000

    /// Opens or makes the database, brings its schema up to date and loads what is kept in memory. `masterKey` has 32
    /// bytes. Throws ``StorageFault`` where the key is another one or the file is from a newer version.
    public convenience init(
        path: String, masterKey: [UInt8], ids: IDGenerator = IDGenerator(), limits: Limits = Limits(), logger: Logger,
        wallClock: WallClock = .system
    ) throws {
        try self.init(
            path: path, masterKey: masterKey, ids: ids, limits: limits, logger: logger, wallClock: wallClock,
            indexing: Indexer.Tuning())
    }

    init(
        path: String, masterKey: [UInt8], ids: IDGenerator, limits: Limits, logger: Logger, wallClock: WallClock,
        indexing: Indexer.Tuning
    ) throws {
        self.ids = ids
        self.limits = limits
        self.logger = logger
        self.wallClock = wallClock
        let secrets = try SecretBox(masterKey: masterKey)
        let file = try DatabaseFile(path: path)
        let access = AccessMemory()
        let deviceCache = DeviceCache()
        let log = EntryLog(headsMax: Self.headsMax)
        let commits = CommitQueue(limits: limits)
        try Self.check(secrets, in: file)
        let head = try file.current.read { try Int64.fetchOne($0, sql: "SELECT max(position) FROM entry") ?? 0 }
        let feed = EntryFeed(
            head: head, entriesMax: limits.feedEntriesMax, changedMessagesMax: limits.changedMessagesMax)
        self.secrets = secrets
        self.file = file
        self.access = access
        self.deviceCache = deviceCache
        self.log = log
        self.commits = commits
        self.feed = feed
        let signal = WakeSignal()
        let webhooks = WebhookMemory { signal.wake() }
        webhookSignal = signal
        webhookMemory = webhooks
        let thread = try WriterThread(
            file: file, log: log, limits: limits, webhooks: webhooks, logger: logger,
            indexer: Indexer(log: log, tuning: indexing) { [weak commits] in commits?.nudge() },
            feedHead: { feed.head }, tellFeed: { feed.committed($0) },
            reloadOthers: { db in
                try access.reload(db, secrets: secrets)
                try webhooks.reload(db, secrets: secrets)
                // Changes of a commit that was reported as failed may be on disk.
                feed.changedAny(through: log.last)
                deviceCache.removeAll()
            },
            readLog: { db, after, limit in
                try MessageRows.entries(db, after: after, limit: limit) { access.tenant(key: $0)?.tenantNo ?? "" }
            })
        try thread.load(reopening: false)
        commits.start(thread)
    }

    /// A known text under the master key tells at start, and not at the first push, that the key is another one.
    private static func check(_ secrets: SecretBox, in file: DatabaseFile) throws {
        let row = "setting/master_key_check"
        try file.current.writeWithoutTransaction { db in
            if let stored = try Data.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'master_key_check'") {
                _ = try secrets.open(stored, for: row)
            } else {
                try db.execute(
                    sql: "INSERT INTO setting (name, value) VALUES ('master_key_check', ?)",
                    arguments: [try secrets.seal("pushgate".utf8, for: row)])
            }
        }
    }

    /// Whether a transaction reaches the disk now. A recent one of somebody else's counts, so that asking often costs
    /// nothing.
    public func isUsable() async -> Bool {
        if commits.isClosed { return false }
        if let last = commits.lastCommit, ContinuousClock.now - last < .seconds(1) { return true }
        do {
            try await commits.run { [wallClock] writer in
                try writer.db.execute(
                    sql: "INSERT OR REPLACE INTO setting (name, value) VALUES ('last_probe', ?)",
                    arguments: [Data(String(wallClock.now).utf8)])
            }
            return true
        } catch {
            return false
        }
    }

    /// Lets go of the connections' own copies of what is in the file, as soon as they rest. What is asked for again is
    /// read again.
    public func releaseMemory() {
        guard !commits.isClosed else { return }
        file.current.releaseMemoryEventually()
    }

    /// Finishes what was accepted, then closes the file. Everything asked afterwards is `overloaded`. Blocks until it
    /// is done; may be called twice.
    public func close() {
        guard !commits.isClosed else { return }
        commits.close()
        do {
            try file.close()
        } catch {
            // Readers under way keep their connections; the write-ahead log is taken up at the next start.
            logger.warning("the store was closed with readers under way", metadata: ["error": "\(error)"])
        }
    }
}
