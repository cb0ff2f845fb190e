import Synchronization

/// Wakes one waiting task. Signals that come while nobody waits are kept as one.
///
/// Not an `AsyncStream`: cancelling a task that waits for one ends the stream for good, and a wait with a time limit is
/// cancelled each time the time is up.
public final class WakeSignal: Sendable {
    private struct State {
        var isSet = false
        var waiter: Waiter?
        var lastNumber: UInt64 = 0
        /// When the earliest timer that is under way fires.
        var timerAt: ContinuousClock.Instant?

        /// Notes that a timer is needed for this moment, if none fires until then.
        mutating func needsTimer(at deadline: ContinuousClock.Instant) -> Bool {
            if let timerAt, timerAt <= deadline { return false }
            timerAt = deadline
            return true
        }
    }

    private struct Waiter {
        let number: UInt64
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private let state = Mutex(State())
    private let runtime: Runtime

    public init(runtime: Runtime = .system) { self.runtime = runtime }

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
        let deadline = runtime.now + timeout
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, needsTimer) = state.withLock { state in
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return (true, false)
                    }
                    precondition(state.waiter == nil, "two tasks wait for one signal")
                    state.waiter = Waiter(number: number, deadline: deadline, continuation: continuation)
                    return (false, state.needsTimer(at: deadline))
                }
                if isOver { continuation.resume() }
                if needsTimer { startTimer(at: deadline) }
            }
        } onCancel: {
            giveUp(number)
        }
    }

    // MARK: Time

    /// A timer outlives the wait it was made for and serves the next ones: under load there are thousands of short waits
    /// a second, and a timer for each cost more than what they waited for.
    private func startTimer(at moment: ContinuousClock.Instant) {
        runtime.start { [weak self, runtime] in
            await runtime.sleep(for: moment - runtime.now)
            self?.timerFired(at: moment)
        }
    }

    private func timerFired(at moment: ContinuousClock.Instant) {
        let now = max(moment, runtime.now)
        let (late, next) = state.withLock { state in
            if state.timerAt == moment { state.timerAt = nil }
            guard let waiter = state.waiter else { return (nil as Waiter?, nil as ContinuousClock.Instant?) }
            if waiter.deadline <= now {
                state.waiter = nil
                return (waiter, nil)
            }
            return (nil, state.needsTimer(at: waiter.deadline) ? waiter.deadline : nil)
        }
        late?.continuation.resume()
        if let next { startTimer(at: next) }
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
