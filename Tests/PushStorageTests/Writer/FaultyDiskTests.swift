import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

/// Every call that the store makes to the disk fails once, in turn. CI tries every 12th; all of them with
/// `PUSHGATE_EVERY_IO_FAULT=1`.
@Suite(.serialized) struct FaultyDiskTests {
    private static let stride = ProcessInfo.processInfo.environment["PUSHGATE_EVERY_IO_FAULT"] == "1" ? 1 : 12
    /// More calls than the story makes.
    private static let callsMax = 5000

    @Test(arguments: FaultyDisk.Fault.allCases)
    func `whatever fails once, what was answered is there once, and what was not can be repeated`(
        _ fault: FaultyDisk.Fault
    ) async throws {
        var failed: Set<String> = []
        try await FaultyDisk.installed {
            for target in Swift.stride(from: 0, to: Self.callsMax, by: Self.stride) {
                guard let failure = try await story(fault, at: target) else { break }
                failed.insert(failure.call)
            }
        }
        let all: Set = ["open", "read", "size", "sync", "truncate", "write"]
        #expect(failed.isSuperset(of: Self.stride == 1 ? all : ["write"]))
    }

    /// - Returns: the call that failed; nil when there are not so many.
    private func story(_ fault: FaultyDisk.Fault, at target: Int) async throws -> FaultyDisk.Failure? {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<3 { try await store.send("m\(number)", to: bob.id) }
        FaultyDisk.arm(fault, at: target)
        var ids = (0..<3).map { "m\($0)" }
        for number in 3..<9 {
            let acceptance = try await patiently { try await store.send("m\(number)", to: bob.id) }
            #expect(acceptance.recipients == 1)
            ids.append("m\(number)")
        }
        let head = try await secondReader(store) {
            try await patiently { try await store.inbox(bob, after: 3).head }
        }
        #expect(head == 9)
        // The log goes into the database, where other calls fail.
        _ = try? await store.storage.file.current.barrierWriteWithoutTransaction {
            try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        _ = try await patiently { try await store.send("last", to: bob.id) }
        ids.append("last")
        // As a killed process leaves it, and then closed while calls may still fail.
        let killed = try copy(store)
        store.storage.close()
        let failure = FaultyDisk.disarm()
        let what = "\(fault) at call \(target), \(failure?.call ?? "none")"
        try await expect(ids, at: killed, store, "killed, \(what)")
        try await expect(ids, at: store.path, store, "closed, \(what)")
        return failure
    }

    @Test func `after a failed sync nothing stands in the log alone`() async throws {
        try await FaultyDisk.installed {
            var failed: [FaultyDisk.Failure] = []
            for target in 0..<40 {
                let store = try await TestStore()
                let bob = try await store.account("bob")
                FaultyDisk.arm(.inputOutput, at: target)
                let refused = await store.refusal { try await store.send("m", to: bob.id) }
                guard let failure = FaultyDisk.disarm(), failure.call == "sync" else { continue }
                failed.append(failure)
                #expect(refused?.code == .overloaded)
                let log = try FileManager.default.attributesOfItem(atPath: store.path + "-wal")[.size] as? Int
                #expect(log == 0)
                // Whether or not the message is in the store by now, it is afterwards, once.
                try await store.send("m", to: bob.id)
                let page = try await store.inbox(bob)
                #expect(page.items.map(\.message.id) == ["m"] && page.head == 1)
            }
            #expect(!failed.isEmpty)
        }
    }

    private func expect(_ ids: [String], at path: String, _ store: TestStore, _ what: String) async throws {
        let storage = try TestStore.open(path, clock: store.clock)
        defer { storage.close() }
        let account = try await storage.ensureAccount(tenant: store.tenant.key, userID: "bob", at: store.clock.now)
            .account
        let page = try await storage.inbox(of: account.key, after: 0, limit: 100)
        #expect(page.items.map(\.message.id) == ids, "\(what)")
        #expect(page.items.map(\.entry.seq) == Array(1...Int64(ids.count)), "\(what)")
        #expect(try StoreInspection(path: path).damage == [], "\(what)")
        let repeated = try await storage.accept(
            store.message(#"{"id":"m5","to":"\#(account.id)","type":0,"content":{"text":"hello"}}"#),
            from: store.appPrincipal)
        #expect(repeated.isDuplicate, "\(what)")
    }

    private func copy(_ store: TestStore) throws -> String {
        let path = store.directory.appendingPathComponent("killed.db").path
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: store.path + suffix) {
            try FileManager.default.copyItem(atPath: store.path + suffix, toPath: path + suffix)
        }
        return path
    }

    /// Runs `body` while another read is at work, so that it opens a connection of its own.
    private func secondReader<Value>(_ store: TestStore, _ body: () async throws -> Value) async throws -> Value {
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let isOver = DispatchSemaphore(value: 0)
        let file = store.storage.file
        let first = Task {
            // The call that fails may be one of this read's: then there is nothing to wait for.
            try? await file.read { _ in
                begin.yield()
                isOver.wait()
            }
            begin.finish()
        }
        for await _ in begun { break }
        do {
            let value = try await body()
            isOver.signal()
            await first.value
            return value
        } catch {
            isOver.signal()
            await first.value
            throw error
        }
    }

    /// Repeats what was refused because the store was busy or failed, as every caller does.
    private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
        for _ in 0..<20 {
            do {
                return try await body()
            } catch let error as GatewayError {
                // A refusal says so, and is no answer.
                try #require([.overloaded, .internalError].contains(error.code), "\(error)")
            } catch is DatabaseError {
                // A read that failed: the caller is told 500 and asks again.
            }
        }
        return try await body()
    }
}
