import CLinux
import Glibc

/// Gives memory back to the system when the gateway rests after work: the store's copies of pages, which the system
/// has too, and what the allocator keeps of what was freed. Otherwise it stays as large as its busiest minute.
struct IdleMemory: Sendable {
    private static let lookEvery: Duration = .seconds(1)

    /// Lets go of what can be read again.
    let releaseCaches: @Sendable () -> Void

    /// Until the task is cancelled.
    func run() async {
        var rest = RestDetector()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.lookEvery)  // throws on cancellation only
            guard rest.look(cpuSeconds: Self.cpuSeconds) else { continue }
            releaseCaches()
            malloc_trim(0)
        }
    }

    /// Of this process, with what the system did for it.
    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Says when a process rests after work, from the CPU time it has used at each of several looks.
struct RestDetector {
    /// CPU seconds between two looks, below which there was rest.
    static let restMax = 0.1
    /// So many looks of rest, one after the other, are rest after work.
    static let looksOfRest = 3
    /// CPU seconds since the last rest; less leaves nothing behind that is worth a search.
    static let workMin = 0.5

    private var before: Double?
    private var work = 0.0
    private var restingLooks = 0

    /// - Returns: true once after each stretch of work.
    mutating func look(cpuSeconds: Double) -> Bool {
        let used = cpuSeconds - (before ?? 0)
        before = cpuSeconds
        work += used
        restingLooks = used < Self.restMax ? restingLooks + 1 : 0
        guard restingLooks >= Self.looksOfRest, work >= Self.workMin else { return false }
        work = 0
        return true
    }
}
