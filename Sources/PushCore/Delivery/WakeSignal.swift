import Synchronization

/// Wakes one waiting task. Signals that come while nobody waits are kept as one.
///
/// Not an `AsyncStream`: cancelling a task that waits for one ends the stream for good, and a wait with a time limit is
/// cancelled each time the time is up.
public final class WakeSignal: Sendable {
    private struct State {
        var isSet = false
        var waiter: (number: UInt64, continuation: CheckedContinuation<Void, Never>)?
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    public init() {}

    public func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSet = true }
            return state.waiter
        }
        waiter?.continuation.resume()
    }

    /// Waits for a signal, or until `timeout`, or until the task is cancelled. One task at a time.
    public func wait(atMost timeout: Duration) async {
        let number = state.withLock { state -> UInt64? in
            if state.isSet {
                state.isSet = false
                return nil
            }
            state.lastNumber += 1
            return state.lastNumber
        }
        guard let number else { return }
        let timer = Task {
            try? await Task.sleep(for: timeout)  // throws on cancellation only, when nobody waits any more
            self.giveUp(number)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    precondition(state.waiter == nil, "two tasks wait for one signal")
                    state.waiter = (number, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            giveUp(number)
        }
        timer.cancel()
    }

    private func giveUp(_ number: UInt64) {
        let waiter = state.withLock { state in
            guard state.waiter?.number == number else { return nil as CheckedContinuation<Void, Never>? }
            defer { state.waiter = nil }
            return state.waiter?.continuation
        }
        waiter?.resume()
    }
}
