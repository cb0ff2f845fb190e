import Logging
import Synchronization

/// Publishes what is on the tenants' broadcast channels, each channel in its order, and writes down what the broker
/// has. A crash in between publishes it again: receivers drop repeats by their place.
public final class BroadcastPublisher: Sendable {
    /// What became of the broadcasts under way.
    private struct Progress {
        var outstanding = 0
        var taken: [UnpublishedBroadcast] = []
        var lost: [UnpublishedBroadcast] = []

        /// What the broker has of each channel, up to the first that it did not get: the order is kept.
        var settled: [UnpublishedBroadcast] {
            taken.filter { done in
                !lost.contains { $0.tenant == done.tenant && $0.entry.seq < done.entry.seq }
            }
        }
    }

    private let store: any BroadcastStore
    private let publisher: any DownlinkPublisher
    private let limits: Limits
    private let clock: WallClock
    private let logger: Logger
    /// Told when broadcasts are on disk as published: their acknowledgement deadlines run.
    private let published: @Sendable () -> Void
    private let signal = WakeSignal()
    private let progress = Mutex(Progress())

    public init(
        store: any BroadcastStore, publisher: any DownlinkPublisher, limits: Limits, clock: WallClock, logger: Logger,
        published: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.publisher = publisher
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.published = published
        store.onBroadcast { [signal] in signal.wake() }
    }

    /// Runs until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                if try await publishNext() { continue }
            } catch {
                if Task.isCancelled { return }
                logger.warning("broadcasts were put off", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: .seconds(1))
        }
    }

    /// Publishes what waits and returns when the broker has it, or this is cancelled. False when there is nothing, or
    /// not all of it could be handed over.
    private func publishNext() async throws -> Bool {
        let waiting = try await store.unpublishedBroadcasts(limit: limits.broadcastsOutstandingMax)
        guard !waiting.isEmpty else { return false }
        // What could not be handed over is read again before the next try: it may have been revoked or edited by then.
        let areAllHandedOver = waiting.allSatisfy { publish($0) }
        var isCut = Task.isCancelled
        while progress.withLock({ $0.outstanding > 0 }), !isCut {
            // The broker is slow or away. The channel on disk is the queue: nothing else goes out before.
            await signal.wait(atMost: .seconds(1))
            isCut = Task.isCancelled
        }
        let (taken, areAnyLost) = progress.withLock { progress in
            defer { (progress.taken, progress.lost) = ([], []) }
            return (progress.settled, !progress.lost.isEmpty)
        }
        if !taken.isEmpty {
            try await store.published(taken, at: clock.now)
            published()
        }
        return areAllHandedOver && !areAnyLost && !isCut
    }

    /// Hands one to the broker's connection. False when that takes nothing now.
    private func publish(_ broadcast: UnpublishedBroadcast) -> Bool {
        let message = broadcast.entry.message
        let now = clock.now
        let payload = broadcast.entry.payload(now: now)
        let expiry = message.messageExpirySeconds(revision: broadcast.entry.revision, now: now)
        progress.withLock { $0.outstanding += 1 }
        let isTaken = publisher.publish(
            topic: Topics.broadcast(tenantNo: message.tenantNo), payload: payload, expirySeconds: expiry,
            account: Self.channelKey(of: broadcast.tenant)
        ) { [self] outcome in settle(broadcast, outcome) }
        if !isTaken { progress.withLock { $0.outstanding -= 1 } }
        return isTaken
    }

    /// A channel always takes the same connection, as an account does, so that it keeps its order.
    private static func channelKey(of tenant: TenantKey) -> AccountKey { AccountKey(rawValue: tenant.rawValue) }

    private func settle(_ broadcast: UnpublishedBroadcast, _ outcome: PublishOutcome) {
        if case .refused(let code) = outcome {
            logger.error(
                "the broker refused a broadcast",
                metadata: ["reasonCode": "\(code)", "message": "\(broadcast.entry.message.id)"])
        }
        progress.withLock { progress in
            progress.outstanding -= 1
            // Not handed over: it stays on the channel and is published again.
            if outcome == .lost { progress.lost.append(broadcast) } else { progress.taken.append(broadcast) }
        }
        signal.wake()
    }
}
