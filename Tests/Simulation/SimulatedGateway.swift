import Logging
import PushCore

/// One process of the gateway: the real workers, wired as `serve` wires them, on what the simulation gives them.
final class SimulatedGateway: @unchecked Sendable {
    let executor = SteppedExecutor()
    let sleeps = SteppedSleeps()
    let store: SimulatedStore
    let feed: EntryFeed
    let presence = PresenceBook()
    let progress: DeliveryProgress
    let dispatcher: Dispatcher
    let planner: FallbackPlanner
    let queue: PushQueue
    /// The last seq that was handed to the broker, by account.
    var published: [Int64]
    /// The steady time from which on devices that are not connected are known to be away.
    var doubtEnds: Int64?
    var doubt = 0
    private var tasks: [Task<Void, Never>] = []

    private static let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }

    init(_ world: World) {
        let (sleeps, logger, limits) = (sleeps, Self.logger, world.limits)
        let runtime = Runtime(
            now: { world.instant },
            sleep: { length in await sleeps.sleep(until: world.steady + max(1, length.milliseconds)) },
            random: { world.random.next() }, executor: executor)
        let clock = WallClock { world.wall }
        store = SimulatedStore(world, sleeps: sleeps)
        published = world.disk.heads.map { _ in 0 }
        feed = EntryFeed(head: Int64(world.disk.entries.count), entriesMax: limits.feedEntriesMax)
        progress = DeliveryProgress(
            marks: world.disk.marks, store: store, clock: clock, runtime: runtime, logger: logger)
        let budgets = BudgetBook()
        budgets.load(
            world.disk.ledger.sorted { ($0.key.day, $0.key.vendor.rawValue) < ($1.key.day, $1.key.vendor.rawValue) }
                .map { key, used in
                    BudgetRow(
                        tenant: SimulatedDisk.tenant.key, app: nil, vendor: key.vendor, day: key.day,
                        messageClass: key.messageClass, used: used)
                })
        let queue = PushQueue(
            store: store, catalog: SimulatedCatalog(world: world, sleeps: sleeps),
            tenants: { _ in SimulatedDisk.tenant }, limits: limits, clock: clock, runtime: runtime, logger: logger,
            budgets: budgets)
        self.queue = queue
        dispatcher = Dispatcher(
            store: store, feed: feed, publisher: SimulatedPublisher(world: world, sleeps: sleeps), progress: progress,
            limits: limits, clock: clock, runtime: runtime, logger: logger)
        planner = FallbackPlanner(
            store: store, devices: store, feed: feed, presence: presence, progress: progress, limits: limits,
            clock: clock, runtime: runtime, logger: logger, jobsMade: { queue.wake() })
    }

    func start() {
        let (queue, dispatcher, planner, progress, store) = (queue, dispatcher, planner, progress, store)
        let sleeps = sleeps
        let world = store.world
        tasks = [
            run { await dispatcher.run() }, run { await planner.run() }, run { await progress.run() },
            run {
                while !Task.isCancelled {
                    do {
                        try await store.releaseLeases(at: world.wall)
                        try await queue.reloadSettings()
                        break
                    } catch { await sleeps.sleep(until: world.steady + 100) }
                }
                await queue.run()
            },
        ]
    }

    @discardableResult
    func run(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: executor, operation: work)
    }

    /// Runs one job that is ready; false when none is.
    func step(_ world: World) -> Bool {
        let count = executor.readyCount
        guard count > 0 else { return false }
        executor.run(count == 1 ? 0 : world.random.below(count))
        return true
    }

    /// As `kill -9`: nothing of it reaches disk, broker or vendor any more.
    func end() {
        sleeps.isOver = true
        for task in tasks { task.cancel() }
    }

    /// Leads the tasks of a process that is gone to their ends, so that their memory is free.
    func bury(_ world: World) {
        end()
        var jobs = 0
        repeat {
            sleeps.wakeAll()
            while step(world), jobs < 100_000 { jobs += 1 }
        } while executor.readyCount > 0 && jobs < 100_000
        if jobs >= 100_000 { world.fault("a process that was ended goes on for ever") }
    }

    /// Asks it to stop, as SIGTERM does.
    func stop() { for task in tasks { task.cancel() } }
}
