import PushGateClient

/// The gateway starts with a large archive, the newest part of which was not delivered when it ended.
struct StartWorkload: Sendable {
    let sizes: BenchSizes

    private static let prefix = "b1-"
    /// Each with a device, which comes online after the start and fetches everything.
    private static let receivers = 100
    private static let messagesPerAccount = 100

    func run(_ stage: BenchStage) async throws -> [WorkloadResult] {
        let accounts = max(Self.receivers, sizes.archived / Self.messagesPerAccount)
        let last = sizes.archived + sizes.undelivered
        let start = try await ArchiveLoader.load(into: stage) { loader in
            try await loader.accounts(accounts)
            try await loader.devices(Self.receivers)
            let bytes = sizes.bytes
            try await loader.messages(
                0..<sizes.archived, prefix: Self.prefix, accounts: accounts, textBytes: bytes)
            try await loader.settle()
            try await loader.markDelivered()
            try await loader.messages(
                sizes.archived..<last, prefix: Self.prefix, accounts: accounts, textBytes: bytes)
        }
        stage.progress("start: ready after \(start); fetching what \(Self.receivers) devices missed")
        let meter = try await UsageMeter(stage.gateway)
        let totals = try await receive(last, accounts: accounts, stage)
        let usage = try await meter.finish()
        let milliseconds = Double(start.components.seconds) * 1e3 + Double(start.components.attoseconds) / 1e15
        return [
            WorkloadResult(
                name: "start", unit: "messages fetched by \(Self.receivers) devices; times: until the gateway is ready",
                rate: 0, latency: Percentiles([Int64(milliseconds * 1e6)]), usage: usage, totals: totals,
                details: [
                    .init("readyMilliseconds", milliseconds), .init("archived", Double(sizes.archived)),
                    .init("undelivered", Double(sizes.undelivered)),
                    .init("databaseBytes", Double(stage.gateway.databaseBytes)),
                ])
        ]
    }

    private func receive(_ count: Int, accounts: Int, _ stage: BenchStage) async throws -> DeliveryLedger.Totals {
        let devices = try await BenchDevices.register(
            Self.receivers, with: stage, startsAtHead: false, miscount: sizes.miscount)
        let ledger = DeliveryLedger(receivers: Self.receivers, isToAll: false)
        devices.count(.init(prefix: Self.prefix, ledger: ledger))
        for number in 0..<count where number % accounts < Self.receivers {
            ledger.sent(number..<number + 1) { .one($0 % accounts) }
            ledger.answered(number..<number + 1, isAccepted: true)
        }
        try await devices.connectAll()
        try await ledger.waitForArrivals()
        await devices.shutdown()
        return ledger.totals
    }
}
