import Foundation
import PushGateClient
import PushSimulators

/// Messages to everyone of a tenant: some are online, the phones of the others are reached through a vendor.
struct BroadcastWorkload: Sendable {
    let sizes: BenchSizes
    let simulator: VendorSimulator

    private static let prefix = "b1-"
    /// The first one is pushed to who is away; the others are for who is online alone.
    private static let rounds = 9

    private static func token(_ number: Int) -> String { "fcm-token-\(number)-0123456789abcdef" }

    func run(_ stage: BenchStage, raw: RawReference) async throws -> [WorkloadResult] {
        try await ArchiveLoader.load(into: stage) { loader in
            try await loader.devices(sizes.accounts) { Self.token($0) }
        }
        try await stage.api.setSimulated(.fcm, simulator)
        let devices = try await BenchDevices.register(sizes.online, with: stage, miscount: sizes.miscount)
        try await devices.connectAll(within: .seconds(120))
        try await devices.untilCaughtUp()
        // Just after a start everyone counts as connected, and would be pushed only at the deadline.
        try await Task.sleep(for: BenchGateway.presenceDoubt + .seconds(1))
        let ledger = DeliveryLedger(receivers: sizes.online, isToAll: true)
        devices.count(.init(prefix: Self.prefix, ledger: ledger))
        let meter = try await UsageMeter(stage.gateway)
        var times: [Int64] = []
        stage.progress("broadcast: to \(sizes.accounts) accounts, \(sizes.online) online, pushes to the others")
        let pushed = try await broadcast(0, isPushed: true, stage, ledger)
        times.append(pushed.elapsed)
        let pushes = try await pushes(since: pushed.sentAt)
        try await devices.untilBroadcastsAreAcknowledged()
        stage.progress("broadcast: \(Self.rounds - 1) more to who is online")
        for round in 1..<Self.rounds {
            times.append(try await broadcast(round, isPushed: false, stage, ledger).elapsed)
            try await devices.untilBroadcastsAreAcknowledged()
        }
        let usage = try await meter.finish()
        let bytes = devices.entryBytes
        await devices.shutdown()
        let figures = try await raw.fanOut(subscribers: sizes.online, payloadBytes: bytes)

        var totals = ledger.totals
        totals.lost += pushes.lost
        totals.doubled += pushes.doubled
        let median = Double(times.sorted()[times.count / 2]) / 1e9
        return [
            WorkloadResult(
                name: "broadcast", unit: "copies at devices online; lost and doubled: pushes, too",
                rate: Double(sizes.online) / median, latency: Percentiles(ledger.times.arrival), usage: usage,
                totals: totals, raw: figures,
                details: [
                    .init("allOnlineMilliseconds", median * 1000),
                    .init("withPushesMilliseconds", Double(times[0]) / 1e6),
                    .init("rawMilliseconds", Double(sizes.online) / figures.rate * 1000),
                    .init("firstPushMilliseconds", pushes.firstMilliseconds), .init("pushes", Double(pushes.count)),
                    .init("pushesPerSecond", pushes.rate), .init("pushedThoughOnline", Double(pushes.online)),
                ])
        ]
    }

    private func broadcast(
        _ number: Int, isPushed: Bool, _ stage: BenchStage, _ ledger: DeliveryLedger
    ) async throws -> (sentAt: Date, elapsed: Int64) {
        var message = OutgoingMessage(
            id: "\(Self.prefix)\(number)", to: nil, text: String(repeating: "x", count: sizes.bytes))
        message.audience = ["all": true]
        if !isPushed { message.push = ["policy": "never"] }
        let api = stage.api
        // The token is fetched by the first call; that is no part of a broadcast.
        _ = try await api.presence(users: [BenchDevices.user(0)])
        let (sentAt, began) = (Date(), Monotonic.now)
        let missing = ledger.outstanding
        ledger.sent(number..<number + 1) { _ in .all }
        try await api.send(message)
        ledger.answered(number..<number + 1, isAccepted: true)
        _ = try await ledger.waitForArrivals(besides: missing, quiet: .seconds(15))
        return (sentAt, ledger.times.lastArrival - began)
    }

    private struct Pushes {
        var count = 0
        var lost = 0
        var doubled = 0
        /// To devices that had the message already.
        var online = 0
        var rate = 0.0
        var firstMilliseconds = 0.0
    }

    private func pushes(since sentAt: Date) async throws -> Pushes {
        let wanted = Set((sizes.online..<sizes.accounts).map(Self.token))
        _ = try await simulator.arrived(.fcm, count: wanted.count)
        let found = simulator.pushes { $0.vendor == .fcm && $0.isShown }
        var seen: [String: Int] = [:]
        for push in found { seen[push.token, default: 0] += 1 }
        var pushes = Pushes()
        pushes.count = found.count
        pushes.lost = wanted.count { seen[$0] == nil }
        pushes.doubled = seen.values.reduce(0) { $0 + $1 - 1 }
        pushes.online = seen.keys.count { !wanted.contains($0) }
        let times = found.map(\.receivedAt)
        if let first = times.min(), let last = times.max() {
            pushes.firstMilliseconds = Double(first) - sentAt.timeIntervalSince1970 * 1000
            pushes.rate = Double(found.count) / max(0.001, Double(last) / 1000 - sentAt.timeIntervalSince1970)
        }
        return pushes
    }
}
