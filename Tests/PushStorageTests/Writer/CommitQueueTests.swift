import Foundation
import GRDB
import PushCore
import Synchronization
import TestWaiting
import Testing

@testable import PushStorage

@Suite struct CommitQueueTests {
    @Test func `a commit is synced before it is answered`() async throws {
        let store = try await TestStore()
        let modes = try await store.storage.commits.run { writer in
            try ["synchronous", "journal_mode", "foreign_keys", "secure_delete"].map {
                try String.fetchOne(writer.db, sql: "PRAGMA \($0)") ?? ""
            }
        }
        #expect(modes == ["2", "wal", "1", "1"])
    }

    @Test func `senders at once share transactions, and seq has no gaps`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let before = store.storage.commits.counters
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sender in 0..<64 {
                group.addTask {
                    for number in 0..<10 { try await store.send("m\(sender)-\(number)", to: bob.id) }
                }
            }
            try await group.waitForAll()
        }
        let after = store.storage.commits.counters
        #expect(after.commands - before.commands == 640)
        #expect(after.transactions - before.transactions < 640)
        let first = try await store.inbox(bob)
        let rest = try await store.inbox(bob, after: 500)
        #expect((first.items + rest.items).map(\.entry.seq) == Array(1...640))
        // One sender's messages keep their order.
        let ofOne = (first.items + rest.items).map(\.message.id).filter { $0.hasPrefix("m7-") }
        #expect(ofOne == (0..<10).map { "m7-\($0)" })
    }

    @Test func `a refused command undoes itself alone`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let gate = Gate()
        let blocker = Task { try await store.storage.commits.run { _ in gate.wait() } }
        try await eventually("the writer is busy") { gate.isEntered }
        async let good = store.send("good", to: bob.id)
        let bad = Task {
            await store.refusal {
                try await store.storage.commits.run { writer -> Int in
                    _ = try writer.append(
                        MessageKey(rawValue: 99), [.init(account: bob.key.rawValue, flags: [], peer: .none)])
                    throw GatewayError(.conflict, "no")
                }
            }
        }
        gate.open()
        try await blocker.value
        #expect(try await good.recipients == 1)
        #expect(await bad.value?.code == .conflict)
        try await store.send("next", to: bob.id)
        let page = try await store.inbox(bob)
        #expect(page.items.map(\.entry.seq) == [1, 2] && page.head == 2)
        #expect(store.storage.feed.head == 2)
    }

    @Test func `a full queue refuses before anything is accepted`() async throws {
        var limits = Limits()
        limits.writerQueueCommandsMax = 2
        let store = try await TestStore(limits: limits)
        let bob = try await store.account("bob")
        let gate = Gate()
        let blocker = Task { try await store.storage.commits.run { _ in gate.wait() } }
        try await eventually("the writer is busy") { gate.isEntered }
        let outcomes = await withTaskGroup(of: GatewayError?.self) { group in
            for number in 0..<5 {
                group.addTask { await store.refusal { try await store.send("m\(number)", to: bob.id) } }
            }
            var refused: [GatewayError?] = []
            for await outcome in group {
                refused.append(outcome)
                // The three refusals come while the writer still waits.
                if refused.count == 3 { gate.open() }
            }
            return refused
        }
        try await blocker.value
        #expect(outcomes.compactMap { $0?.code } == [.overloaded, .overloaded, .overloaded])
        #expect(outcomes.compactMap { $0?.retryAfterSeconds } == [1, 1, 1])
        #expect(try await store.inbox(bob).head == 2)
    }

    @Test func `a full disk is an answer, and afterwards everything goes on`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        try await store.send("m1", to: bob.id)
        let pages = try await store.storage.commits.run { writer in
            let pages = try Int.fetchOne(writer.db, sql: "PRAGMA page_count") ?? 0
            _ = try Row.fetchAll(writer.db, sql: "PRAGMA max_page_count = \(pages)")
            return pages
        }
        #expect(pages > 0)
        let large = String(repeating: "x", count: 30_000)
        let refused = await store.refusal { try await store.send("m2", to: bob.id, text: large) }
        #expect(refused?.code == .overloaded)
        #expect(store.storage.feed.head == 1)
        #expect(store.storage.commits.counters.failures == 1)
        try await store.storage.commits.run { writer in
            _ = try Row.fetchAll(writer.db, sql: "PRAGMA max_page_count = 1000000")
        }
        try await store.send("m2", to: bob.id, text: large)
        let page = try await store.inbox(bob)
        #expect(page.items.map(\.entry.seq) == [1, 2] && page.items.map(\.message.id) == ["m1", "m2"])
        #expect(store.storage.feed.head == 2)
        #expect(await store.storage.isUsable())
    }

    @Test func `after an I/O error the file is opened anew, and memory is what the disk has`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<5 { try await store.send("m\(number)", to: bob.id) }
        let before = ObjectIdentifier(store.storage.file.current)
        let failed = await store.refusal {
            try await store.storage.commits.run { writer -> Int in
                _ = try writer.append(
                    MessageKey(rawValue: 99), [.init(account: bob.key.rawValue, flags: [], peer: .none)])
                throw DatabaseError(resultCode: .SQLITE_IOERR)
            }
        }
        #expect(failed?.code == .overloaded)
        #expect(ObjectIdentifier(store.storage.file.current) != before)
        #expect(store.storage.feed.head == 5)
        try await store.send("m5", to: bob.id)
        let page = try await store.inbox(bob)
        #expect(page.items.map(\.entry.seq) == Array(1...6) && page.head == 6)
        let mode = try await store.storage.commits.run { try Int.fetchOne($0.db, sql: "PRAGMA synchronous") }
        #expect(mode == 2)
        #expect(store.storage.app(id: "app_one") != nil)
    }

    @Test func `after close everything is refused`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        store.storage.close()
        #expect(await store.refusal { try await store.send("m", to: bob.id) }?.code == .overloaded)
        #expect(await !store.storage.isUsable())
    }
}

/// Holds the writer's thread until it is opened.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let entered = Mutex(false)

    var isEntered: Bool { entered.withLock { $0 } }

    func wait() {
        entered.withLock { $0 = true }
        semaphore.wait()
    }

    func open() { semaphore.signal() }
}
