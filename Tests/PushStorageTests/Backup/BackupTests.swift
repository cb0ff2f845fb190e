import Foundation
import GRDB
import PushCore
import Synchronization
import TestWaiting
import Testing

@testable import PushStorage

@Suite struct BackupTests {
    @Test func `a copy made while others write has everything that was answered before it began`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let answered = Mutex<[String]>([])
        let isOver = Atomic(false)
        let traffic = Task {
            var number = 0
            while !isOver.load(ordering: .relaxed) {
                try await store.send("m\(number)", to: bob.id)
                answered.withLock { $0.append("m\(number)") }
                number += 1
            }
        }
        for round in 0..<4 {
            try await eventually("there is traffic") { answered.withLock { $0.count } > 20 * (round + 1) }
            let before = answered.withLock { $0 }
            let path = store.directory.appendingPathComponent("backup-\(round).db").path
            let backup = try StoreBackup(of: store.path, to: path)
            #expect(backup.messages >= before.count && backup.position >= before.count)
            let storage = try TestStore.open(path, clock: store.clock)
            var ids: Set<String> = []
            var after: Int64 = 0
            while true {
                let page = try await storage.inbox(of: bob.key, after: after, limit: 500)
                ids.formUnion(page.items.map(\.message.id))
                guard let last = page.items.last?.entry.seq else { break }
                #expect(page.items.map(\.entry.seq) == Array(after + 1...last))
                after = last
            }
            storage.close()
            #expect(Set(before).subtracting(ids) == [])
        }
        isOver.store(true, ordering: .relaxed)
        try await traffic.value
    }

    @Test func `a backup takes no place that is taken, and copies no damage`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<200 {
            try await store.send("m\(number)", to: bob.id, text: String(repeating: "x", count: 900))
        }
        let path = store.directory.appendingPathComponent("backup.db").path
        _ = try StoreBackup(of: store.path, to: path)
        #expect(throws: StorageFault.self) { try StoreBackup(of: store.path, to: path) }
        #expect(try StoreInspection(path: path).damage == [])
        let pageSize = 4096
        try overwrite(path, from: 5 * pageSize, count: 4 * pageSize)
        let second = path + ".second"
        #expect(throws: (any Error).self) { try StoreBackup(of: path, to: second) }
        #expect(!FileManager.default.fileExists(atPath: second))
    }
}

@Suite struct StoreFilesTests {
    /// The files as a process leaves them that was killed.
    private func killed(_ store: TestStore) throws -> String {
        let path = store.directory.appendingPathComponent("killed-\(UUID().uuidString).db").path
        for suffix in ["", "-wal", "-shm"] {
            try FileManager.default.copyItem(atPath: store.path + suffix, toPath: path + suffix)
        }
        return path
    }

    private func filled() async throws -> TestStore {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<50 { try await store.send("m\(number)", to: bob.id) }
        return store
    }

    @Test func `nothing is wrong with what a killed process leaves, or a closed one, or with no store`() async throws {
        let store = try await filled()
        let path = try killed(store)
        #expect(try StoreFiles.damage(at: path) == nil)
        let storage = try TestStore.open(path, clock: store.clock)
        storage.close()
        #expect(try StoreFiles.damage(at: path) == nil)
        #expect(try StoreFiles.damage(at: path + ".none") == nil)
        // Some of the log is in the database, some is not.
        try await store.storage.commits.run { writer in writer.afterCommit {} }
        _ = try await store.storage.file.current.barrierWriteWithoutTransaction {
            try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
        #expect(try StoreFiles.damage(at: killed(store)) == nil)
        try await store.send("later", to: store.account("ann").id)
        #expect(try StoreFiles.damage(at: killed(store)) == nil)
    }

    @Test func `a log that lost its end is named`() async throws {
        let store = try await filled()
        for bytes in [1, 5000, 40_000] {
            let path = try killed(store)
            let size = try #require(try size(path + "-wal"))
            try truncate(path + "-wal", to: size - bytes)
            let damage = try #require(try StoreFiles.damage(at: path), "\(bytes) bytes less")
            #expect(damage.contains(path + "-wal"))
        }
        let empty = try killed(store)
        try truncate(empty + "-wal", to: 0)
        #expect(try StoreFiles.damage(at: empty)?.contains("-wal") == true)
        let torn = try killed(store)
        try overwrite(torn + "-wal", from: 20_000, count: 10)
        #expect(try StoreFiles.damage(at: torn)?.contains("-wal") == true)
    }

    @Test func `what a checkpoint has copied may be missing from the log`() async throws {
        let store = try await filled()
        _ = try await store.storage.file.current.barrierWriteWithoutTransaction {
            try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
        let path = try killed(store)
        try truncate(path + "-wal", to: 100_000)
        #expect(try StoreFiles.damage(at: path) == nil)
    }

    @Test func `a database that is cut off is named, with the page`() async throws {
        let store = try await filled()
        let path = store.directory.appendingPathComponent("copy.db").path
        _ = try StoreBackup(of: store.path, to: path)
        let size = try #require(try size(path))
        try truncate(path, to: size - 4096)
        let damage = try #require(try StoreFiles.damage(at: path))
        #expect(damage.contains(path) && damage.contains("page \(size / 4096) is missing"), "\(damage)")
        try Data(
            "not a database, whatever it is called, and longer than a header is: ................................".utf8
        )
        .write(to: URL(fileURLWithPath: path))
        #expect(try StoreFiles.damage(at: path)?.contains("no database") == true)
    }

    @Test func `a page that was overwritten is found by the check of all pages`() async throws {
        let store = try await filled()
        let path = store.directory.appendingPathComponent("copy.db").path
        _ = try StoreBackup(of: store.path, to: path)
        try overwrite(path, from: 7 * 4096, count: 4096)
        #expect(try StoreFiles.damage(at: path) == nil)
        #expect(throws: (any Error).self) {
            let damage = try StoreInspection(path: path).damage
            if !damage.isEmpty { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        }
    }
}

private func size(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
}

private func truncate(_ path: String, to bytes: Int) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.truncate(atOffset: UInt64(bytes))
    try file.close()
}

private func overwrite(_ path: String, from offset: Int, count: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data(repeating: 0xA5, count: count))
    try file.close()
}
