import Foundation
import PushCore
import Testing

@testable import PushStorage

/// Run by hand, in release mode, with PUSHGATE_MEASURE=4000 (messages per sender): prints rates. Nothing is asserted about time.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["PUSHGATE_MEASURE"] != nil))
struct ThroughputTests {
    private func measure(
        _ what: String, callers: Int, each: Int, copies: Int,
        _ body: @escaping @Sendable (Int, Int) async throws -> Void
    ) async throws {
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask { for number in 0..<each { try await body(caller, number) } }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        print("\(what): \(Int(Double(callers * each * copies) / seconds))/s over \(seconds) s")
    }

    private let each = ProcessInfo.processInfo.environment["PUSHGATE_MEASURE"].flatMap(Int.init) ?? 4000
    private let text = String(repeating: "x", count: 250)

    @Test func `single messages from 64 senders`() async throws {
        let store = try await TestStore()
        var accounts: [AccountRef] = []
        for index in 0..<1000 { accounts.append(try await store.account("u\(index)")) }
        let all = accounts
        let before = store.storage.commits.counters
        try await measure("accepts", callers: 64, each: each, copies: 1) { caller, number in
            try await store.send("m\(caller)-\(number)", to: all[(caller * 31 + number) % 1000].id, text: text)
        }
        let after = store.storage.commits.counters
        print("transactions: \(after.transactions - before.transactions)")
        #expect(after.failures == 0 && store.storage.feed.head == Int64(64 * each))
    }

    @Test func `copies in groups of 500`() async throws {
        let store = try await TestStore()
        for group in 0..<20 {
            _ = try await store.storage.createGroup(
                id: "g\(group)", name: "", users: (0..<500).map { "u\(group)-\($0)" }, tenant: store.tenant.key, at: 1)
        }
        try await measure("group copies", callers: 16, each: each / 16, copies: 500) { caller, number in
            try await store.send("m\(caller)-\(number)", to: "g\(caller)", text: text)
        }
        #expect(store.storage.feed.head == Int64(16 * (each / 16) * 500))
    }
}
