import PushGateClient
import Synchronization

/// One simulated device that behaves badly, and tells the ledger what it hands over.
final class TortureDevice: Sendable {
    enum Behaviour: Sendable, CaseIterable {
        case good
        /// Vanishes without closing, or says goodbye, and comes back; or connects anew before the old connection has
        /// ended, as a phone does that switches networks.
        case wanders
        /// Stops reading for seconds at a time.
        case readsSlowly
        case neverAcknowledges
        /// Never connects.
        case away

        var connects: Bool { self != .away }

        /// Of one person's devices. Who is away has one device.
        static func choose(_ count: Int, _ random: inout SeededRandom) -> [Behaviour] {
            (0..<count).map { _ in
                switch Double.random(in: 0..<1, using: &random) {
                case ..<0.15: .wanders
                case ..<0.23: .readsSlowly
                case ..<0.29: .neverAcknowledges
                case ..<0.43 where count == 1: .away
                default: .good
                }
            }
        }
    }

    let index: Int
    let session: DeviceSession
    let behaviour: Behaviour
    private let loop: ClientLoop
    private let ledger: LedgerPipe
    private let state: Mutex<State>

    private struct State {
        var client: DeviceClient?
        /// What a client of an earlier generation hears was not received.
        var generation = 0
        /// The highest number handed over, one after the other.
        var last: Int64 = 0
        var lastBroadcast: Int64 = 0
        var rewinds = 0
        /// Of clients that are gone.
        var repeats: Int64 = 0
        var missing: Int64 = 0
        var isAway = false
        var comings = Comings()
        var random: SeededRandom
    }

    /// How often it went away and came back.
    struct Comings: Sendable {
        var left = 0
        var switched = 0
    }
    var comings: Comings { state.withLock { $0.comings } }

    init(
        index: Int, session: DeviceSession, behaviour: Behaviour, loop: ClientLoop, ledger: LedgerPipe,
        random: SeededRandom
    ) {
        self.index = index
        self.session = session
        self.behaviour = behaviour
        self.loop = loop
        self.ledger = ledger
        state = Mutex(State(random: random))
    }

    private var client: DeviceClient? { state.withLock { $0.client } }
    var isConnected: Bool { client?.isConnected ?? false }
    /// The highest numbers handed over.
    var last: Int64 { state.withLock { $0.last } }
    var lastBroadcast: Int64 { state.withLock { $0.lastBroadcast } }

    // MARK: Connecting

    private func makeClient(_ state: State) -> DeviceClient {
        var options = DeviceClient.Options()
        options.acknowledgement = behaviour == .neverAcknowledges ? .never : .automatic
        options.repeatAfter = .seconds(2)
        options.requestTimeout = .seconds(15)
        options.keepAliveSeconds = 30
        options.reconnectMaximum = .seconds(2)
        options.requestsWaitingMax = 500
        let store = MemoryStore()
        store.save(LocalPosition(account: session.account, seq: state.last, broadcastSeq: state.lastBroadcast))
        options.store = store
        let generation = state.generation
        return DeviceClient(session, loop: loop, options: options) { [weak self] _, event in
            try self?.handle(event, generation)
        }
    }

    private struct NotNow: Error {}

    private func handle(_ event: DeviceEvent, _ generation: Int) throws {
        switch event {
        case .entry(let entry):
            if behaviour == .readsSlowly, pausesNow { throw NotNow() }
            try state.withLock { state in
                guard generation == state.generation else { throw NotNow() }
                let seq = entry.seq ?? 0
                switch entry.channel {
                case .inbox: state.last = max(state.last, seq)
                case .broadcast: state.lastBroadcast = max(state.lastBroadcast, seq)
                }
                if let message = Ledger.message(of: entry.id) {
                    ledger.tell(
                        .received(
                            device: index, message: message, revision: entry.revision, seq: seq,
                            form: EntryForm(entry)))
                } else if entry.type == .messageRevoked,
                    let message = entry.content?["messageId"]?.string.flatMap(Ledger.message(of:))
                {
                    ledger.tell(.withdrawn(device: index, message: message))
                }
            }
        case .rewound: state.withLock { $0.rewinds += 1 }
        default: break
        }
    }

    /// Four of eight seconds.
    private var pausesNow: Bool {
        let seconds = ContinuousClock.now.duration(to: Self.origin).components.seconds
        return (abs(seconds) + Int64(index)) % 8 < 4
    }
    private static let origin = ContinuousClock.now

    func comeOnline() throws {
        let client = state.withLock { state -> DeviceClient in
            state.isAway = false
            if let client = state.client { return client }
            let client = makeClient(state)
            state.client = client
            return client
        }
        do {
            try client.connect()
        } catch DeviceClientError.alreadyConnected {
            // A takeover was quicker.
        }
    }

    func leave(sendsDisconnect: Bool) async {
        state.withLock { $0.isAway = true }
        await client?.disconnect(sendsDisconnect: sendsDisconnect)
    }

    /// A second connection of the same device takes the session from the first one.
    func takeOver() async throws {
        let (old, new) = state.withLock { state -> (DeviceClient?, DeviceClient?) in
            guard let old = state.client, !state.isAway else { return (nil, nil) }
            state.generation += 1
            let new = makeClient(state)
            state.client = new
            return (old, new)
        }
        guard let old, let new else { return }
        try new.connect()
        try? await Task.sleep(for: .milliseconds(300))  // cancelled: the old one has to end all the same
        await old.disconnect(sendsDisconnect: false)
        let counters = old.counters
        state.withLock { state in
            state.repeats += counters.repeats
            state.missing += counters.missing
        }
    }

    /// Goes and comes back until it is cancelled.
    func wander() async {
        while !Task.isCancelled {
            let (stay, pause, vanishes, switches) = state.withLock { state in
                (
                    state.random.duration(3...15), state.random.duration(0.2...10), state.random.chance(0.7),
                    state.random.chance(0.3)
                )
            }
            do {
                try await Task.sleep(for: stay)
                if switches {
                    try await takeOver()
                    state.withLock { $0.comings.switched += 1 }
                } else {
                    await leave(sendsDisconnect: !vanishes)
                    state.withLock { $0.comings.left += 1 }
                    try await Task.sleep(for: pause)
                    try comeOnline()
                }
            } catch {
                return  // the run is over: whoever ends it brings the device back
            }
        }
    }

    // MARK: Sending

    /// - Throws: `GatewayProblem` where it was refused, anything else where that is not known.
    func send(_ message: OutgoingMessage) async throws {
        guard let client, client.isConnected else { throw DeviceClientError.disconnected }
        try await client.send(message)
    }

    /// - Throws: as ``send(_:)``.
    func change(_ message: String, _ change: TortureChange) async throws {
        guard let client, client.isConnected else { throw DeviceClientError.disconnected }
        switch change {
        case .edit(let content):
            _ = try await client.request("update", ["id": .string(message), "content": content])
        case .revoke: _ = try await client.request("revoke", ["id": .string(message)])
        }
    }

    func tellPosition() {
        let line = state.withLock { state -> LedgerLine in
            let counters = state.client?.counters ?? DeviceCounters()
            return .position(
                device: index, last: state.last, lastBroadcast: state.lastBroadcast,
                repeats: state.repeats + counters.repeats,
                missing: state.missing + counters.missing, rewinds: state.rewinds)
        }
        ledger.tell(line)
    }
}
