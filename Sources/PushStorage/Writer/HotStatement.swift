import GRDB
import GRDBSQLite

/// A prepared statement that is bound and stepped straight through SQLite's C interface. Only the few statements that
/// run for every message are of this kind: GRDB's argument lists cost more than the insertion of a short row, and its
/// rows more than reading one.
///
/// Belongs to one connection and is used where that connection is: on the writer's thread, or within one read.
final class HotStatement {
    /// Keeps the prepared statement alive; it is finalized with this object.
    private let statement: Statement
    private let handle: OpaquePointer
    private let connection: OpaquePointer?

    convenience init(_ db: Database, _ sql: String) throws { self.init(db, try db.makeStatement(sql: sql)) }

    /// The statement that the connection keeps prepared for this text. A text that is read so must not be run again
    /// before the reading has ended.
    convenience init(cached sql: String, _ db: Database) throws { self.init(db, try db.cachedStatement(sql: sql)) }

    private init(_ db: Database, _ statement: Statement) {
        self.statement = statement
        handle = statement.sqliteStatement
        connection = db.sqliteConnection
    }

    /// SQLite copies what is bound before the call returns.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { sqlite3_bind_int64(handle, index, value) } else { sqlite3_bind_null(handle, index) }
    }

    func bind(_ index: Int32, _ value: String?) {
        guard var value else {
            sqlite3_bind_null(handle, index)
            return
        }
        value.withUTF8 { text in
            // An empty text has no address; a null pointer would be bound as NULL.
            guard let address = text.baseAddress else {
                sqlite3_bind_text(handle, index, "", 0, Self.transient)
                return
            }
            _ = address.withMemoryRebound(to: CChar.self, capacity: text.count) {
                sqlite3_bind_text(handle, index, $0, Int32(text.count), Self.transient)
            }
        }
    }

    func bind(_ index: Int32, _ value: (some Collection<UInt8>)?) {
        guard let value else {
            sqlite3_bind_null(handle, index)
            return
        }
        let isBound: Void? = value.withContiguousStorageIfAvailable { bytes in
            _ = sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count), Self.transient)
        }
        if isBound == nil { bind(index, Array(value)) }
    }

    /// Runs to the end, for statements that return nothing.
    func run() throws {
        let code = sqlite3_step(handle)
        sqlite3_reset(handle)
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw fault(code) }
    }

    /// Calls `row` for each row.
    func forEachRow(_ row: (HotStatement) throws -> Void) throws {
        defer { sqlite3_reset(handle) }
        while true {
            let code = sqlite3_step(handle)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw fault(code) }
            try row(self)
        }
    }

    /// The first row as `read` sees it, or nil when there is none.
    func first<Value>(_ read: (HotStatement) throws -> Value) throws -> Value? {
        defer { sqlite3_reset(handle) }
        let code = sqlite3_step(handle)
        if code == SQLITE_DONE { return nil }
        guard code == SQLITE_ROW else { throw fault(code) }
        return try read(self)
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    func text(_ column: Int32) -> String {
        guard let address = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: address, count: count), as: UTF8.self)
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    func optionalBytes(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : bytes(column) }

    private func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let address = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: address, count: Int(sqlite3_column_bytes(handle, column))))
    }

    private func fault(_ code: Int32) -> DatabaseError {
        let message = sqlite3_errmsg(connection).map { String(cString: $0) }
        return DatabaseError(resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)), message: message)
    }
}
