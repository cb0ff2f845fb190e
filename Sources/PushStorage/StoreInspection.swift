import Foundation
import GRDB
import Migrations

/// A look at a database file without changing it, beside a running gateway or without one.
public struct StoreInspection: Sendable {
    /// What SQLite's quick check found wrong; empty = sound.
    public let damage: [String]
    /// Steps of the schema that the file lacks; `serve` and `migrate` take them.
    public let missingMigrations: [String]
    /// Steps that this version does not know: a newer one made them.
    public let unknownMigrations: [String]

    private static let faultsMax = 5

    /// Reads the whole file. Throws when it cannot be opened or is no database.
    public init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }  // nothing is written: what it says does not matter
        (damage, missingMigrations, unknownMigrations) = try queue.read { db in
            let found = try String.fetchAll(db, sql: "PRAGMA quick_check(\(Self.faultsMax))").filter { $0 != "ok" }
            let known = SchemaMigrations.sqlite.map(\.name)
            let applied =
                try db.tableExists("grdb_migrations")
                ? try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations") : []
            return (found, known.filter { !applied.contains($0) }, applied.filter { !known.contains($0) })
        }
    }
}
