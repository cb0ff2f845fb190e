import PushGateClient

/// Many registered devices, some of them online: what the gateway takes of memory, and what a group message takes of the
/// disk for each member.
struct MemoryWorkload: Sendable {
    let sizes: BenchSizes

    private static let prefix = "b1-"
    private static let groupMessages = 400
    private static let messagesAtOnce = 20
    private static let connectWithin: Duration = .seconds(180)
    private static let quiet: Duration = .seconds(5)

    func run(_ stage: BenchStage) async throws -> [WorkloadResult] {
        try await ArchiveLoader.load(into: stage) { loader in
            try await loader.devices(sizes.registered) { "fcm-token-\($0)-0123456789abcdef" }
        }
        // Spread over all of them.
        let devices = try await BenchDevices.register(
            sizes.connected, step: sizes.registered / sizes.connected, with: stage, miscount: sizes.miscount)
        try await devices.connectAll(within: Self.connectWithin)
        try await devices.untilCaughtUp()
        let members = min(500, sizes.connected)
        _ = try await stage.api.createGroup(
            id: SendWorkload.group, users: devices.sessions.prefix(members).map(\.userID))
        try await settle(stage)
        let meter = try await UsageMeter(stage.gateway)
        let idle = try await meter.finish()

        var before = 0
        try await stage.gateway.restart { before = stage.gateway.databaseBytes }
        try await devices.untilConnected(within: Self.connectWithin)
        let (ledger, usage) = try await sendToGroup(stage, devices, members: members)
        try await settle(stage)
        var after = 0
        try await stage.gateway.restart { after = stage.gateway.databaseBytes }
        await devices.shutdown()
        let totals = ledger.totals
        var shown = usage
        shown.memory = idle.memory
        return [
            WorkloadResult(
                name: "memory", unit: "copies", rate: Double(totals.delivered) / usage.seconds,
                latency: Percentiles(ledger.times.arrival), usage: shown, totals: totals,
                details: [
                    .init("registered", Double(sizes.registered)), .init("online", Double(sizes.connected)),
                    .init("residentMegabytes", Double(idle.memory) / 1_048_576),
                    .init("brokerMegabytes", Double(idle.brokerMemory) / 1_048_576),
                    .init("diskBytesPerCopy", Double(after - before) / Double(max(1, totals.delivered))),
                ])
        ]
    }

    /// A few messages at a time: this measures the disk, not the speed.
    private func sendToGroup(
        _ stage: BenchStage, _ devices: BenchDevices, members: Int
    ) async throws -> (DeliveryLedger, Usage) {
        stage.progress("memory: \(Self.groupMessages) messages to a group of \(members)")
        let ledger = DeliveryLedger(receivers: members, isToAll: true)
        devices.count(.init(prefix: Self.prefix, ledger: ledger))
        let meter = try await UsageMeter(stage.gateway)
        let text = String(repeating: "x", count: sizes.bytes)
        var missing = 0
        for first in stride(from: 0, to: Self.groupMessages, by: Self.messagesAtOnce) {
            let numbers = first..<first + Self.messagesAtOnce
            ledger.sent(numbers) { _ in .all }
            let results = try await stage.api.send(
                numbers.map { OutgoingMessage(id: "\(Self.prefix)\($0)", to: SendWorkload.group, text: text) })
            for (number, result) in zip(numbers, results) {
                ledger.answered(number..<number + 1, isAccepted: result["status"]?.integer == 200)
            }
            missing = try await ledger.waitForArrivals(besides: missing)
        }
        return (ledger, try await meter.finish())
    }

    /// Until the archive has written what it puts off.
    private func settle(_ stage: BenchStage) async throws {
        var (last, since) = (-1, ContinuousClock.now)
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now - since < Self.quiet, ContinuousClock.now < deadline {
            let transactions = try await stage.gateway.transactions()
            if transactions != last { (last, since) = (transactions, .now) }
            try await Task.sleep(for: .milliseconds(250))
        }
    }
}
