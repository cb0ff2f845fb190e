import Logging
import Synchronization

/// The first road: publishes every committed entry to its account's topic, in log order, from the mark on disk.
///
/// Entries are published whether or not a device seems connected: presence may lag behind a device that has just
/// subscribed, and a publish to nobody costs the broker little. Accounts without any device are left out.
public final class Dispatcher: Sendable {
    private let store: any DeliveryStore
    private let feed: EntryFeed
    private let publisher: any DownlinkPublisher
    private let progress: DeliveryProgress
    private let limits: Limits
    private let clock: WallClock
    private let runtime: Runtime
    private let logger: Logger
    private let signal: WakeSignal
    private let flight: Mutex<Flight>

    private struct Flight {
        var window: PositionWindow
        /// The next publish waits until one that is under way has ended. Only then is an end worth waking for.
        var isAwaited = false
    }

    public init(
        store: any DeliveryStore, feed: EntryFeed, publisher: any DownlinkPublisher, progress: DeliveryProgress,
        limits: Limits, clock: WallClock, runtime: Runtime = .system, logger: Logger
    ) {
        self.store = store
        self.feed = feed
        self.publisher = publisher
        self.progress = progress
        self.limits = limits
        self.clock = clock
        self.runtime = runtime
        self.logger = logger
        flight = Mutex(Flight(window: PositionWindow(mark: progress.current.dispatched)))
        let signal = WakeSignal(runtime: runtime)
        self.signal = signal
        feed.listen { signal.wake() }
    }

    /// Runs until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                if try await publishNext() { continue }
            } catch {
                if Task.isCancelled { return }
                logger.warning("entries could not be read for dispatch", metadata: ["error": "\(error)"])
                await runtime.sleep(for: .seconds(1))
                continue
            }
            await signal.wait(atMost: .seconds(5))
        }
    }

    /// Publishes what the feed or the log has next. False when there is nothing new.
    private func publishNext() async throws -> Bool {
        let last = flight.withLock { $0.window.last }
        let batches: [CommittedEntries]
        switch feed.batches(after: last, entriesLimit: 1000) {
        case .nothingNew: return false
        case .batches(let found): batches = found
        case .behind: batches = try await store.entries(after: last, limit: 1000)
        }
        guard !batches.isEmpty else { return false }
        for batch in batches {
            try await publish(batch)
            if Task.isCancelled { return true }
        }
        return true
    }

    private func publish(_ batch: CommittedEntries) async throws {
        let accounts = try await store.devices(ofEntries: batch.entries)
        guard accounts.values.contains(where: { !$0.devices.isEmpty }) else {
            for entry in batch.entries { append(entry.position, waitingFor: 0) }
            return
        }
        var rendering = await rendering(of: batch)
        for entry in batch.entries {
            guard let account = accounts[entry.account], !account.devices.isEmpty else {
                append(entry.position, waitingFor: 0)
                continue
            }
            append(entry.position, waitingFor: 1)
            await publish(entry, of: batch, to: account.account.id, &rendering)
        }
    }

    /// The message as it is now: what the batch says, or what the store says where that may have changed.
    private func rendering(of batch: CommittedEntries) async -> EntryRendering {
        while true {
            let changeCount = feed.changeCount
            let revision = batch.entries.first?.revision ?? batch.message.revision
            guard let first = batch.entries.first, !Task.isCancelled,
                feed.mayHaveChanged(batch.message.key, at: first.position)
            else { return EntryRendering(batch.message, revision: revision, changeCount: changeCount, now: clock.now) }
            do {
                let current = try await store.current(batch.message.key, for: batch.entries.map(\.account))
                return EntryRendering(
                    current?.message ?? batch.message, revision: revision, burned: current?.burned ?? [],
                    changeCount: changeCount, now: clock.now)
            } catch {
                if Task.isCancelled { continue }
                logger.warning("a changed message could not be read", metadata: ["error": "\(error)"])
                await runtime.sleep(for: .seconds(1))
            }
        }
    }

    private func append(_ position: Int64, waitingFor count: Int) {
        let mark = flight.withLock { flight in
            flight.window.append(position, waitingFor: count)
            return flight.window.mark
        }
        progress.dispatched(mark)
    }

    /// - Parameter rendering: brought up to date before each try, for the wait between two may be long.
    private func publish(
        _ entry: InboxEntry, of batch: CommittedEntries, to account: String, _ rendering: inout EntryRendering
    ) async {
        let topic = Topics.inbox(account: account)
        while !Task.isCancelled {
            if hasRoom() {
                if feed.changeCount != rendering.changeCount { rendering = await self.rendering(of: batch) }
                if Task.isCancelled { return }
                if let renewed = rendering.renewed(by: clock) { rendering = renewed }
                let (payload, expiry) = rendering.payload(of: entry, account: account)
                let isTaken = publisher.publish(
                    topic: topic, payload: payload, expirySeconds: expiry, account: entry.account
                ) { [self] outcome in settle(entry, outcome) }
                if isTaken { return }
            }
            // The broker is slow or away. The archive is the queue: wait here, nothing is lost.
            await signal.wait(atMost: .milliseconds(200))
        }
    }

    private func hasRoom() -> Bool {
        flight.withLock { flight in
            flight.isAwaited = flight.window.count > limits.publishesOutstandingMax
            return !flight.isAwaited
        }
    }

    private func settle(_ entry: InboxEntry, _ outcome: PublishOutcome) {
        switch outcome {
        case .lost: return  // not handed over: the mark stays below it, and the next start publishes it again
        case .refused(let code):
            logger.error(
                "the broker refused a delivery", metadata: ["reasonCode": "\(code)", "position": "\(entry.position)"])
        case .taken, .nobodySubscribed: break
        }
        let (mark, isAwaited) = flight.withLock { flight in
            flight.window.settle(entry.position)
            // With room for some: woken for each, it would sleep again after each.
            let hasRoom = flight.window.count <= limits.publishesOutstandingMax / 8 * 7
            return (flight.window.mark, flight.isAwaited && hasRoom)
        }
        progress.dispatched(mark)
        if isAwaited { signal.wake() }
    }
}
