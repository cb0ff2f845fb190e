// SimulatedDevices.swift
//
// Real clients of the gateway, many in one process: they share one or two threads, and each keeps little more than its
// connection.

import PushGateClient
import Synchronization

/// Many devices, registered with a gateway, that connect, receive and count.
///
/// ```swift
/// let devices = try SimulatedDevices(api: GatewayAPI("http://127.0.0.1:8080"))
/// try await devices.register(100) { userID in try sign(userID) }
/// try await devices.connectAll(within: .seconds(20))
/// let arrival = try await devices.waitForEntry(within: .seconds(5)) { $0.entry.id == "m1" && $0.userID == "user7" }
/// await devices.shutdown()
/// ```
public final class SimulatedDevices: Sendable {
    public struct Options: Sendable {
        /// Threads that drive the connections.
        public var loops = 1
        /// Devices that register at the same time.
        public var registeringMax = 32
        public var client = DeviceClient.Options()
        /// Counts each message at each account. `false`: only the total.
        public var countsEachMessage = true
        /// Arrivals that ``SimulatedDevices/waitForEntry(within:where:)`` finds although they came before the call. 0
        /// saves the memory.
        public var recentMax = 1000

        public init() {
            // Numbers tell repeats; ids only those that come with another number.
            client.seenMax = 16
        }
    }

    /// An entry that a device has taken.
    public struct Arrival: Sendable {
        public let device: Int
        public let userID: String
        public let account: String
        public let entry: Entry
    }

    private struct Report: Sendable {
        let device: Int
        let event: DeviceEvent
    }

    private let api: GatewayAPI?
    private let options: Options
    private let loops: [ClientLoop]
    private let devices = Mutex<[SimulatedDevice]>([])
    /// By device: the number of its account in the count.
    private let accountNumbers = Mutex<[UInt32]>([])
    private let count = Mutex(DeliveryCount())
    private let arrivals: Watch<Arrival>
    private let reports: Watch<Report>

    /// - Parameter api: `nil` where devices are only ever added as sessions.
    public init(api: GatewayAPI?, options: Options = Options()) throws {
        self.api = api
        self.options = options
        loops = try (0..<max(1, options.loops)).map { _ in try ClientLoop() }
        arrivals = Watch(recentMax: options.recentMax)
        reports = Watch(recentMax: options.recentMax)
    }

    // MARK: Making devices

    /// No gateway was given to register with.
    public struct NoGateway: Error {}

    /// Registers devices of `user1`, `user2` …, going on where the last call ended.
    /// - Parameters:
    ///   - behaviour: of the device with that index.
    ///   - registration: changes what a device says of itself (push tokens, another user).
    ///   - signature: what the tenant's server would give that user; `nil` where registration is open.
    public func register(
        _ number: Int, behaviour: @Sendable (Int) -> DeviceBehaviour = { _ in .acknowledges },
        registration: @escaping @Sendable (Int, inout DeviceRegistration) -> Void = { _, _ in },
        signature: @escaping @Sendable (_ userID: String) throws -> String?
    ) async throws {
        guard let api else { throw NoGateway() }
        let first = devices.withLock { $0.count }
        let register: @Sendable (Int) async throws -> (Int, DeviceSession) = { index in
            var draft = DeviceRegistration(
                uniqueCode: "simulated-\(index + 1)", userID: "user\(index + 1)", osType: .android)
            registration(index, &draft)
            let session = try await api.register(draft, signature: signature(draft.userID ?? ""))
            return (index, session)
        }
        var sessions: [Int: DeviceSession] = [:]
        try await withThrowingTaskGroup(of: (Int, DeviceSession).self) { group in
            var next = first
            while next < first + min(number, options.registeringMax) {
                let index = next
                group.addTask { try await register(index) }
                next += 1
            }
            while let (index, session) = try await group.next() {
                sessions[index] = session
                guard next < first + number else { continue }
                let index = next
                group.addTask { try await register(index) }
                next += 1
            }
        }
        for index in first..<(first + number) {
            if let session = sessions[index] { add(session, behaviour: behaviour(index)) }
        }
    }

