import Synchronization

/// Entries of one message that were committed together, in log order.
public struct CommittedEntries: Sendable {
    public let message: ArchivedMessage
    public let entries: [InboxEntry]

    public init(message: ArchivedMessage, entries: [InboxEntry]) {
        self.message = message
        self.entries = entries
    }
}

/// The newest committed entries, in commit order, so that delivery need not read back what was just written.
///
/// It is a window, not a queue: it forgets the oldest beyond its bound, and a reader that has fallen behind (or a
/// gateway that has just started) reads the log in the database instead. Nothing is lost by forgetting.
public final class EntryFeed: Sendable {
    private struct State {
        var batches: ArraySlice<CommittedEntries> = []
        var entryCount = 0
        /// Position of the last committed entry.
        var head: Int64
        var listeners: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>
    private let changes: Mutex<ChangedMessages>
    private let entriesMax: Int

    public init(head: Int64, entriesMax: Int, changedMessagesMax: Int = Limits().changedMessagesMax) {
        state = Mutex(State(head: head))
        // What changed before this gateway started is not remembered.
        changes = Mutex(ChangedMessages(head: head, max: changedMessagesMax))
        self.entriesMax = entriesMax
    }

    /// Called by the archive after COMMIT has returned, in commit order.
    public func committed(_ batches: [CommittedEntries]) {
        let listeners = state.withLock { state in
            for batch in batches {
                guard let last = batch.entries.last else { continue }
                state.batches.append(batch)
                state.entryCount += batch.entries.count
                state.head = last.position
            }
            while state.entryCount > entriesMax, let oldest = state.batches.popFirst() {
                state.entryCount -= oldest.entries.count
            }
            return state.listeners
        }
        for listener in listeners { listener() }
    }

    /// Calls `wake` after every commit, on the archive's thread: it must only signal.
    public func listen(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.listeners.append(wake) }
    }

    public var head: Int64 { state.withLock { $0.head } }

    // MARK: Changes of what was committed

    /// A message is not any more what batches up to `position` say. Called after COMMIT, before the caller is answered.
    public func changed(_ message: MessageKey, through position: Int64) {
        changes.withLock { $0.note(message, through: position) }
    }

    /// Any message in batches up to `position` may have been changed.
    public func changedAny(through position: Int64) {
        changes.withLock { $0.noteAny(through: position) }
    }

    /// Grows with every change.
    public var changeCount: UInt64 { changes.withLock { $0.count } }

    /// Whether a message that was read for a batch at `position` has to be read again.
    public func mayHaveChanged(_ message: MessageKey, at position: Int64) -> Bool {
        changes.withLock { $0.mayHaveChanged(message, at: position) }
    }

    public enum Answer: Sendable {
        case batches([CommittedEntries])
        /// The window begins later: read the log.
        case behind
        case nothingNew
    }

    /// Batches that begin after `position`, at most about `entriesLimit` entries of them.
    public func batches(after position: Int64, entriesLimit: Int) -> Answer {
        state.withLock { state in
            guard state.head > position else { return .nothingNew }
            guard let first = state.batches.first?.entries.first, first.position <= position + 1 else { return .behind }
            // Readers are nearly always at the end: look from there.
            var start = state.batches.endIndex
            while start > state.batches.startIndex,
                let first = state.batches[start - 1].entries.first, first.position > position
            {
                start -= 1
            }
            var found: [CommittedEntries] = []
            var count = 0
            while start < state.batches.endIndex, count < entriesLimit {
                found.append(state.batches[start])
                count += state.batches[start].entries.count
                start += 1
            }
            // A page of the log may end inside a batch: the rest of that one is in the log only.
            guard found.first?.entries.first?.position == position + 1 else { return .behind }
            return .batches(found)
        }
    }
}
