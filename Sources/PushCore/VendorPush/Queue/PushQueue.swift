import Logging
import Synchronization

/// The second road: takes due push jobs from disk, builds each push when it is sent, hands it to its vendor, and
/// decides what the vendor's answer means. Retry, removal of tokens and pace are here and nowhere else.
///
/// A job's way: on disk → claimed into its lane's backlog (``LaneBook``) → read and built (``PushPreparation``) → in a
/// vendor request → its answer read (``AnswerReading``) → written down (``OutcomeRecorder``).
///
/// A ``Lane`` is one credential of one vendor. Lanes do not wait for each other: each has its own requests under way,
/// its own pauses and its share of the room, and takes no more jobs from disk than it can send.
public final class PushQueue: Sendable {
    let store: any DeliveryStore
    let catalog: any VendorCatalog
    let tenants: @Sendable (TenantKey) -> Tenant?
    let limits: Limits
    let clock: WallClock
    let runtime: Runtime
    let retries: RetryPolicy
    let logger: Logger
    let signal: WakeSignal
    let book: LaneBook
    let recorder: OutcomeRecorder
    let budgets: BudgetBook
    /// nil: tokens are called dead whatever their number.
    let tokenGuard: TokenGuard?
    let barrier = ChangeBarrier()
    let counts = Mutex(PushCounters())
    let settingsReading = SettingsReading()
    private let times = Mutex(Times())

    private struct Times {
        /// When a lane without a sender last made the settings be read again.
        var healedAt: ContinuousClock.Instant?
        var sweptAt: ContinuousClock.Instant?
        /// Calendar time at the last turn.
        var clock: Milliseconds?
        /// It was said that the clock is wrong, and it still is.
        var isClockDoubted = false
    }

    /// A clock that is corrected by less than this makes nobody wait noticeably longer.
    private static let clockStepNoticed: Milliseconds = 1000

    /// A claimed job is nobody else's for this long after a crash; a start frees it at once.
    private static let leaseMilliseconds: Milliseconds = 60_000
    private static let healingPause: Duration = .seconds(60)
    private static let sweepPause: Duration = .seconds(5)
    private static let sweptMax = 500
    private static let idlePause: Duration = .seconds(1)

    public convenience init(
        store: any DeliveryStore, catalog: any VendorCatalog, tenants: @escaping @Sendable (TenantKey) -> Tenant?,
        limits: Limits, clock: WallClock, runtime: Runtime = .system, logger: Logger,
        budgets: BudgetBook = BudgetBook(), tokenGuard: TokenGuard? = nil
    ) {
        self.init(
            store: store, catalog: catalog, tenants: tenants, limits: limits, clock: clock,
            runtime: runtime, retries: RetryPolicy(limits: limits, runtime: runtime), logger: logger,
            budgets: budgets, tokenGuard: tokenGuard)
    }

    init(
        store: any DeliveryStore, catalog: any VendorCatalog, tenants: @escaping @Sendable (TenantKey) -> Tenant?,
        limits: Limits, clock: WallClock, runtime: Runtime,
        retries: RetryPolicy, logger: Logger, budgets: BudgetBook = BudgetBook(), tokenGuard: TokenGuard? = nil
    ) {
        self.budgets = budgets
        self.tokenGuard = tokenGuard
        self.store = store
        self.catalog = catalog
        self.tenants = tenants
        self.limits = limits
        self.clock = clock
        self.runtime = runtime
        self.retries = retries
        self.logger = logger
        let book = LaneBook(jobsMax: limits.pushJobsInMemoryMax)
        let signal = WakeSignal(runtime: runtime)
        self.signal = signal
        self.book = book
        recorder = OutcomeRecorder(
            store: store, clock: clock, runtime: runtime, logger: logger,
            written: { jobs in if book.release(jobs) { signal.wake() } })
    }

    func monotonic() -> ContinuousClock.Instant { runtime.now }

    /// There are new jobs.
    public func wake() { signal.wake() }

    /// Devices or messages have changed on disk. Returns when every push that may have been read before has begun or
    /// was given up: from then on no request begins on what was true before.
    public func devicesChanged() async { await barrier.settle() }

    // MARK: The loop

