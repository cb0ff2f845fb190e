import Foundation
import MosquittoClient
import PushMQTT
import Synchronization

/// Mosquitto by itself, without plugin and persistence: what the gateway's rates are measured against. QoS 1, one
/// publisher with a window of 1000.
final class RawBroker: Sendable {
    struct Figures: Sendable {
        let subscribers: Int
        let payloadBytes: Int
        /// Messages that arrived, a second.
        let rate: Double
        let latency: Percentiles
    }

    private let process: ChildProcess
    private let port: UInt16
    private let folder: URL

    static let window = 1000
    private static let connectWithin: Duration = .seconds(60)

    /// As the gateway configures its own, without plugin.
    private static func configuration(port: Int) -> String {
        """
        per_listener_settings false
        persistence false
        allow_anonymous true
        max_inflight_messages 1000
        max_queued_messages 100000
        set_tcp_nodelay true
        sys_interval 0
        log_dest stderr
        log_type error
        connection_messages false
        listener \(port) 127.0.0.1
        max_connections -1

        """
    }

    private init(process: ChildProcess, port: UInt16, folder: URL) {
        self.process = process
        self.port = port
        self.folder = folder
    }

    static func start() throws -> RawBroker {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pushgate-bench-raw-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Mosquitto started by root drops its rights after it has read its configuration.
        let port = try BenchGateway.freePort()
        let file = folder.appending(path: "mosquitto.conf")
        try configuration(port: port).write(to: file, atomically: true, encoding: .utf8)
        let process = try ChildProcess(
            "the raw broker", executable: BrokerExecutable.find(), arguments: ["-c", file.path],
            outputFile: folder.appending(path: "log").path)
        return RawBroker(process: process, port: UInt16(port), folder: folder)
    }

    func stop() async {
        await process.stop()
        try? FileManager.default.removeItem(at: folder)  // what is left is in the temporary folder
    }

    /// Publishes to each subscriber in turn, each on a topic of its own, as fast as the broker takes it.
    static func measure(subscribers: Int, payloadBytes: Int, seconds: Int) async throws -> Figures {
        let broker = try start()
        do {
            let figures = try await broker.rate(
                subscribers: subscribers, payloadBytes: payloadBytes, for: .seconds(seconds))
            await broker.stop()
            return figures
        } catch {
            await broker.stop()
            throw error
        }
    }

    /// Publishes one message after the other to all subscribers together, each when the last has arrived everywhere.
    /// - Returns: rate of copies, from the median of the times until all had a message.
    static func measureFanOut(subscribers: Int, payloadBytes: Int, rounds: Int) async throws -> Figures {
        let broker = try start()
        do {
            let figures = try await broker.fanOut(subscribers: subscribers, payloadBytes: payloadBytes, rounds: rounds)
            await broker.stop()
            return figures
        } catch {
            await broker.stop()
            throw error
        }
    }

    // MARK: One publisher

    private func rate(subscribers: Int, payloadBytes: Int, for duration: Duration) async throws -> Figures {
        let ledger = DeliveryLedger(receivers: subscribers, isToAll: false)
        let (loop, publisherLoop) = (try MQTTLoop(), try MQTTLoop())
        try await subscribe(subscribers, on: loop, topic: { "raw/\($0)" }, ledger)
        let publisher = try await connectedPublisher(on: publisherLoop)
        let stream = PublishStream(publisher, payloadBytes: payloadBytes, receivers: subscribers, ledger)
        // Enough that the window is full at all times.
        for _ in 0..<(2 * Self.window) { stream.publishNext() }
        try await Task.sleep(for: duration)
        stream.stop()
        try await ledger.waitForArrivals()
        await publisherLoop.shutdown(drain: .zero)
        await loop.shutdown(drain: .zero)
        let times = ledger.times
        let elapsed = Double(max(1, times.lastArrival - times.firstSent)) / 1e9
        return Figures(
            subscribers: subscribers, payloadBytes: payloadBytes, rate: Double(ledger.delivered) / elapsed,
            latency: Percentiles(times.arrival))
    }

