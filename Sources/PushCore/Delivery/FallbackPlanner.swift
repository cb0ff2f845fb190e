import Logging
import Synchronization

/// The second road's planner: presence chooses at once for devices that are away, the acknowledgement deadline decides
/// for the others. What it finds due is decided in the store (``FallbackRule``), where a push job or the reason against
/// one is written down.
public final class FallbackPlanner: Sendable {
    private enum Event: Sendable {
        case acknowledged(DeviceKey, AccountKey, seq: Int64)
        case disconnected([String])
        case doubtEnded
    }

    private let store: any DeliveryStore
    private let devices: any DeviceStore
    private let feed: EntryFeed
    private let presence: PresenceBook
    private let progress: DeliveryProgress
    private let limits: Limits
    private let clock: WallClock
    private let runtime: Runtime
    private let logger: Logger
    private let jobsMade: @Sendable () -> Void
    private let signal: WakeSignal
    private let events = Mutex<[Event]>([])
    private let start: ContinuousClock.Instant
    private let startedAt: Milliseconds

    /// Beyond this many undecided entries the planner stops reading: the log keeps them.
    private static let openEntriesMax = 1_000_000

    public init(
        store: any DeliveryStore, devices: any DeviceStore, feed: EntryFeed, presence: PresenceBook,
        progress: DeliveryProgress, limits: Limits, clock: WallClock, runtime: Runtime = .system, logger: Logger,
        jobsMade: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.devices = devices
        self.feed = feed
        self.presence = presence
        self.progress = progress
        self.limits = limits
        self.clock = clock
        self.runtime = runtime
        signal = WakeSignal(runtime: runtime)
        start = runtime.now
        self.logger = logger
        self.jobsMade = jobsMade
        startedAt = clock.now
        feed.listen { [signal] in signal.wake() }
        presence.onDisconnect { [weak self] gone in self?.post(.disconnected(gone)) }
    }

    // MARK: What others tell

    /// A device has stored everything up to `seq`; the cursor is on disk.
    public func acknowledged(_ device: DeviceKey, account: AccountKey, seq: Int64) {
        post(.acknowledged(device, account, seq: seq))
    }

    /// Presence is certain again: devices that did not come back are away.
    public func presenceDoubtEnded() { post(.doubtEnded) }

    private func post(_ event: Event) {
        events.withLock { $0.append(event) }
        if case .acknowledged = event { return }  // it only ends waits: the next tick is soon enough
        signal.wake()
    }

    // MARK: The loop

    /// Runs until the task is cancelled.
    public func run() async {
        var tracker = DeliveryTracker(mark: progress.current.decided, now: tick)
        var undecided: [DeliveryTracker.Due] = []
        // Devices that have gone, with their ids: their jobs that wait for a late acknowledgement are due.
        var late: [DeviceKey: String] = [:]
        // Ids of devices that wait while presence is in doubt: they are looked at again when it ends.
        var doubtful: [DeviceKey: String] = [:]
        while !Task.isCancelled {
            do {
                // What has arrived is looked at before deadlines fire.
                undecided += await handleEvents(&tracker, doubtful: &doubtful, late: &late)
                let hasMore = try await readEntries(&tracker, due: &undecided, doubtful: &doubtful)
                undecided += tracker.turned(to: tick)
                while !undecided.isEmpty {
                    let page = Array(undecided.prefix(500))
                    if try await store.decide(page.map { candidate($0) }, at: clock.now) { jobsMade() }
                    undecided.removeFirst(page.count)
                    tracker.decided(page)
                }
                // After the decisions, so that jobs made just now are among them.
                // Who came back while the store was busy has the whole time again.
                let gone = late.filter { presence.connectedSince($0.value) == nil }.keys
                if try await store.hasten(gone.sorted { $0.rawValue < $1.rawValue }, at: clock.now) { jobsMade() }
                late.removeAll()
                progress.decided(tracker.mark)
                if hasMore { continue }
            } catch {
                if Task.isCancelled { return }
                logger.warning("fallback decisions were put off", metadata: ["error": "\(error)"])
                await runtime.sleep(for: .milliseconds(500))
            }
            await signal.wait(atMost: .milliseconds(250))
        }
    }

    private var tick: DeliveryTracker.Tick { elapsedMilliseconds * DeliveryTracker.ticksPerSecond / 1000 }

    private var elapsedMilliseconds: Int64 { start.duration(to: runtime.now).milliseconds }

    private func candidate(_ due: DeliveryTracker.Due) -> FallbackCandidate {
        FallbackCandidate(
            device: due.device, account: due.account, message: due.message, seq: due.seq, notBefore: due.notBefore)
    }

