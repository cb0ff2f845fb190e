import HeapModule
import Synchronization

/// What the loop's thread shall call later.
final class LoopTimers: Sendable {
    /// Without its body: a heap moves its elements often, and these cost nothing to move.
    private struct Timer: Comparable {
        let at: ContinuousClock.Instant
        /// Those of the same instant run in the order in which they came.
        let number: UInt64

        static func < (left: Timer, right: Timer) -> Bool { (left.at, left.number) < (right.at, right.number) }
    }

    private struct State {
        var timers = Heap<Timer>()
        var bodies: [UInt64: @Sendable () -> Void] = [:]
        var nextNumber: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// - Returns: whether it is the first that is due: the loop may have to wake up earlier than it meant to.
    func add(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            let isFirst = state.timers.min.map { instant < $0.at } ?? true
            state.timers.insert(Timer(at: instant, number: state.nextNumber))
            state.bodies[state.nextNumber] = body
            state.nextNumber += 1
            return isFirst
        }
    }

    var next: ContinuousClock.Instant? { state.withLock { $0.timers.min?.at } }

    /// Runs all that is due, without the lock: a body may add a timer.
    func run(now: ContinuousClock.Instant) {
        let due = state.withLock { state -> [@Sendable () -> Void] in
            var due: [@Sendable () -> Void] = []
            while let next = state.timers.min, next.at <= now {
                state.timers.removeMin()
                if let body = state.bodies.removeValue(forKey: next.number) { due.append(body) }
            }
            return due
        }
        for body in due { body() }
    }

    /// Whatever is left is never called.
    func close() {
        // Freed outside the lock: what a body keeps alive may end with it.
        let left = state.withLock { state in
            state.isClosed = true
            state.timers = Heap()
            defer { state.bodies = [:] }
            return state.bodies
        }
        _ = consume left
    }
}
