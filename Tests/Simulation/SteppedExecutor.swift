/// Runs a gateway's tasks on the thread of the simulation, one job at a time and in the order that the seed picks.
///
/// `@unchecked`: as everything of a simulation it is used by one thread alone.
final class SteppedExecutor: TaskExecutor, @unchecked Sendable {
    private var ready: [UnownedJob] = []

    func enqueue(_ job: consuming ExecutorJob) { ready.append(UnownedJob(job)) }

    var readyCount: Int { ready.count }

    func run(_ index: Int) {
        ready.swapAt(index, ready.count - 1)
        ready.removeLast().runSynchronously(on: asUnownedTaskExecutor())
    }
}

/// Sleeps of a gateway's tasks, which end when the simulation says so: at their time, or late, as on a busy machine.
final class SteppedSleeps: @unchecked Sendable {
    private struct Sleeper {
        let number: UInt64
        let until: Int64
        let continuation: UnsafeContinuation<Void, Never>
    }

    private var sleepers: [Sleeper] = []
    private var lastNumber: UInt64 = 0
    /// Nobody sleeps any more.
    var isOver = false

    /// Until that time in milliseconds, or until the task is cancelled.
    func sleep(until time: Int64) async {
        guard !isOver, !Task.isCancelled else { return }
        lastNumber += 1
        let number = lastNumber
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                guard !Task.isCancelled, !isOver else { return continuation.resume() }
                sleepers.append(Sleeper(number: number, until: time, continuation: continuation))
            }
        } onCancel: {
            guard let index = sleepers.firstIndex(where: { $0.number == number }) else { return }
            sleepers.remove(at: index).continuation.resume()
        }
    }

    var next: Int64? { sleepers.lazy.map(\.until).min() }

    /// Wakes those whose time has come.
    func wake(at now: Int64) {
        var index = 0
        while index < sleepers.count {
            if sleepers[index].until <= now {
                sleepers.remove(at: index).continuation.resume()
            } else {
                index += 1
            }
        }
    }

    func wakeAll() {
        let all = sleepers
        sleepers = []
        for sleeper in all { sleeper.continuation.resume() }
    }
}
