import PushTestSupport
import Testing

@testable import PushCore

@Suite struct EntryFeedReaderTests {
    private func batch(_ positions: ClosedRange<Int64>) throws -> CommittedEntries {
        CommittedEntries(
            message: try .sample(),
            entries: positions.map {
                InboxEntry(
                    position: $0, account: AccountKey(rawValue: 1), seq: $0, message: MessageKey(rawValue: 1),
                    flags: [])
            })
    }

    private func positions(_ answer: EntryFeed.Answer) -> [Int64]? {
        guard case .batches(let batches) = answer else { return nil }
        return batches.flatMap { $0.entries.map(\.position) }
    }

    @Test func `a reader gets what follows its position, without a gap`() throws {
        let feed = EntryFeed(head: 0, entriesMax: 100)
        feed.committed([try batch(1...3), try batch(4...4)])
        #expect(positions(feed.batches(after: 0, entriesLimit: 10)) == [1, 2, 3, 4])
        #expect(positions(feed.batches(after: 3, entriesLimit: 10)) == [4])
        guard case .nothingNew = feed.batches(after: 4, entriesLimit: 10) else { return #expect(Bool(false)) }
    }

    /// A page of the log is cut at a number of entries, so a reader that catches up may stand inside a batch.
    @Test func `a reader inside a batch is sent back to the log`() throws {
        let feed = EntryFeed(head: 0, entriesMax: 100)
        feed.committed([try batch(1...3), try batch(4...6), try batch(7...7)])
        for position in [2, 4, 5] as [Int64] {
            guard case .behind = feed.batches(after: position, entriesLimit: 10) else {
                Issue.record("\(position) is followed by \(feed.batches(after: position, entriesLimit: 10))")
                continue
            }
        }
        #expect(positions(feed.batches(after: 6, entriesLimit: 10)) == [7])
    }

    @Test func `what the window has forgotten is in the log`() throws {
        let feed = EntryFeed(head: 0, entriesMax: 3)
        feed.committed([try batch(1...3), try batch(4...6)])
        guard case .behind = feed.batches(after: 0, entriesLimit: 10) else { return #expect(Bool(false)) }
        #expect(positions(feed.batches(after: 3, entriesLimit: 10)) == [4, 5, 6])
    }
}
