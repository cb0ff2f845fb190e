import Synchronization
import UnixSignals

/// SIGTERM or SIGINT, from when this is made: for commands that are no services.
final class StopSignal: Sendable {
    private struct State {
        var hasCome = false
        var actions: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    init() async {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        Task {
            for await _ in signals { self.come() }
        }
    }

    private func come() {
        let actions = state.withLock { state in
            state.hasCome = true
            defer { state.actions = [] }
            return state.actions
        }
        for action in actions { action() }
    }

    var hasCome: Bool { state.withLock { $0.hasCome } }

    private func onCome(_ action: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.hasCome { state.actions.append(action) }
            return state.hasCome
        }
        if isLate { action() }
    }

    /// Returns when it has come.
    func wait() async { await withCheckedContinuation { waiter in onCome { waiter.resume() } } }

    /// Work that the signal cancels.
    /// - Returns: its result, or nil when the signal ended it.
    func cancelling<Result: Sendable>(
        _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result? {
        let task = Task { try await work() }
        onCome { task.cancel() }
        do {
            return try await task.value
        } catch {
            guard hasCome else { throw error }
            return nil
        }
    }
}
