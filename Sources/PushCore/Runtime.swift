/// What the workers take from the machine they run on: measured time, chance, and where their tasks run. Handed in from
/// outside, so that a simulation can run them step by step, and the same way each time.
public struct Runtime: Sendable {
    private let readTime: @Sendable () -> ContinuousClock.Instant
    private let pause: @Sendable (Duration) async -> Void
    private let draw: @Sendable () -> UInt64
    private let executor: (any TaskExecutor)?

    /// - Parameters:
    ///   - now: a clock that only goes forward.
    ///   - sleep: returns after that long, or when its task is cancelled.
    ///   - random: any number, all of them equally often.
    ///   - executor: runs the tasks; nil = the pool that all tasks share.
    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: 0 ... .max) },
        executor: (any TaskExecutor)? = nil
    ) {
        readTime = now
        pause = sleep
        draw = random
        self.executor = executor
    }

    public static let system = Runtime(now: { .now })

    public var now: ContinuousClock.Instant { readTime() }

    /// Waits that long, or until the task is cancelled.
    func sleep(for length: Duration) async { await pause(length) }

    /// Starts a task that nothing cancels together with the one that starts it.
    @discardableResult
    func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: executor, operation: work)
    }

    /// As ``start(_:)``, for work that may fail.
    func startThrowing(_ work: @escaping @Sendable () async throws -> Void) -> Task<Void, any Error> {
        Task(executorPreference: executor, operation: work)
    }

    var generator: Generator { Generator(draw: draw) }

    struct Generator: RandomNumberGenerator {
        fileprivate let draw: @Sendable () -> UInt64

        mutating func next() -> UInt64 { draw() }
    }
}
