import GRDB
import PushCore
import TestWaiting
import Testing

@testable import PushStorage

@Suite struct IndexerTests {
    private func tuning(runEntriesMin: Int) -> Indexer.Tuning {
        var tuning = Indexer.Tuning()
        tuning.runEntriesMin = runEntriesMin
        tuning.idle = .milliseconds(20)
        tuning.stepEntriesMin = 3
        tuning.stepEntriesIdle = 7
        return tuning
    }

    @Test func `an inbox reads the same before, while and after it is indexed`() async throws {
        let store = try await TestStore(indexing: tuning(runEntriesMin: 40))
        var accounts: [AccountRef] = []
        for index in 0..<5 { accounts.append(try await store.account("u\(index)")) }
        let everybody = accounts
        let writing = Task {
            for number in 0..<300 { try await store.send("m\(number)", to: everybody[number % 5].id) }
        }
        var isDone = false
        while !isDone {
            isDone = store.storage.feed.head == 300
            for account in accounts {
                let page = try await store.inbox(account)
                #expect(page.items.map(\.entry.seq) == Array(1...max(1, page.head)).filter { $0 <= page.head })
                let middle = try await store.inbox(account, after: page.head / 2, limit: 3)
                #expect(
                    middle.items.map(\.entry.seq) == ((page.head / 2 + 1)...).prefix(3).filter { $0 <= middle.head })
            }
        }
        try await writing.value
        try await eventually("everything is indexed when idle") { store.storage.log.tailCount == 0 }
        let (logged, indexed) = try await store.storage.file.read { db in
            func rows(_ table: String) throws -> [[Int64]] {
                try Row.fetchAll(
                    db, sql: "SELECT account, seq, position, message, flags FROM \(table) ORDER BY account, seq"
                ).map { row in (0..<5).map { row[$0] } }
            }
            return (try rows("entry"), try rows("inbox"))
        }
        #expect(logged.count == 300 && logged == indexed)
        // The head is in the table now, and counting goes on from it.
        let answer = try await store.send("last", to: accounts[0].id)
        #expect(answer.recipients == 1)
        #expect(try await store.inbox(accounts[0], after: 60).items.map(\.entry.seq) == [61])
    }
}
