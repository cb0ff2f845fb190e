import Foundation
import GRDBSQLite
import Synchronization

/// A file system for SQLite that fails one call on demand. It stands between SQLite and the system's own for every file
/// that is opened while it is installed; a store under test is the only one then.
enum FaultyDisk {
    enum Fault: String, Sendable, CaseIterable {
        /// EIO: the call did nothing.
        case inputOutput
        /// ENOSPC; calls that need no room fail with EIO.
        case noSpace
        /// Half of a write is done, then EIO; other calls fail with EIO.
        case shortWrite
    }

    struct Failure: Sendable, Equatable {
        let call: String
        let number: Int
    }

    private struct State {
        /// Which call fails, counted from 0; nil: none.
        var target: Int?
        var fault = Fault.inputOutput
        var count = 0
        var failure: Failure?
    }

    private static let state = Mutex(State())
    private static let name = "pushgate-faulty"

    /// Lets the call with this number fail, counted from now.
    static func arm(_ fault: Fault, at target: Int) {
        state.withLock { $0 = State(target: target, fault: fault) }
    }

    /// Nothing fails any more. Returns what did.
    @discardableResult
    static func disarm() -> Failure? {
        state.withLock { state in
            defer { state = State() }
            return state.failure
        }
    }

    fileprivate static func fault(of call: String) -> Fault? {
        state.withLock { state in
            guard let target = state.target else { return nil }
            defer { state.count += 1 }
            guard state.count == target else { return nil }
            state.failure = Failure(call: call, number: target)
            return state.fault
        }
    }

    /// Everything that is opened within `body` goes through it.
    static func installed<Value>(_ body: () async throws -> Value) async throws -> Value {
        let vfs = try found(sqlite3_vfs_find(name) ?? made())
        let system = sqlite3_vfs_find(nil)
        sqlite3_vfs_register(vfs, 1)
        defer {
            sqlite3_vfs_register(system, 1)
            disarm()
        }
        return try await body()
    }

    private static func found(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) throws -> UnsafeMutablePointer<sqlite3_vfs> {
        guard let vfs else { throw CocoaError(.featureUnsupported) }
        return vfs
    }
}

// MARK: What SQLite calls

/// A file as SQLite allots it: its methods, and behind them the system's own file.
private typealias File = UnsafeMutablePointer<sqlite3_file>

/// Where the system's file begins: after our own `pMethods`, aligned for anything.
private let headerBytes = 16

private func real(_ file: File?) -> File? {
    file.map { (UnsafeMutableRawPointer($0) + headerBytes).assumingMemoryBound(to: sqlite3_file.self) }
}

private func methods(_ file: File?) -> sqlite3_io_methods? { real(file)?.pointee.pMethods?.pointee }

/// Written once, before the first use, and never freed: connections may outlive the test that opened them.
private struct Tables: @unchecked Sendable {
    let methods: UnsafeMutablePointer<sqlite3_io_methods>
    let system: UnsafeMutablePointer<sqlite3_vfs>
}

private let tables: Tables? = {
    guard let system = sqlite3_vfs_find(nil) else { return nil }
    let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    table.initialize(to: makeMethods())
    return Tables(methods: table, system: system)
}()

private func made() -> UnsafeMutablePointer<sqlite3_vfs>? {
    guard let system = tables?.system else { return nil }
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: system.pointee)
    vfs.pointee.pNext = nil
    vfs.pointee.zName = UnsafePointer(strdup("pushgate-faulty"))
    vfs.pointee.szOsFile += Int32(headerBytes)
    vfs.pointee.xOpen = { _, name, file, flags, outFlags in
        guard let file, let tables else { return SQLITE_CANTOPEN }
        file.pointee.pMethods = nil
        if FaultyDisk.fault(of: "open") != nil { return SQLITE_CANTOPEN }
        let code = tables.system.pointee.xOpen(tables.system, name, real(file), flags, outFlags)
        if real(file)?.pointee.pMethods != nil { file.pointee.pMethods = UnsafePointer(tables.methods) }
        return code
    }
    vfs.pointee.xDelete = { _, name, sync in
        guard let tables else { return ioError(.delete) }
        if FaultyDisk.fault(of: "delete") != nil { return ioError(.delete) }
        return tables.system.pointee.xDelete(tables.system, name, sync)
    }
    return vfs
}

private func makeMethods() -> sqlite3_io_methods {
    var table = sqlite3_io_methods()
    // Without memory-mapped reads (version 3), which would pass by.
    table.iVersion = 2
    table.xClose = { methods($0)?.xClose(real($0)) ?? SQLITE_OK }
    table.xRead = { file, buffer, count, offset in
        if FaultyDisk.fault(of: "read") != nil { return ioError(.read) }
        return methods(file)?.xRead(real(file), buffer, count, offset) ?? SQLITE_MISUSE
    }
    table.xWrite = { file, buffer, count, offset in
        switch FaultyDisk.fault(of: "write") {
        case nil: break
        case .inputOutput: return ioError(.write)
        case .noSpace: return SQLITE_FULL
        case .shortWrite:
            _ = methods(file)?.xWrite(real(file), buffer, count / 2, offset)
            return ioError(.write)
        }
        return methods(file)?.xWrite(real(file), buffer, count, offset) ?? SQLITE_MISUSE
    }
    table.xTruncate = { file, size in
        if FaultyDisk.fault(of: "truncate") != nil { return ioError(.truncate) }
        return methods(file)?.xTruncate(real(file), size) ?? SQLITE_MISUSE
    }
    table.xSync = { file, flags in
        if FaultyDisk.fault(of: "sync") != nil { return ioError(.sync) }
        return methods(file)?.xSync(real(file), flags) ?? SQLITE_MISUSE
    }
    table.xFileSize = { file, size in
        if FaultyDisk.fault(of: "size") != nil { return ioError(.size) }
        return methods(file)?.xFileSize(real(file), size) ?? SQLITE_MISUSE
    }
    table.xLock = { methods($0)?.xLock(real($0), $1) ?? SQLITE_MISUSE }
    table.xUnlock = { methods($0)?.xUnlock(real($0), $1) ?? SQLITE_MISUSE }
    table.xCheckReservedLock = { methods($0)?.xCheckReservedLock(real($0), $1) ?? SQLITE_MISUSE }
    table.xFileControl = { methods($0)?.xFileControl(real($0), $1, $2) ?? SQLITE_MISUSE }
    table.xSectorSize = { methods($0)?.xSectorSize(real($0)) ?? 512 }
    table.xDeviceCharacteristics = { methods($0)?.xDeviceCharacteristics(real($0)) ?? 0 }
    table.xShmMap = { file, page, size, extends, memory in
        if FaultyDisk.fault(of: "shared memory") != nil { return ioError(.sharedMemory) }
        return methods(file)?.xShmMap(real(file), page, size, extends, memory) ?? SQLITE_MISUSE
    }
    table.xShmLock = { methods($0)?.xShmLock(real($0), $1, $2, $3) ?? SQLITE_MISUSE }
    table.xShmBarrier = { methods($0)?.xShmBarrier(real($0)) }
    table.xShmUnmap = { methods($0)?.xShmUnmap(real($0), $1) ?? SQLITE_MISUSE }
    return table
}

/// Extended codes are macros that Swift does not see: `SQLITE_IOERR | (detail << 8)`.
private enum Detail: Int32 {
    case read = 1
    case write = 3
    case sync = 4
    case truncate = 6
    case size = 7
    case delete = 10
    case sharedMemory = 21
}

private func ioError(_ detail: Detail) -> Int32 { SQLITE_IOERR | detail.rawValue << 8 }