    /// A device that is registered already.
    @discardableResult
    public func add(_ session: DeviceSession, behaviour: DeviceBehaviour = .acknowledges) -> SimulatedDevice {
        let number = count.withLock { $0.number(of: session.account) }
        return devices.withLock { devices in
            accountNumbers.withLock { $0.append(number) }
            let device = SimulatedDevice(
                index: devices.count, session: session, loop: loops[devices.count % loops.count],
                options: options.client, behaviour: behaviour
            ) { [weak self] index, event in self?.record(index, event) }
            devices.append(device)
            return device
        }
    }

    public var all: [SimulatedDevice] { devices.withLock { $0 } }

    public subscript(index: Int) -> SimulatedDevice { devices.withLock { $0[index] } }

    // MARK: Connecting

    /// Connects every device that is not, and waits until all are connected and subscribed.
    /// - Throws: ``WaitedTooLong``.
    public func connectAll(within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        let waiting = all.filter { !$0.client.isConnected }
        for device in waiting {
            do {
                try device.comeOnline()
            } catch DeviceClientError.alreadyConnected {
                // It is connecting.
            }
        }
        for device in all {
            // In slices: the report may be older than what is remembered.
            while !device.client.isConnected {
                let left = deadline - .now
                guard left > .zero else { throw WaitedTooLong() }
                do {
                    _ = try await reports.wait(within: min(left, .milliseconds(50))) { report in
                        report.device == device.index && report.event == .connected && device.client.isConnected
                    }
                } catch is WaitedTooLong {
                    // Looked at again, until the time is over.
                }
            }
        }
    }

    /// Ends all connections and threads.
    public func shutdown() async {
        for loop in loops { await loop.shutdown(drain: .zero) }
        devices.withLock { $0 = [] }
    }

    // MARK: What arrived

    private func record(_ index: Int, _ event: DeviceEvent) {
        guard case .entry(let entry) = event else { return reports.report(Report(device: index, event: event)) }
        let number = accountNumbers.withLock { $0[index] }
        count.withLock { $0.add(messageID: entry.id, account: number, keepsEach: options.countsEachMessage) }
        let device = self[index]
        arrivals.report(
            Arrival(device: index, userID: device.userID, account: device.account, entry: entry))
    }

    /// Waits for an entry, or finds it among the last ones.
    /// - Throws: ``WaitedTooLong``.
    @discardableResult
    public func waitForEntry(
        within limit: Duration, where matches: @escaping @Sendable (Arrival) -> Bool
    ) async throws -> Arrival {
        try await arrivals.wait(within: limit, where: matches)
    }

    /// Entries taken by all devices since the start.
    public var delivered: Int64 { count.withLock { $0.total } }

    /// How often the message reached the account's devices.
    public func deliveries(of messageID: String, to account: String) -> Int {
        count.withLock { $0.count(messageID: messageID, account: account) }
    }

    public func deliveries(of messageID: String) -> Int { count.withLock { $0.count(messageID: messageID) } }

    /// How many accounts have the message.
    public func accounts(having messageID: String) -> Int { count.withLock { $0.accounts(messageID: messageID) } }

    /// The highest count of one message at one account. Above the devices an account has: something was doubled.
    public var mostDeliveriesOfOneMessage: Int { count.withLock { $0.most } }

    /// Counters of all clients, added up.
    public var counters: DeviceCounters {
        all.reduce(into: DeviceCounters()) { sum, device in
            let counters = device.client.counters
            sum.received += counters.received
            sum.synchronized += counters.synchronized
            sum.delivered += counters.delivered
            sum.repeats += counters.repeats
            sum.gapsHealed += counters.gapsHealed
            sum.missing += counters.missing
            sum.caughtUp += counters.caughtUp
            sum.acknowledgementsSent += counters.acknowledgementsSent
            sum.requestsRepeated += counters.requestsRepeated
            sum.connects += counters.connects
            sum.unreadable += counters.unreadable
        }
    }
}
