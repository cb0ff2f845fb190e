import PushGateClient
import Synchronization

/// Devices that write to each other over MQTT. Each waits for its replies, with a few messages on their way.
struct UplinkWorkload: Sendable {
    let sizes: BenchSizes

    static let outstandingPerDevice = 16
    private static let prefix = "b1-"

    func run(_ stage: BenchStage, raw: RawReference) async throws -> [WorkloadResult] {
        let devices = try await BenchDevices.register(max(2, sizes.devices), with: stage, miscount: sizes.miscount)
        try await devices.connectAll()
        try await devices.untilCaughtUp()
        let count = devices.clients.count
        let ledger = DeliveryLedger(receivers: count, isToAll: false)
        devices.count(.init(prefix: Self.prefix, ledger: ledger))
        stage.progress("uplink: \(count) devices write to each other for \(sizes.seconds) s")
        let meter = try await UsageMeter(stage.gateway)
        await send(devices, ledger)
        try await ledger.waitForArrivals()
        let usage = try await meter.finish()
        let bytes = devices.entryBytes
        await devices.shutdown()
        let times = ledger.times
        let totals = ledger.totals
        let elapsed = Double(max(1, times.lastArrival - times.firstSent)) / 1e9
        let answer = Percentiles(times.answer)
        return [
            WorkloadResult(
                name: "uplink", rate: Double(totals.delivered) / elapsed, latency: Percentiles(times.arrival),
                usage: usage, totals: totals,
                raw: try await raw.figures(subscribers: count, payloadBytes: bytes),
                details: [
                    .init("accepted", Double(totals.accepted)), .init("answerP50", Double(answer.p50) ?? 0),
                    .init("answerP99", answer.p99Milliseconds),
                ])
        ]
    }

    private func send(_ devices: BenchDevices, _ ledger: DeliveryLedger) async {
        let text = String(repeating: "x", count: sizes.bytes)
        let deadline = ContinuousClock.now + .seconds(sizes.seconds)
        await withCheckedContinuation { ended in
            let traffic = UplinkTraffic(
                devices, ledger: ledger, prefix: Self.prefix, text: text, deadline: deadline,
                lanes: devices.clients.count * Self.outstandingPerDevice
            ) { ended.resume() }
            for sender in devices.clients.indices {
                for _ in 0..<Self.outstandingPerDevice { traffic.sendNext(from: sender) }
            }
        }
    }
}

/// One message after the other in each lane, from the reply to the one before, on the devices' own thread: a generator
/// that wakes up a task for each would measure itself.
private final class UplinkTraffic: Sendable {
    private let devices: BenchDevices
    private let accounts: [String]
    private let ledger: DeliveryLedger
    private let prefix: String
    private let text: String
    private let deadline: ContinuousClock.Instant
    private let ended: @Sendable () -> Void
    private let numbers = Atomic<Int>(0)
    private let lanes: Atomic<Int>

    init(
        _ devices: BenchDevices, ledger: DeliveryLedger, prefix: String, text: String,
        deadline: ContinuousClock.Instant, lanes: Int, ended: @escaping @Sendable () -> Void
    ) {
        self.devices = devices
        self.accounts = devices.accounts
        self.ledger = ledger
        self.prefix = prefix
        self.text = text
        self.deadline = deadline
        self.lanes = Atomic(lanes)
        self.ended = ended
    }

    /// To the next device, until the time is over.
    func sendNext(from sender: Int) {
        guard ContinuousClock.now < deadline else { return endLane() }
        let receiver = (sender + 1) % accounts.count
        let number = numbers.wrappingAdd(1, ordering: .relaxed).oldValue
        ledger.sent(number..<number + 1) { _ in .one(receiver) }
        let message = OutgoingMessage(id: "\(prefix)\(number)", to: accounts[receiver], text: text)
        devices.clients[sender].send(message) { [self] result in
            // Refused, or without a reply in time: it is counted as such, and not as lost.
            ledger.answered(number..<number + 1, isAccepted: (try? result.get()) != nil)
            // What this client itself refuses it would refuse again at once.
            if case .failure(let error) = result, error is DeviceClientError { return endLane() }
            sendNext(from: sender)
        }
    }

    private func endLane() {
        if lanes.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { ended() }
    }
}
