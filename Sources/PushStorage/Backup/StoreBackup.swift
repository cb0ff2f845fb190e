import Foundation
import GRDB

/// A consistent copy of a store that a gateway may be writing to.
public struct StoreBackup: Sendable {
    /// The newest position: everything accepted before the copy began is at or below it.
    public let position: Int64
    /// Ever accepted; erased ones keep a row.
    public let messages: Int64

    /// Copies page by page within one read transaction: writers go on, and the copy is what had been committed when it
    /// began. Then the copy is checked as ``StoreInspection`` does, and synced.
    ///
    /// Throws ``StorageFault`` when source or copy is damaged, and removes the copy.
    public init(of path: String, to destination: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw StorageFault("There is no database at \(path).")
        }
        guard !FileManager.default.fileExists(atPath: destination) else {
            throw StorageFault("\(destination) is there already.")
        }
        do {
            try Self.copy(path, to: destination)
            let found = try StoreInspection(path: destination)
            guard found.damage.isEmpty else {
                throw StorageFault("The database \(path) is damaged: \(found.damage.joined(separator: "; ")).")
            }
            (position, messages) = try Self.contents(destination)
            try Self.sync(destination)
        } catch {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                try? FileManager.default.removeItem(atPath: destination + suffix)  // most are not there
            }
            throw error
        }
    }

    private static func copy(_ path: String, to destination: String) throws {
        var reading = Configuration()
        reading.readonly = true
        reading.busyMode = .timeout(10)
        let source = try DatabaseQueue(path: path, configuration: reading)
        defer { try? source.close() }  // nothing was written to it
        let copy = try DatabaseQueue(path: destination)
        do {
            // All pages in one step: in several, each commit of the gateway would make it begin again.
            try source.backup(to: copy, pagesPerStep: -1)
            // One file, without a log beside it; the gateway that opens it sets this again.
            try copy.writeWithoutTransaction { db in _ = try Row.fetchAll(db, sql: "PRAGMA journal_mode = DELETE") }
            try copy.close()
        } catch {
            try? copy.close()
            throw error
        }
    }

    private static func contents(_ path: String) throws -> (Int64, Int64) {
        var reading = Configuration()
        reading.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: reading)
        defer { try? queue.close() }  // nothing was written to it
        return try queue.read { db in
            (
                try Int64.fetchOne(db, sql: "SELECT max(position) FROM entry") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT max(key) FROM message") ?? 0
            )
        }
    }

    private static func sync(_ path: String) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.synchronize()
        try file.close()
    }
}
