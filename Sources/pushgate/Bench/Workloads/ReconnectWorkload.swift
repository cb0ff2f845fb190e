import PushGateClient

/// All devices lose their connection at once and come back at once, as after a broker's restart or in the morning.
struct ReconnectWorkload: Sendable {
    let sizes: BenchSizes

    private static let connectWithin: Duration = .seconds(120)
    /// When presence has to be right.
    private static let presenceWithin: Duration = .seconds(5)
    private static let usersPerCall = 500

    func run(_ stage: BenchStage) async throws -> [WorkloadResult] {
        let devices = try await BenchDevices.register(sizes.reconnecting, with: stage)
        stage.progress("reconnect: connecting \(sizes.reconnecting) devices")
        try await devices.connectAll(within: Self.connectWithin)
        stage.progress("reconnect: all connections break off")
        await devices.vanish()
        try await untilPresent(0, stage, within: Self.connectWithin)
        let meter = try await UsageMeter(stage.gateway)
        let began = Monotonic.now
        try await devices.connectAll(within: Self.connectWithin)
        let connected = Monotonic.now - began
        let shown = sizes.miscount.changed(
            try await untilPresent(sizes.reconnecting, stage, within: Self.presenceWithin))
        let presence = Monotonic.now - began - connected
        let usage = try await meter.finish()
        await devices.shutdown()
        return [
            WorkloadResult(
                name: "reconnect", unit: "devices connected and subscribed",
                rate: Double(sizes.reconnecting) / (Double(connected) / 1e9), latency: Percentiles([connected]),
                usage: usage,
                totals: .init(
                    delivered: shown, lost: max(0, sizes.reconnecting - shown),
                    doubled: max(0, shown - sizes.reconnecting), accepted: sizes.reconnecting),
                details: [
                    .init("allConnectedSeconds", Double(connected) / 1e9),
                    .init("presenceRightAfterSeconds", Double(presence) / 1e9),
                ])
        ]
    }

    /// - Returns: how many are shown online when it is `count`, or the time is over.
    @discardableResult
    private func untilPresent(_ count: Int, _ stage: BenchStage, within limit: Duration) async throws -> Int {
        let deadline = ContinuousClock.now + limit
        let api = stage.api
        while true {
            var online = 0
            for first in stride(from: 0, to: sizes.reconnecting, by: Self.usersPerCall) {
                let users = (first..<min(sizes.reconnecting, first + Self.usersPerCall)).map(BenchDevices.user)
                online += try await api.presence(users: users).count { $0["online"]?.bool == true }
            }
            if online == count || ContinuousClock.now > deadline { return online }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
