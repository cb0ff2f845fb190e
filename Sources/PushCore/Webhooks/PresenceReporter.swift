import Logging
import Synchronization

/// Tells tenants' services who comes and who goes (`device.online`, `device.offline`): in batches, and only for certain.
/// While presence is in doubt nobody is said to be gone; what happened while the gateway or the broker was down is told
/// once the doubt is over.
public final class PresenceReporter: Sendable {
    /// When a device last came and last went, of those that did since the last batch.
    private struct Moves {
        var cameAt: Milliseconds?
        var wentAt: Milliseconds?
    }

    private struct State {
        var pending: [String: Moves] = [:]
        var isDoubtOver = false

        mutating func note(_ deviceID: String, _ change: (inout Moves) -> Void) {
            guard pending.count < PresenceReporter.pendingMax || pending[deviceID] != nil else { return }
            change(&pending[deviceID, default: Moves()])
        }

        mutating func putBack(_ batch: [String: Moves]) {
            for (device, moves) in batch {
                let newer = pending[device]
                pending[device] = Moves(cameAt: newer?.cameAt ?? moves.cameAt, wentAt: newer?.wentAt ?? moves.wentAt)
            }
        }
    }

    private let state = Mutex(State())
    private let signal = WakeSignal()
    private let store: any PresenceEventStore
    private let presence: PresenceBook
    private let clock: WallClock
    private let logger: Logger

    /// Beyond this nobody is noted until the next batch; what is missed is told when presence is next in doubt.
    private static let pendingMax = 1_000_000
    private static let batchDevices = 1000
    private static let pause: Duration = .milliseconds(200)
    private static let failurePause: Duration = .seconds(1)

    public init(store: any PresenceEventStore, presence: PresenceBook, clock: WallClock, logger: Logger) {
        self.store = store
        self.presence = presence
        self.clock = clock
        self.logger = logger
    }

    /// Changes in the broker's order. Only hands on.
    public func note(_ changes: [PresenceChange]) {
        guard !store.webhooks().isEmpty else { return }
        state.withLock { state in
            for change in changes {
                switch change {
                case .connected(let connection): state.note(connection.deviceID) { $0.cameAt = connection.at }
                case .disconnected(let connection): state.note(connection.deviceID) { $0.wentAt = connection.at }
                }
            }
        }
        signal.wake()
    }

    /// From here on, who is not in the book is away.
    public func doubtEnded() {
        state.withLock { $0.isDoubtOver = true }
        signal.wake()
    }

    /// Runs until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            await signal.wait(atMost: .seconds(60))
            do {
                try await report()
                try? await Task.sleep(for: Self.pause)  // throws on cancellation only
            } catch {
                if Task.isCancelled { return }
                logger.notice("who came and went was not recorded", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: Self.failurePause)  // throws on cancellation only
                signal.wake()
            }
        }
    }

    // MARK: Batches

    /// Records what is certain. What could not be written is noted again.
    func report() async throws {
        try await reportPending()
        // Afterwards: who was seen to go is not missed once more.
        if state.withLock({ $0.isDoubtOver }), !presence.isInDoubt {
            try await compare()
            state.withLock { $0.isDoubtOver = false }
        }
    }

    private func reportPending() async throws {
        while !Task.isCancelled {
            let batch = take()
            if batch.isEmpty { return }
            do {
                try await store.recordPresence(batch.flatMap { changes(of: $0.key, $0.value) })
            } catch {
                state.withLock { $0.putBack(batch) }
                throw error
            }
        }
    }

    /// In doubt only those who are there for certain; the others stay noted.
    private func take() -> [String: Moves] {
        let isInDoubt = presence.isInDoubt
        return state.withLock { state in
            var batch: [String: Moves] = [:]
            for (device, moves) in state.pending {
                if batch.count == Self.batchDevices { break }
                if isInDoubt, presence.connectedSince(device) == nil { continue }
                batch[device] = moves
            }
            for device in batch.keys { state.pending[device] = nil }
            return batch
        }
    }

    /// A connection that took another's place is no news; one that came and went is two.
    private func changes(of device: String, _ moves: Moves) -> [PresenceChange] {
        var changes: [PresenceChange] = []
        if let at = moves.cameAt {
            changes.append(.connected(DeviceConnection(connection: 0, deviceID: device, at: at)))
        }
        if let at = moves.wentAt, presence.connectedSince(device) == nil {
            changes.append(.disconnected(DeviceConnection(connection: 0, deviceID: device, at: at)))
        }
        return changes
    }

    /// What was told, and what is: after a start of the gateway or the broker.
    private func compare() async throws {
        guard !store.webhooks().isEmpty else { return }
        let there = presence.connectedDevices
        var last: String?
        repeat {
            let told = try await store.devicesToldOnline(after: last, limit: Self.batchDevices)
            last = told.count < Self.batchDevices ? nil : told.last
            let gone = told.filter { there[$0] == nil }
            let at = clock.now
            try await store.recordPresence(
                gone.map { .disconnected(DeviceConnection(connection: 0, deviceID: $0, at: at)) })
        } while last != nil && !Task.isCancelled
        var came: [PresenceChange] = []
        for (device, since) in there {
            came.append(.connected(DeviceConnection(connection: 0, deviceID: device, at: since)))
            guard came.count == Self.batchDevices else { continue }
            try await store.recordPresence(came)
            came.removeAll(keepingCapacity: true)
        }
        try await store.recordPresence(came)
    }
}
