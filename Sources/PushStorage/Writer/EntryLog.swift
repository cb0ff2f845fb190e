import DequeModule
import PushCore
import Synchronization

/// The newest entries and the inbox heads in memory.
///
/// On disk an entry is first only in the log (`entry`), in commit order; the index by account (`inbox`) is built behind
/// it. What is not indexed yet is held here, the *tail*, so that an inbox can be read at once: tail first, then the
/// table. Changed by the writer's thread only, after COMMIT has returned; read from anywhere.
final class EntryLog: Sendable {
    /// One unindexed entry. Its position is its place in the tail.
    struct TailEntry {
        let account: Int64
        let seq: Int64
        let message: Int64
        /// Position of the account's entry before this one, 0 when that is not in the tail.
        let previous: Int64
        let flags: Int32
        let revision: Int32
        let peer: Int64

        func inboxEntry(at position: Int64) -> InboxEntry {
            InboxEntry(
                position: position, account: AccountKey(rawValue: account), seq: seq,
                message: MessageKey(rawValue: message), flags: .init(rawValue: Int(flags)),
                peer: Peer(rawValue: peer), revision: Int(revision))
        }
    }

    private struct Head {
        var seq: Int64
        /// Position of the account's newest entry if it may be in the tail, else 0.
        var position: Int64
    }

    private struct State {
        /// Entries at positions `indexed + 1`, `indexed + 2` …
        var tail: Deque<TailEntry> = []
        /// Everything up to this position is in `inbox`.
        var indexed: Int64 = 0
        var heads: [Int64: Head] = [:]

        var last: Int64 { indexed + Int64(tail.count) }
    }

    private let state = Mutex(State())
    private let headsMax: Int
    /// The other numbering that devices follow.
    let broadcasts = BroadcastHeads()

    init(headsMax: Int) { self.headsMax = headsMax }

    /// Position of the newest committed entry.
    var last: Int64 { state.withLock { $0.last } }

    var tailCount: Int { state.withLock { $0.tail.count } }

    /// The newest seq of an account if it is in memory.
    func head(of account: Int64) -> Int64? { state.withLock { $0.heads[account]?.seq } }

    /// Heads of several accounts under one lock; -1 where it is not in memory.
    func heads(of accounts: some Collection<Int64>) -> [Int64] {
        state.withLock { state in accounts.map { state.heads[$0]?.seq ?? -1 } }
    }

    /// Unindexed entries of `account` with `after < seq <= after + limit`, oldest first, and its head if known.
    func tail(of account: Int64, after seq: Int64, limit: Int) -> (entries: [InboxEntry], head: Int64?) {
        state.withLock { state in
            guard let head = state.heads[account] else { return ([], nil) }
            var found: [InboxEntry] = []
            var position = head.position
            // seq has no gaps, so the page is a range of numbers; walk back until below it.
            while position > state.indexed {
                let entry = state.tail[Int(position - state.indexed - 1)]
                if entry.seq <= seq { break }
                if entry.seq - seq <= Int64(limit) {
                    found.append(entry.inboxEntry(at: position))
                }
                position = entry.previous
            }
            found.reverse()
            return (found, head.seq)
        }
    }

    /// All unindexed entries of `account` for which `isWanted` holds, newest first, at most `limit`.
    func tail(
        of account: Int64, newestFirst limit: Int, where isWanted: (InboxEntry) -> Bool
    ) -> [InboxEntry] {
        state.withLock { state in
            var found: [InboxEntry] = []
            var position = state.heads[account]?.position ?? 0
            while position > state.indexed, found.count < limit {
                let tailEntry = state.tail[Int(position - state.indexed - 1)]
                let entry = tailEntry.inboxEntry(at: position)
                if isWanted(entry) { found.append(entry) }
                position = tailEntry.previous
            }
            return found
        }
    }

    /// All unindexed entries of `account`, oldest first and without a gap.
    func tail(of account: Int64) -> [InboxEntry] {
        tail(of: account, newestFirst: .max) { _ in true }.reversed()
    }

    // MARK: The writer's part

    /// Remembers a head that was read from the store.
    func remember(head: Int64, of account: Int64) {
        state.withLock { state in
            if state.heads.count >= headsMax { Self.evict(&state) }
            if state.heads[account] == nil { state.heads[account] = Head(seq: head, position: 0) }
        }
    }

    /// Adds entries after their COMMIT, in order of position.
    func append(_ entries: [InboxEntry]) {
        guard !entries.isEmpty else { return }
        state.withLock { state in
            if state.heads.count + entries.count > headsMax { Self.evict(&state) }
            for entry in entries { Self.append(entry, to: &state) }
        }
    }

    private static func append(_ entry: InboxEntry, to state: inout State) {
        // A gap stands for entries that were erased from the log.
        while state.last + 1 < entry.position {
            state.tail.append(TailEntry(account: 0, seq: 0, message: 0, previous: 0, flags: 0, revision: 0, peer: 0))
        }
        let account = entry.account.rawValue
        let previous = state.heads.updateValue(Head(seq: entry.seq, position: entry.position), forKey: account)
        state.tail.append(
            TailEntry(
                account: account, seq: entry.seq, message: entry.message.rawValue, previous: previous?.position ?? 0,
                flags: Int32(truncatingIfNeeded: entry.flags.rawValue),
                revision: Int32(truncatingIfNeeded: entry.revision), peer: entry.peer.rawValue))
    }

    /// Forgets heads that can be read from the store; the tail bounds the rest.
    private static func evict(_ state: inout State) {
        let indexed = state.indexed
        state.heads = state.heads.filter { $0.value.position > indexed }
    }

    /// Everything unindexed, to be sorted.
    func unindexed() -> [InboxEntry] {
        state.withLock { state in
            var found: [InboxEntry] = []
            found.reserveCapacity(state.tail.count)
            for (offset, entry) in state.tail.enumerated() where entry.account != 0 {
                found.append(entry.inboxEntry(at: state.indexed + Int64(offset) + 1))
            }
            return found
        }
    }

    /// Everything up to `position` is in the index now, on disk.
    func indexed(through position: Int64) {
        state.withLock { state in
            let count = Int(position - state.indexed)
            guard count > 0 else { return }
            state.tail.removeFirst(min(count, state.tail.count))
            state.indexed = position
        }
    }

    /// Drops everything and begins anew with what the store says.
    func reload(indexed: Int64, entries: [InboxEntry]) {
        state.withLock { state in
            state = State()
            state.indexed = indexed
            for entry in entries { Self.append(entry, to: &state) }
        }
    }

    /// Drops the heads that can be read from the store again.
    func forgetHeads() { state.withLock { Self.evict(&$0) } }
}
