import Synchronization

/// Lets a change of devices or messages wait until every push that may have been read before it has begun: from then on
/// no request begins on what was true before. Nothing is ever read again for it, so that any number of changes does not
/// hold pushes up.
final class ChangeBarrier: Sendable {
    private struct State {
        /// Grows with the changes that had to wait.
        var generation: UInt64 = 0
        /// Readings whose requests have not begun, counted by the generation they started in.
        var open: [UInt64: Int] = [:]
        /// Changes that wait until everything older than their generation has begun.
        var waiting: [(generation: UInt64, waiter: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Returns when all that was being read has begun or was given up.
    func settle() async {
        await withCheckedContinuation { waiter in
            let isClear = state.withLock { state in
                if state.open.isEmpty { return true }
                state.generation += 1
                state.waiting.append((state.generation, waiter))
                return false
            }
            if isClear { waiter.resume() }
        }
    }

    /// Before the first look at the disk.
    func begin() -> UInt64 {
        state.withLock { state in
            state.open[state.generation, default: 0] += 1
            return state.generation
        }
    }

    /// What was read goes out in `count` requests, each of which ends on its own.
    func split(_ generation: UInt64, into count: Int) {
        state.withLock { $0.open[generation, default: 0] += count }
    }

    /// The request has begun, or nothing goes out.
    func end(_ generation: UInt64) {
        let settled = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            let left = (state.open[generation] ?? 1) - 1
            state.open[generation] = left > 0 ? left : nil
            guard left <= 0, !state.waiting.isEmpty else { return [] }
            let oldest = state.open.keys.min() ?? .max
            let settled = state.waiting.filter { $0.generation <= oldest }.map(\.waiter)
            state.waiting.removeAll { $0.generation <= oldest }
            return settled
        }
        for waiter in settled { waiter.resume() }
    }
}
