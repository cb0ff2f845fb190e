import Dispatch
import GRDB
import PushCore
import Synchronization

/// Builds the index by account (`inbox`) behind the log.
///
/// An entry by itself would touch a page of the index of its own: with a million accounts that is 8 KB of write-ahead
/// log for each copy. So entries are collected, sorted by account beside the writer, and put in by small steps between
/// other commands; a page is then written once for all its new entries. `mark.indexed` moves when a whole run is in;
/// after a crash the run is repeated, and rows that are there already are left alone.
final class Indexer {
    struct Tuning: Sendable {
        /// A run begins with this many unindexed entries …
        var runEntriesMin = 400_000
        /// … or when there was nothing to do for this long.
        var idle: Duration = .seconds(3)
        /// Entries put in by one transaction at least, and when the writer has nothing else to do.
        var stepEntriesMin = 256
        var stepEntriesIdle = 2_000
    }

    private struct Run {
        let entries: [InboxEntry]
        let through: Int64
        var next = 0
    }

    private let log: EntryLog
    private let tuning: Tuning
    private let wake: @Sendable () -> Void
    /// Handed over by the sorting queue; shared because that queue fills it.
    private let sorted = SortedRun()
    private var isSorting = false
    private var run: Run?
    /// Steps of the open transaction, undone when it fails.
    private var uncommitted = 0

    init(log: EntryLog, tuning: Tuning, wake: @escaping @Sendable () -> Void) {
        self.log = log
        self.tuning = tuning
        self.wake = wake
    }

    var hasWork: Bool { run != nil || sorted.isReady }

    var isIdleWorthwhile: Bool { !isSorting && run == nil && log.tailCount > 0 }

    var idle: Duration { tuning.idle }

    /// Begins a run when there is enough, or with whatever there is when the writer is idle.
    func considerRun(isIdle: Bool) {
        guard run == nil, !isSorting else { return }
        let count = log.tailCount
        guard count > 0, isIdle || count >= tuning.runEntriesMin else { return }
        isSorting = true
        let through = log.last
        let entries = log.unindexed()
        DispatchQueue.global(qos: .utility).async { [sorted, wake] in
            // Within an account the order of positions is the order of seq.
            let ordered = entries.sorted {
                ($0.account.rawValue, $0.position) < ($1.account.rawValue, $1.position)
            }
            sorted.put(ordered, through: through)
            wake()
        }
    }

    /// Puts the next part of the run into the index, inside the writer's transaction.
    func step(_ writer: Writer, batchEntries: Int, isIdle: Bool) throws {
        if run == nil, let ready = sorted.take() {
            isSorting = false
            run = Run(entries: ready.entries, through: ready.through)
        }
        guard let current = run else { return }
        // Twice what came in, so that a run ends whatever the load.
        let wanted = isIdle ? tuning.stepEntriesIdle : max(tuning.stepEntriesMin, 2 * batchEntries)
        let end = min(current.entries.count, current.next + wanted)
        let insert = try writer.statement(
            "INSERT OR IGNORE INTO inbox (account, seq, position, message, flags, peer) VALUES (?, ?, ?, ?, ?, ?)")
        for entry in current.entries[current.next..<end] {
            insert.bind(1, entry.account.rawValue)
            insert.bind(2, entry.seq)
            insert.bind(3, entry.position)
            insert.bind(4, entry.message.rawValue)
            insert.bind(5, entry.storedFlags)
            insert.bind(6, entry.peer.rawValue)
            try insert.run()
        }
        if end == current.entries.count {
            let mark = try writer.statement("UPDATE mark SET indexed = ? WHERE id = 1")
            mark.bind(1, current.through)
            try mark.run()
        }
        uncommitted = end - current.next
    }

    /// The transaction of the last step is on disk.
    func committed() {
        guard var current = run else { return }
        current.next += uncommitted
        uncommitted = 0
        if current.next == current.entries.count {
            log.indexed(through: current.through)
            run = nil
        } else {
            run = current
        }
    }

    /// The transaction of the last step is undone, and the log was loaded anew: so is the run.
    func abandon() {
        uncommitted = 0
        run = nil
        if isSorting { sorted.discard() }
        isSorting = false
    }
}

/// Where the sorting queue leaves its result for the writer's thread.
private final class SortedRun: Sendable {
    private struct State {
        var ready: (entries: [InboxEntry], through: Int64)?
        /// Results that are no longer wanted when they come.
        var discarded = 0
    }

    private let state = Mutex(State())

    var isReady: Bool { state.withLock { $0.ready != nil } }

    func put(_ entries: [InboxEntry], through: Int64) {
        state.withLock { state in
            if state.discarded > 0 { state.discarded -= 1 } else { state.ready = (entries, through) }
        }
    }

    func take() -> (entries: [InboxEntry], through: Int64)? {
        state.withLock { state in
            defer { state.ready = nil }
            return state.ready
        }
    }

    func discard() {
        state.withLock { state in
            if state.ready == nil { state.discarded += 1 } else { state.ready = nil }
        }
    }
}
