import NIOCore
import Synchronization

/// Cancels work that takes too long. One timer looks at all of it every quarter of a second: a timer each would cost more
/// than most answers do.
final class SharedDeadlines: Sendable {
    private struct State {
        var next: UInt64 = 0
        var running: [UInt64: (deadline: NIODeadline, cancel: @Sendable () -> Void)] = [:]
        var isWatching = false
    }

    private let state = Mutex(State())

    /// How late a deadline may be noticed.
    static let step: Duration = .milliseconds(250)

    /// Runs `work` in a task that is cancelled at the deadline, or up to ``step`` later; it then has to return by itself.
    func run<Value: Sendable>(
        until deadline: NIODeadline, _ work: @escaping @Sendable () async -> Value
    ) async -> Value {
        let task = Task(operation: work)
        let number = watch(until: deadline) { task.cancel() }
        let value = await task.value
        state.withLock { $0.running[number] = nil }
        return value
    }

    private func watch(until deadline: NIODeadline, cancel: @escaping @Sendable () -> Void) -> UInt64 {
        let (number, isFirst) = state.withLock { state in
            state.next += 1
            state.running[state.next] = (deadline, cancel)
            defer { state.isWatching = true }
            return (state.next, !state.isWatching)
        }
        if isFirst { Task { await self.look() } }
        return number
    }

    private func look() async {
        while true {
            try? await Task.sleep(for: Self.step)  // throws on cancellation only, and nobody cancels
            let now = NIODeadline.now()
            let (late, isDone) = state.withLock { state in
                let late = state.running.filter { $0.value.deadline <= now }
                for number in late.keys { state.running[number] = nil }
                if state.running.isEmpty { state.isWatching = false }
                return (late.values.map(\.cancel), state.running.isEmpty)
            }
            for cancel in late { cancel() }
            if isDone { return }
        }
    }
}
