import Logging

/// Takes the jobs of sends to many forward, a page of each in turn, so that no job waits for another's end, and at most
/// at the pace of ``Limits/jobDevicesPerSecond``.
public final class JobWalker: Sendable {
    private let store: any BroadcastStore
    private let presence: PresenceBook
    private let limits: Limits
    private let clock: WallClock
    private let logger: Logger
    private let pushesMade: @Sendable () -> Void
    private let signal = WakeSignal()
    private let startedAt: Milliseconds

    /// Jobs that are walked side by side; those beyond wait for one to end.
    private static let jobsAtOnceMax = 32

    public init(
        store: any BroadcastStore, presence: PresenceBook, limits: Limits, clock: WallClock, logger: Logger,
        pushesMade: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.presence = presence
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.pushesMade = pushesMade
        startedAt = clock.now
    }

    /// There is a new job, or one has changed.
    public func wake() { signal.wake() }

    /// Runs until the task is cancelled.
    public func run() async {
        var pace = Pace(perSecond: limits.jobDevicesPerSecond)
        while !Task.isCancelled {
            do {
                if try await walkDueJobs(&pace) { continue }
            } catch {
                if Task.isCancelled { return }
                logger.warning("a send to many was put off", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: .milliseconds(500))
        }
    }

    /// One page of each due job. False when there was none.
    private func walkDueJobs(_ pace: inout Pace) async throws -> Bool {
        let due = try await store.dueJobs(at: clock.now, limit: Self.jobsAtOnceMax)
        var hasMoved = false
        for job in due where !Task.isCancelled {
            do {
                let step = try await store.advanceJob(job, at: clock.now, startedAt: startedAt) { [presence] in
                    presence.isConnected($0)
                }
                hasMoved = true
                if step.hasPushes { pushesMade() }
                await pace.wait(for: step.walked)
            } catch {
                // Only this one waits for the next round.
                logger.warning(
                    "a send to many was put off", metadata: ["job": "\(job.rawValue)", "error": "\(error)"])
            }
        }
        return hasMoved
    }
}

/// Spreads work over time: after so many units, how long to wait before the next.
struct Pace {
    let perSecond: Int
    private var free = ContinuousClock.now

    init(perSecond: Int) { self.perSecond = max(1, perSecond) }

    /// Counts `units` that were just done and waits until the next may begin, or the task is cancelled.
    mutating func wait(for units: Int) async {
        free = max(free, .now) + .seconds(1) * units / perSecond
        if free > .now { try? await Task.sleep(until: free) }  // throws on cancellation only
    }
}
