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
        let numbers = Numbers()
        let deadline = ContinuousClock.now + .seconds(sizes.seconds)
        let text = String(repeating: "x", count: sizes.bytes)
        let accounts = devices.accounts
        await withTaskGroup(of: Void.self) { group in
            for (sender, client) in devices.clients.enumerated() {
                let receiver = (sender + 1) % accounts.count
                for _ in 0..<Self.outstandingPerDevice {
                    group.addTask {
                        while ContinuousClock.now < deadline {
                            let number = numbers.next()
                            ledger.sent(number..<number + 1) { _ in .one(receiver) }
                            let message = OutgoingMessage(
                                id: "\(Self.prefix)\(number)", to: accounts[receiver], text: text)
                            // Refused, or without a reply in time: it is counted as such, and not as lost.
                            let isAccepted = (try? await client.send(message)) != nil
                            ledger.answered(number..<number + 1, isAccepted: isAccepted)
                        }
                    }
                }
            }
        }
    }
}

/// 0, 1, 2 … for many at once.
private final class Numbers: Sendable {
    private let value = Atomic<Int>(0)

    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}
