import Foundation
import PushGateClient
import PushSimulators

/// People whose phones are away: messages become push jobs, and the jobs vendor requests. The simulator runs in this
/// process, the gateway in its own.
struct FallbackWorkload {
    let gateway: BenchGateway
    let simulator: VendorSimulator
    /// Seconds of the measurement of latency.
    let seconds: Int
    /// Jobs that wait when the gateway is killed.
    let waiting: Int
    /// Jobs for each vendor whose rate is measured.
    let jobs: Int
    let progress: (String) -> Void

    struct Row: BenchRow {
        let name: String
        let rate: Double
        /// From the deadline to the vendor's having the request.
        let latency: Percentiles
        let delivered: Int
        let lost: Int
        /// Notifications that a person would see or hear twice: repeats that take the first one's place do not count.
        let doubled: Int
        /// The same push handed over twice, as after a kill.
        let repeated: Int
        let gatewayCPU: Double
        let gatewayBytes: Int
        /// By how much that grew while the pushes were queued; nil where nothing waited.
        var grownBytes: Int?
        /// Transactions of the archive, each synced; of the new process where it was killed.
        let fsyncs: Int

        var isWrong: Bool { lost > 0 || doubled > 0 }

        /// Nothing goes through the broker.
        var ratio: (name: String, value: Double)? { nil }

        var lines: [String] {
            let speed = rate > 0 ? "\(Int(rate)) pushes/s; " : ""
            let text = """
                \(name.padding(toLength: 18, withPad: " ", startingAt: 0)) \(speed)p50 \(latency.p50) ms, \
                p99 \(latency.p99) ms, max \(latency.max) ms; delivered \(delivered), lost \(lost), doubled \(doubled), \
                repeated \(repeated); gateway \(String(format: "%.1f", gatewayCPU)) s CPU, \
                \(gatewayBytes / 1_048_576) MB resident
                """
            let growth = grownBytes.map { ", \($0 / 1_048_576) MB of it for what waited" } ?? ""
            return [text + growth]
        }

        var json: JSONValue {
            [
                "name": .string(name), "rate": .number(String(format: "%.0f", rate)), "p50": .number(latency.p50),
                "p99": .number(latency.p99), "max": .number(latency.max), "delivered": JSONValue(delivered),
                "lost": JSONValue(lost), "doubled": JSONValue(doubled), "repeated": JSONValue(repeated),
                "cpuGateway": .number(String(format: "%.2f", gatewayCPU)), "cpuBroker": 0,
                "memory": JSONValue(gatewayBytes), "memoryOfWaiting": grownBytes.map { JSONValue($0) } ?? .null,
                "fsyncs": JSONValue(fsyncs),
            ]
        }
    }

    static let members = 1000

    func run() async throws -> [Row] {
        let admin = try gateway.operatorAPI()
        try await admin.createTenant("bench", name: "Bench")
        let app = try await admin.createApp(tenantNo: "bench", name: "Bench")
        let api = GatewayAPI(
            "http://127.0.0.1:\(gateway.httpPort)", authorization: .app(id: app.id, secret: app.secret))
        let crowd = Crowd(api: api, app: app, progress: progress)
        var rows: [Row] = []
        for vendor in [SimulatedVendor.fcm, .apns, .huawei] {
            let people = try await crowd.register(vendor, count: Self.members)
            try await api.setSimulated(vendor, simulator)
            rows.append(try await drain(vendor, people, api, killed: false, jobs: jobs))
            if vendor == .fcm { rows.append(try await latency(people, api)) }
            if vendor == .apns, waiting > 0 {
                rows.append(try await drain(vendor, people, api, killed: true, jobs: waiting))
            }
        }
        return rows
    }

    // MARK: Rates

    /// The queue fills while the vendor refuses the credential, and empties when it takes it again.
    private func drain(
        _ vendor: SimulatedVendor, _ people: Crowd.People, _ api: GatewayAPI, killed: Bool, jobs: Int
    ) async throws -> Row {
        let name = killed ? "kill \(jobs) waiting" : vendor.rawValue
        try simulator.inject(.expiredAuthorization, into: vendor)
        let count = max(1, jobs / people.tokens.count)
        let bytesBefore = ProcessFigures.residentBytes(of: gateway.processID)
        progress("\(name): queueing \(count * people.tokens.count) pushes")
        let ids = (0..<count).map { "\(vendor)-\(killed ? "k" : "r")-\($0)" }
        for page in stride(from: 0, to: count, by: 50) {
            // Whether each was taken shows at the vendor.
            _ = try await api.send(
                ids[page..<min(page + 50, count)].map {
                    OutgoingMessage(id: $0, to: people.group, text: "The same words for everyone in the group")
                })
        }
        try await untilDecided(ids[count - 1], api, people: people.tokens.count)
        let bytes = ProcessFigures.residentBytes(of: gateway.processID)
        simulator.clearFaults(vendor)
        simulator.clearRecord()
        let cpu = ProcessFigures.cpuSeconds(of: gateway.processID)
        let transactions = try await gateway.transactions()
        let began = Date()
        try await api.setSimulated(vendor, simulator)
        if killed {
            _ = try await simulator.arrived(vendor, count: jobs / 4)
            progress("\(name): kill -9 in the middle")
            try await gateway.killAndRestart()
        }
        try await untilEach(vendor, count: count * people.tokens.count)
        let used = ProcessFigures.cpuSeconds(of: gateway.processID) - (killed ? 0 : cpu)
        let synced = try await gateway.transactions() - (killed ? 0 : transactions)
        let pushes = simulator.pushes { $0.vendor == vendor && $0.isShown }
        let last = pushes.map(\.receivedAt).max() ?? 0
        let elapsed = max(0.001, Double(last) / 1000 - began.timeIntervalSince1970)
        return row(
            killed ? "waiting-killed" : "fallback-\(vendor)", pushes, expected: Set(ids), tokens: people.tokens,
            rate: killed ? 0 : Double(pushes.count) / elapsed, latency: Percentiles([]), cpu: used, bytes: bytes,
            grown: max(0, bytes - bytesBefore), fsyncs: synced)
    }

