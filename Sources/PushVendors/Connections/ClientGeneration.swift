import AsyncHTTPClient
import NIOCore
import Synchronization

/// One HTTP client from its making to its end: counts the requests on it, and closes when it is retired and the last
/// of them has ended.
final class ClientGeneration: Sendable {
    private struct State {
        var underWay = 0
        var timeoutsInARow = 0
        var isRetired = false
        var isClosing = false
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let client: HTTPClient
    /// The end of the time for which its address was checked.
    private let expiry: NIODeadline?
    private let state = Mutex(State())

    init(_ client: HTTPClient, until expiry: NIODeadline?) {
        self.client = client
        self.expiry = expiry
    }

    deinit {
        // Whoever drops a sender without shutting it down loses connections, and not the process: the client insists
        // on being shut down.
        guard !state.withLock({ $0.isClosing }) else { return }
        client.shutdown { _ in }
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// False when this client takes no more requests.
    func begin() -> Bool {
        if let expiry, NIODeadline.now() >= expiry { return false }
        return state.withLock { state in
            guard !state.isRetired else { return false }
            state.underWay += 1
            return true
        }
    }

    func end() {
        state.withLock { $0.underWay -= 1 }
        closeIfIdle()
    }

    /// How many requests in a row have timed out.
    func count(isTimeout: Bool) -> Int {
        state.withLock { state in
            state.timeoutsInARow = isTimeout ? state.timeoutsInARow + 1 : 0
            return state.timeoutsInARow
        }
    }

    func retire() {
        state.withLock { $0.isRetired = true }
        closeIfIdle()
    }

    /// Returns once the connections are closed. Bounded, since every request is.
    func closed() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.waiting.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }

    private func closeIfIdle() {
        let isDue = state.withLock { state in
            guard state.isRetired, state.underWay == 0, !state.isClosing else { return false }
            state.isClosing = true
            return true
        }
        guard isDue else { return }
        Task {
            // Fails only when it was shut down before, and nobody else does that.
            try? await client.shutdown()
            let waiting = state.withLock { state in
                state.isClosed = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }
}
