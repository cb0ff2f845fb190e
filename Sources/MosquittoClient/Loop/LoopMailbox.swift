import Glibc
import Synchronization

/// What other threads, or its own callbacks, hand to the loop's thread. One eventfd write per burst: whoever finds the
/// mailbox signalled leaves it at that. The loop's own thread signals nothing: it looks here before it waits.
final class LoopMailbox: Sendable {
    enum Item: Sendable {
        case add(MQTTSession)
        case resolved(session: UInt64, Result<[String], MQTTFailure>)
        case connectStarted(session: UInt64, code: Int32)
        case shutDown(MQTTSession.StopRequest, CheckedContinuation<Void, Never>)
    }

    private struct State {
        var items: [Item] = []
        var sessions: [UInt64] = []
        var isSignalled = false
        var isClosed = false

        /// - Returns: whether the caller has to write to the eventfd.
        mutating func signal() -> Bool {
            defer { isSignalled = true }
            return !isSignalled
        }
    }

    /// Non-blocking, close-on-exec. Lives as long as the mailbox, so that a late writer cannot hit a reused number.
    let wakeSocket: Int32
    private let state = Mutex(State())
    /// 0 until the loop runs.
    private let loopThread = Atomic<UInt>(0)

    init(wakeSocket: Int32) { self.wakeSocket = wakeSocket }

    deinit { Glibc.close(wakeSocket) }

    /// Called by the loop's thread when it begins.
    func enterLoopThread() { loopThread.store(UInt(pthread_self()), ordering: .relaxed) }

    var isOnLoopThread: Bool { loopThread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// For what is not in the mailbox.
    func wakeLoop() {
        if state.withLock({ $0.signal() }) { signal() }
    }

    func wake(session: UInt64) {
        let isOwn = isOnLoopThread
        let signals = state.withLock { state in
            state.sessions.append(session)
            return !isOwn && state.signal()
        }
        if signals { signal() }
    }

    /// - Returns: `false` when the loop has ended; the item was not taken.
    func post(_ item: Item) -> Bool {
        let signals = state.withLock { state -> Bool? in
            if state.isClosed { return nil }
            state.items.append(item)
            return state.signal()
        }
        if signals == true { signal() }
        return signals != nil
    }

    /// The eventfd is readable: it is no longer, until somebody signals again. Before ``take()``.
    func clearSignal() {
        var count: UInt64 = 0
        _ = read(wakeSocket, &count, MemoryLayout<UInt64>.size)
    }

    var isEmpty: Bool { state.withLock { $0.items.isEmpty && $0.sessions.isEmpty } }

    func take() -> (items: [Item], sessions: [UInt64]) {
        state.withLock { state in
            state.isSignalled = false
            defer { (state.items, state.sessions) = ([], []) }
            return (state.items, state.sessions)
        }
    }

    /// - Returns: what came in between.
    func close() -> [Item] {
        state.withLock { state in
            state.isClosed = true
            defer { (state.items, state.sessions) = ([], []) }
            return state.items
        }
    }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wakeSocket, &one, MemoryLayout<UInt64>.size)
    }
}