    /// Runs until the task is cancelled; then nothing new begins, and what is under way ends first.
    public func run() async {
        while !Task.isCancelled {
            var pause = Self.idlePause
            do {
                pause = try await turn()
            } catch is CancellationError {
                break
            } catch {
                logger.warning("push jobs could not be read", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: pause)
        }
        await finish()
    }

    /// Claims what is due in every lane with room for it. Returns how long nothing else will be due.
    func turn() async throws -> Duration {
        try await lookAtClock()
        guard isClockBelieved else { return Self.idlePause }
        freeHeldBack()
        startPumps()
        let due = try await store.lanesWithJobs()
        let (now, instant) = (clock.now, monotonic())
        var generator = runtime.generator
        let lanes = due.filter { $0.value <= now }.map(\.key).sorted().shuffled(using: &generator)
        let claims = book.claims(for: lanes, now: instant)
        if !claims.claims.isEmpty {
            let jobs = try await store.claimJobs(
                claims.claims, besides: claims.held, now: now, leaseUntil: now + Self.leaseMilliseconds)
            release(book.claimed(jobs, by: claims.claims))
            // A pause of a device is not known to the disk: what was claimed for it goes back until it is over.
            freeHeldBack()
            startPumps()
        }
        if claims.isAnyUnknown { try await heal() }
        try await sweep()
        return pause(until: due.values.filter { $0 > now }.min(), now: now)
    }

    /// Jobs on disk are due at a time of the calendar: written while the clock was ahead they would wait for it.
    private func lookAtClock() async throws {
        let now = clock.now
        if let last = times.withLock({ $0.clock }), now < last - Self.clockStepNoticed {
            logger.warning("the clock was set back", metadata: ["milliseconds": "\(last - now)"])
            try await store.clockWentBack(to: now)
        }
        let isDoubted = !isClockBelieved
        let isNew = times.withLock { times in
            defer { (times.clock, times.isClockDoubted) = (now, isDoubted) }
            return isDoubted && !times.isClockDoubted
        }
        if isNew {
            logger.error("the clock is wrong: pushes wait until it is right", metadata: ["milliseconds": "\(now)"])
        }
    }

    /// A clock far behind signs requests that vendors refuse for good.
    var isClockBelieved: Bool { clock.now >= limits.clockBelievedFrom }

    /// Until a job is due or a lane may go on, but at most a second.
    private func pause(until nextDue: Milliseconds?, now: Milliseconds) -> Duration {
        let instant = monotonic()
        var pause = Self.idlePause
        if let nextDue { pause = min(pause, .milliseconds(nextDue - now)) }
        book.withEachLane { lane in
            if let next = lane.next(after: instant) { pause = min(pause, next - instant) }
        }
        return max(pause, .milliseconds(1))
    }

    /// Jobs wait on a lane without a sender: its settings could not be read before, or not be used.
    private func heal() async throws {
        let now = monotonic()
        guard times.withLock({ $0.healedAt.map { now - $0 > Self.healingPause } ?? true }) else { return }
        try await reloadSettings()
        times.withLock { $0.healedAt = now }
    }

    /// Ends what waits on lanes that do not recover in time.
    private func sweep() async throws {
        let now = monotonic()
        guard times.withLock({ $0.sweptAt.map { now - $0 >= Self.sweepPause } ?? true }) else { return }
        var words: [Int64: VendorReply] = [:]
        book.withEachLane { lane in
            if let opening = lane.circuit.opening { words[lane.settings.lane] = opening.reply }
        }
        let ended = try await store.expireJobs(limit: Self.sweptMax, words: words, at: clock.now)
        // More of them may wait.
        if ended < Self.sweptMax { times.withLock { $0.sweptAt = now } } else { signal.wake() }
    }

    // MARK: The end

    private static let finishWithin: Duration = .seconds(12)

    /// What is under way ends and is written down; the rest stays on disk.
    private func finish() async {
        let deadline = monotonic() + Self.finishWithin
        release(book.stop())
        while !book.isQuiet || !recorder.isIdle, monotonic() < deadline {
            // Cancellation does not end this wait: the requests have their own ten seconds.
            await runtime.start { await self.signal.wait(atMost: .milliseconds(100)) }.value
        }
        for sender in book.takeAll() { await sender.shutdown() }
    }
}
