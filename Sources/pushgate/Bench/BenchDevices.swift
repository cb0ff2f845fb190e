import PushGateClient
import Synchronization

/// Devices of users `user0`, `user1` …, one each, in this process: real clients that receive, acknowledge and catch up.
/// What arrives goes to the ledger of the moment.
final class BenchDevices: Sendable {
    /// Who counts now, and which messages are its: `prefix` and a number.
    struct Counting: Sendable {
        let prefix: String
        let ledger: DeliveryLedger
    }

    let clients: [DeviceClient]
    let sessions: [DeviceSession]
    private let loop: ClientLoop
    private let arrivals: Arrivals

    static func user(_ number: Int) -> String { "user\(number)" }

    /// One device for each, in its user's name.
    static func uniqueCode(_ number: Int) -> String { "bench-\(number)" }

    /// Registers `count` devices, or those that the loader has registered: then they get their credentials.
    /// - Parameters:
    ///   - step: between two users; the first is 0.
    ///   - startsAtHead: they do not fetch what is older.
    static func register(
        _ count: Int, step: Int = 1, with stage: BenchStage, startsAtHead: Bool = true, miscount: Miscount? = nil
    ) async throws -> BenchDevices {
        stage.progress("registering \(count) devices")
        let open = GatewayAPI(stage.baseURL)
        let sessions = try await withThrowingTaskGroup(of: (Int, DeviceSession).self) { group in
            var sessions = [DeviceSession?](repeating: nil, count: count)
            for number in 0..<count {
                if number >= 32, let (done, session) = try await group.next() { sessions[done] = session }
                let user = number * step
                let signature = try stage.signature(for: Self.user(user))
                group.addTask {
                    let draft = DeviceRegistration(
                        uniqueCode: uniqueCode(user), userID: Self.user(user), osType: .android)
                    return (number, try await open.register(draft, signature: signature))
                }
            }
            for try await (done, session) in group { sessions[done] = session }
            return sessions.compactMap { $0 }
        }
        return try BenchDevices(sessions, startsAtHead: startsAtHead, miscount: miscount)
    }

    private init(_ sessions: [DeviceSession], startsAtHead: Bool, miscount: Miscount?) throws {
        let loop = try ClientLoop()
        let arrivals = Arrivals(miscount)
        var options = DeviceClient.Options()
        options.startsAtHead = startsAtHead
        self.sessions = sessions
        self.loop = loop
        self.arrivals = arrivals
        clients = sessions.enumerated().map { number, session in
            DeviceClient(session, loop: loop, options: options) { _, event in
                switch event {
                case .entry(let entry): arrivals.take(entry, by: number)
                case .caughtUp: arrivals.caughtUp(number)
                default: break
                }
            }
        }
    }

    var accounts: [String] { sessions.map(\.account) }

    /// Connects all and waits until each is connected and subscribed.
    func connectAll(within limit: Duration = .seconds(60)) async throws {
        for client in clients { try client.connect() }
        try await untilConnected(within: limit)
    }

    /// Waits until each is connected and subscribed; they connect again by themselves.
    func untilConnected(within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        var connected = 0
        while connected < clients.count {
            if clients[connected].isConnected {
                connected += 1
                continue
            }
            guard ContinuousClock.now < deadline else {
                let count = clients.count(where: \.isConnected)
                throw BenchGateway.Fault(description: "\(count) of \(clients.count) devices connected within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits until each has fetched what it missed. What is sent before would come twice over the wire to some: live, and
    /// in a page that is on its way.
    func untilCaughtUp(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        while arrivals.caughtUpCount < clients.count {
            guard ContinuousClock.now < deadline else {
                throw BenchGateway.Fault(
                    description: "\(arrivals.caughtUpCount) of \(clients.count) devices caught up within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits until the gateway has confirmed every acknowledgement of a broadcast: what comes next is measured alone.
    func untilBroadcastsAreAcknowledged(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        for client in clients {
            while client.acknowledgedBroadcastSeq < client.lastContiguousBroadcastSeq {
                guard ContinuousClock.now < deadline else {
                    throw BenchGateway.Fault(description: "broadcasts were not acknowledged within \(limit)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// All connections break off, as when the network goes away.
    func vanish() async {
        await withTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.disconnect(sendsDisconnect: false) } }
        }
    }

    func count(_ counting: Counting) { arrivals.set(counting) }

    /// Copies that came again over the wire; the clients drop them.
    var repeats: Int { Int(clients.reduce(0) { $0 + $1.counters.repeats }) }

    /// Bytes of the last entry that arrived.
    var entryBytes: Int { arrivals.entryBytes }

    func shutdown() async { await loop.shutdown(drain: .zero) }
}

/// Sorts what arrives by the ledger it belongs to.
private final class Arrivals: Sendable {
    private struct State {
        var counting: BenchDevices.Counting?
        var entryBytes = 0
        var caughtUp: Set<Int> = []
        /// For the next arrival.
        var miscount: Miscount?
    }

    private let state: Mutex<State>

    init(_ miscount: Miscount?) { state = Mutex(State(miscount: miscount)) }

    var entryBytes: Int { state.withLock { $0.entryBytes } }

    /// Devices that have fetched what they missed, at least once.
    var caughtUpCount: Int { state.withLock { $0.caughtUp.count } }

    func caughtUp(_ device: Int) { state.withLock { _ = $0.caughtUp.insert(device) } }

    func set(_ counting: BenchDevices.Counting) { state.withLock { $0.counting = counting } }

    func take(_ entry: Entry, by receiver: Int) {
        let (counting, miscount) = state.withLock { state -> (BenchDevices.Counting?, Miscount?) in
            guard let counting = state.counting, entry.id.hasPrefix(counting.prefix) else { return (nil, nil) }
            state.entryBytes = entry.bytes.count
            defer { state.miscount = nil }
            return (counting, state.miscount)
        }
        guard let counting, let number = Int(entry.id.dropFirst(counting.prefix.count)) else { return }
        guard miscount != .lost else { return counting.ledger.keptFromCount() }
        counting.ledger.received(number, by: receiver)
        if miscount == .doubled { counting.ledger.received(number, by: receiver) }
    }
}