    /// Until `count` different pushes are there, or nothing has come for a while. Repeats count as arrived as well: what is
    /// missing behind them may still come.
    private func untilEach(_ vendor: SimulatedVendor, count: Int) async throws {
        var arrived = try await simulator.arrived(vendor, count: count)
        var quietSince = ContinuousClock.now
        while handed(simulator.pushes { $0.vendor == vendor && $0.isShown }).count < count,
            ContinuousClock.now - quietSince < Self.quiet
        {
            try await Task.sleep(for: .milliseconds(500))
            let now = simulator.counters(vendor).accepted
            if now != arrived { (arrived, quietSince) = (now, .now) }
        }
    }

    /// A lease of a killed gateway may end only after a minute.
    private static let quiet = Duration.seconds(75)

    private func handed(_ pushes: [RecordedPush]) -> [Handed: Int] {
        var seen: [Handed: Int] = [:]
        for push in pushes { seen[Handed(token: push.token, message: push.messageId ?? ""), default: 0] += 1 }
        return seen
    }

    /// Everything that was sent has been decided: the last message has a push for each.
    private func untilDecided(_ id: String, _ api: GatewayAPI, people: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while ContinuousClock.now < deadline {
            let trace = try await api.message(id)["trace"]?.array ?? []
            let queued = trace.count { device in
                device["stages"]?.array?.contains { $0["stage"]?.string == "push_queued" } ?? false
            }
            if queued >= min(people, Self.members) { return }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw BenchGateway.Fault(description: "the pushes of \(id) were not queued within ten minutes")
    }

    // MARK: Latency

    /// One message after the other at a steady 1 000/s, each to one person whose phone is away.
    private func latency(_ people: Crowd.People, _ api: GatewayAPI) async throws -> Row {
        simulator.clearRecord()
        let total = seconds * 1000
        progress("sending 1000 messages/s for \(seconds) s to people who are away")
        let cpu = ProcessFigures.cpuSeconds(of: gateway.processID)
        let transactions = try await gateway.transactions()
        let traffic = SteadyTraffic(api: api, people: people, prefix: "lat-", count: 20, interval: .milliseconds(20))
        let sent = try await traffic.send { $0 < total / 20 }
        _ = try await simulator.arrived(.fcm, count: sent.count)
        let pushes = simulator.pushes { $0.isShown && $0.messageId?.hasPrefix("lat-") == true }
        let times = pushes.compactMap { push -> Int64? in
            guard let id = push.messageId, let at = sent[id] else { return nil }
            return max(0, push.receivedAt - at) * 1_000_000
        }
        let seen = Set(pushes.compactMap(\.messageId))
        return Row(
            name: "deadline-to-vendor", rate: 0, latency: Percentiles(times), delivered: seen.count,
            lost: sent.keys.count { !seen.contains($0) }, doubled: 0, repeated: pushes.count - seen.count,
            gatewayCPU: ProcessFigures.cpuSeconds(of: gateway.processID) - cpu,
            gatewayBytes: ProcessFigures.residentBytes(of: gateway.processID),
            fsyncs: try await gateway.transactions() - transactions)
    }

    // MARK: Counting

    private struct Handed: Hashable {
        let token: String
        let message: String
    }

    private func row(
        _ name: String, _ pushes: [RecordedPush], expected: Set<String>, tokens: [String], rate: Double,
        latency: Percentiles, cpu: Double, bytes: Int, grown: Int, fsyncs: Int
    ) -> Row {
        var seen: [Handed: Int] = [:]
        var doubled = 0
        for push in pushes {
            let handed = Handed(token: push.token, message: push.messageId ?? "")
            seen[handed, default: 0] += 1
            if push.replaceKey == nil, (seen[handed] ?? 0) > 1 { doubled += 1 }
        }
        return Row(
            name: name, rate: rate, latency: latency, delivered: seen.count,
            lost: expected.count * tokens.count - seen.count, doubled: doubled,
            repeated: seen.values.reduce(0) { $0 + $1 - 1 }, gatewayCPU: cpu, gatewayBytes: bytes,
            grownBytes: grown, fsyncs: fsyncs)
    }
}