    private func handleEvents(
        _ tracker: inout DeliveryTracker, doubtful: inout [DeviceKey: String], late: inout [DeviceKey: String]
    ) async -> [DeliveryTracker.Due] {
        let arrived = events.withLock { events in
            defer { events.removeAll(keepingCapacity: true) }
            return events
        }
        var due: [DeliveryTracker.Due] = []
        for event in arrived {
            switch event {
            case .acknowledged(let device, let account, let seq):
                tracker.acknowledged(device, account: account, seq: seq)
            case .disconnected(let gone):
                for deviceID in gone {
                    // Not known any more, or not to be read just now: the deadline decides.
                    guard case .active(let identity) = try? await devices.lookUp(deviceID: deviceID) else { continue }
                    // It came back before its going was looked at: what is tracked by now was sent to a device that is there.
                    guard presence.connectedSince(deviceID) == nil else { continue }
                    due += tracker.disconnected(identity.key, account: identity.account.key)
                    late[identity.key] = deviceID
                }
            case .doubtEnded:
                let waiting = doubtful
                doubtful.removeAll()
                due += tracker.reviewed { key in waiting[key].map { !presence.isConnected($0) } ?? false }
            }
        }
        return due
    }

    /// Reads the next entries. True when there may be more at once.
    private func readEntries(
        _ tracker: inout DeliveryTracker, due: inout [DeliveryTracker.Due], doubtful: inout [DeviceKey: String]
    ) async throws -> Bool {
        guard tracker.openCount < Self.openEntriesMax else { return false }
        let batches: [CommittedEntries]
        switch feed.batches(after: tracker.last, entriesLimit: 2000) {
        case .nothingNew: return false
        case .batches(let found): batches = found
        case .behind: batches = try await store.entries(after: tracker.last, limit: 2000)
        }
        for batch in batches {
            let accounts = try await store.devices(ofEntries: batch.entries)
            for entry in batch.entries {
                due += track(
                    entry, of: batch.message, account: accounts[entry.account], in: &tracker, doubtful: &doubtful)
            }
        }
        return !batches.isEmpty
    }

    private func track(
        _ entry: InboxEntry, of message: ArchivedMessage, account: AccountDevices?,
        in tracker: inout DeliveryTracker, doubtful: inout [DeviceKey: String]
    ) -> [DeliveryTracker.Due] {
        // The sender's own account, events and later revisions are never pushed; nothing is written down for what
        // follows from the entry itself.
        guard let account, !entry.flags.contains(.own), !message.type.isEvent, entry.revision == 0 else {
            return tracker.archived(entry, waiting: [], due: [])
        }
        var waiting: [DeliveryTracker.Waiting] = []
        var due: [DeliveryTracker.DueDevice] = []
        for device in account.devices where device.startSeq < entry.seq {
            guard message.push.policy != .always, presence.isConnected(device.deviceID) else {
                due.append(.init(device: device.key, notBefore: nil))
                continue
            }
            let allowed = FallbackRule.deadline(
                for: message, isInBackground: presence.isInBackground(device.deviceID), limits: limits)
            if allowed > limits.longestWheelDelay {
                // A place on disk instead of one in memory: the job asks for the acknowledgement again when it is due.
                due.append(.init(device: device.key, notBefore: archived(message) + allowed.milliseconds))
            } else {
                waiting.append(.init(device: device.key, deadline: deadline(of: message, allowed: allowed)))
                if presence.isInDoubt { doubtful[device.key] = device.deviceID }
            }
        }
        return tracker.archived(entry, waiting: waiting, due: due)
    }

    /// When it was archived. Server times never go back: after a clock that was ahead for a moment they stay ahead, and a
    /// device would have years to acknowledge.
    private func archived(_ message: ArchivedMessage) -> Milliseconds { min(message.serverTime, clock.now) }

    /// The tick at which this calendar time is over, measured from now on. What was archived before this gateway
    /// started gets its whole time again: its devices have to come back first.
    private func deadline(of message: ArchivedMessage, allowed: Duration) -> DeliveryTracker.Tick {
        let began = max(archived(message), min(startedAt, clock.now))
        let left = max(0, began + allowed.milliseconds - clock.now)
        // Rounded up from the exact time: a device never has less than was promised.
        return ((elapsedMilliseconds + left) * DeliveryTracker.ticksPerSecond + 999) / 1000
    }
}

extension Duration {
    /// Whole milliseconds.
    public var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