    private func fanOut(subscribers: Int, payloadBytes: Int, rounds: Int) async throws -> Figures {
        let ledger = DeliveryLedger(receivers: subscribers, isToAll: true)
        let (loop, publisherLoop) = (try MQTTLoop(), try MQTTLoop())
        try await subscribe(subscribers, on: loop, topic: { _ in "raw/all" }, ledger)
        let publisher = try await connectedPublisher(on: publisherLoop)
        var elapsed: [Int64] = []
        var missing = 0
        for round in 0..<rounds {
            let began = Monotonic.now
            ledger.sent(round..<round + 1) { _ in .all }
            try await publisher.publish(topic: "raw/all", payload: Self.payload(round, bytes: payloadBytes))
            missing = try await ledger.waitForArrivals(besides: missing)
            elapsed.append(ledger.times.lastArrival - began)
        }
        await publisherLoop.shutdown(drain: .zero)
        await loop.shutdown(drain: .zero)
        let median = Double(elapsed.sorted()[elapsed.count / 2]) / 1e9
        return Figures(
            subscribers: subscribers, payloadBytes: payloadBytes, rate: Double(subscribers) / median,
            latency: Percentiles(ledger.times.arrival))
    }

    // MARK: Connections

    private func options(_ clientID: String) -> MQTTSession.Options {
        var options = MQTTSession.Options(host: "127.0.0.1", port: port, clientID: clientID)
        options.outstandingPublishesMax = Self.window
        return options
    }

    private func subscribe(
        _ count: Int, on loop: MQTTLoop, topic: (Int) -> String, _ ledger: DeliveryLedger
    ) async throws {
        let ready = Mutex(0)
        for number in 0..<count {
            var options = options("subscriber-\(number)")
            options.subscriptions = [MQTTSubscription(topic(number))]
            _ = try loop.makeSession(options) { _, event in
                switch event {
                case .subscribed: ready.withLock { $0 += 1 }
                case .message(let message):
                    ledger.received(Self.number(of: message.payload), by: number)
                default: break
                }
            }
        }
        try await until(count) { ready.withLock { $0 } }
    }

    private func connectedPublisher(on loop: MQTTLoop) async throws -> MQTTSession {
        let publisher = try loop.makeSession(options("publisher")) { _, _ in }
        try await until(1) { publisher.isConnected ? 1 : 0 }
        return publisher
    }

    private func until(_ count: Int, _ value: () -> Int) async throws {
        let deadline = ContinuousClock.now + Self.connectWithin
        while value() < count {
            try process.check()
            guard ContinuousClock.now < deadline else {
                throw BenchGateway.Fault(description: "only \(value()) of \(count) raw connections within a minute")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: Payloads

    /// Its number in decimal digits, then filling.
    static func payload(_ number: Int, bytes: Int) -> [UInt8] {
        let digits = Array("\(number) ".utf8)
        return digits + [UInt8](repeating: UInt8(ascii: "x"), count: max(0, bytes - digits.count))
    }

    static func number(of payload: [UInt8]) -> Int {
        var number = 0
        for byte in payload {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }
}

/// Publishes the next message whenever one was acknowledged.
private final class PublishStream: Sendable {
    private let session: MQTTSession
    private let payloadBytes: Int
    private let receivers: Int
    private let ledger: DeliveryLedger
    private let next = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)

    init(_ session: MQTTSession, payloadBytes: Int, receivers: Int, _ ledger: DeliveryLedger) {
        self.session = session
        self.payloadBytes = payloadBytes
        self.receivers = receivers
        self.ledger = ledger
    }

    func stop() { isStopping.store(true, ordering: .releasing) }

    func publishNext() {
        guard !isStopping.load(ordering: .acquiring) else { return }
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let receiver = number % receivers
        ledger.sent(number..<number + 1) { _ in .one(receiver) }
        do {
            try session.publish(
                topic: "raw/\(receiver)", payload: RawBroker.payload(number, bytes: payloadBytes)
            ) { outcome in
                if case .acknowledged = outcome { self.ledger.answered(number..<number + 1, isAccepted: true) }
                self.publishNext()
            }
        } catch {
            ledger.answered(number..<number + 1, isAccepted: false)
        }
    }
}
