import Foundation
import GRDB
import Migrations
import PushCore
import Synchronization

/// Why a store cannot be used. The text is for the operator.
public struct StorageFault: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The connections to one database file: one that writes, several that read beside it (write-ahead log).
final class DatabaseFile: Sendable {
    let path: String
    private let pool: Mutex<DatabasePool>

    init(path: String) throws {
        self.path = path
        pool = Mutex(try Self.open(path))
    }

    /// The pool of now; after a reopening, operations under way finish on the one they began with.
    var current: DatabasePool { pool.withLock { $0 } }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await current.read(body)
    }

    /// Fresh connections: after an I/O error SQLite's own memory of the file is not to be trusted.
    func reopen() throws {
        // The old pool closes when its last reader lets go of it.
        try? current.close()
        let fresh = try Self.open(path)
        pool.withLock { $0 = fresh }
    }

    /// After a failed sync the system may hold pages of the log for written that the disk never got: what was found in
    /// the log is written once more, into the database, and synced before anybody builds on it. Throws when that fails,
    /// or readers hold it up.
    func writeLogAnew() throws {
        let busy = try current.writeWithoutTransaction { db in
            try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") ?? 1
        }
        guard busy == 0 else { throw StorageFault("The log could not be written into the database: it is being read.") }
    }

    func close() throws {
        let pool = current
        // Explicitly, so that the main file is complete also when a reader is still at work.
        try pool.writeWithoutTransaction { _ = try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try pool.close()
    }

    private static let readersMax = 8
    /// SQLite's own copies of pages, for each connection; beyond them the system's copies are a read away. All of them
    /// together are what waiting jobs cost in memory, however many wait.
    private static let writerCacheKiB = 32_768
    private static let readerCacheKiB = 2_048

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "pushgate.store"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = readersMax
        // The writer begins and ends transactions by itself, also across failures.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            let cache = db.configuration.readonly ? readerCacheKiB : writerCacheKiB
            try db.execute(sql: "PRAGMA cache_size = -\(cache)")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            // Erased content leaves no traces in free pages.
            try db.execute(sql: "PRAGMA secure_delete = ON")
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        var migrator = DatabaseMigrator()
        for migration in SchemaMigrations.sqlite {
            migrator.registerMigration(migration.name) { db in
                try db.execute(sql: String(decoding: migration.sql, as: UTF8.self))
            }
        }
        if try pool.read(migrator.hasBeenSuperseded) {
            throw StorageFault("The database \(path) was made by a newer version.")
        }
        try migrator.migrate(pool)
        try pool.writeWithoutTransaction { db in
            // GRDB sets NORMAL in WAL mode, which may lose the last commits at a power cut: an answered send must not.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // Larger than the default, so that pages of the inbox index are written back once for several commits.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 8000")
        }
        return pool
    }
}
