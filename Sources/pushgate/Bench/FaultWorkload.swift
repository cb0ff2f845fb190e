import Foundation
import PushGateClient
import PushSimulators
import Synchronization

/// A vendor goes wrong in one way after the other while pushes wait for it, and another vendor gets a steady rate at the
/// same time. Everything is counted at the vendors.
struct FaultWorkload {
    let gateway: BenchGateway
    let simulator: VendorSimulator
    let modes: [FaultMode]
    /// To the vendor that goes wrong, for each mode.
    let pushes: Int
    /// Pushes a second to the other vendor.
    let rate: Int
    /// Milliseconds by which the other vendor's p99 may grow in any case.
    let floor: Double
    /// Milliseconds by which a request may come late after `Retry-After` in any case.
    let late: Int
    /// How long the other vendor is measured alone.
    let aloneFor: Duration
    /// How often each way is gone through: all of them, then all of them again.
    let rounds: Int
    let progress: (String) -> Void

    /// Messages to everybody while a fault holds.
    private static let messages = 10
    private static let otherMembers = 100
    /// So long nothing may come before what is missing is called lost: a request that hangs takes ten seconds, and the
    /// probe after it may take another pause.
    private static let quiet = Duration.seconds(30)

    /// What is in place before the first fault.
    private struct Stage {
        let api: GatewayAPI
        let crowds: [SimulatedVendor: Crowd.People]
    }

    func run() async throws -> [FaultRow] {
        let stage = try await setUp()
        let vendors = Set(modes.map(\.vendor))
        var alone: [SimulatedVendor: Double] = [:]
        for other in Set(modes.map(\.other)).sorted(by: { $0.rawValue < $1.rawValue }) {
            progress("\(other) alone")
            alone[other] = try await self.alone(other, stage)
        }
        var rows: [FaultRow] = []
        for round in 0..<rounds {
            let isLast = round == rounds - 1
            // Dead tokens stay dead.
            for mode in FaultMode.healthy.filter({ vendors.contains($0.vendor) }) + modes
            where !mode.killsTokens || isLast {
                progress("round \(round + 1) of \(rounds): \(mode.name), \(mode.vendor)")
                let row = try await run(mode, "\(mode.name)-\(mode.vendor)-\(round)", stage)
                if let index = rows.firstIndex(where: { $0.mode.name == mode.name && $0.mode.vendor == mode.vendor }) {
                    rows[index].add(row)
                } else {
                    rows.append(row)
                }
            }
        }
        for index in rows.indices {
            let mode = rows[index].mode
            rows[index].alone = alone[mode.other] ?? 0
            rows[index].healthy =
                rows.first { $0.mode.isHealthy && $0.mode.vendor == mode.vendor }?.other.p99Milliseconds ?? 0
            rows[index].judge(floor: floor)
            progress(rows[index].lines.joined())
        }
        return rows
    }

    private func setUp() async throws -> Stage {
        let admin = try gateway.operatorAPI()
        try await admin.createTenant("bench", name: "Bench")
        let app = try await admin.createApp(tenantNo: "bench", name: "Bench")
        let api = GatewayAPI(
            "http://127.0.0.1:\(gateway.httpPort)", authorization: .app(id: app.id, secret: app.secret))
        let crowd = Crowd(api: api, app: app, progress: progress)
        var crowds: [SimulatedVendor: Crowd.People] = [:]
        for vendor in Set(modes.flatMap { [$0.vendor, $0.other] }) {
            let members = max(1, pushes / Self.messages)
            crowds[vendor] = try await crowd.register(vendor, count: max(members, Self.otherMembers), inGroup: members)
            try await api.setSimulated(vendor, simulator)
        }
        return Stage(api: api, crowds: crowds)
    }

    // MARK: The other vendor

    private func traffic(_ vendor: SimulatedVendor, _ name: String, _ stage: Stage) throws -> SteadyTraffic {
        guard let people = stage.crowds[vendor] else { throw BenchGateway.Fault(description: "no phones of \(vendor)") }
        let count = max(1, rate / 20)
        return SteadyTraffic(
            api: stage.api, people: people, prefix: "o-\(name)-", count: count,
            interval: .milliseconds(1000 * count / rate))
    }

    private func alone(_ vendor: SimulatedVendor, _ stage: Stage) async throws -> Double {
        let traffic = try traffic(vendor, "alone-\(vendor)", stage)
        // The first seconds open connections and fill caches.
        let before = try await traffic.send { traffic.interval * $0 < .seconds(2) }
        try await simulator.arrived(vendor, count: before.count)
        simulator.clearRecord()
        let measured = SteadyTraffic(
            api: traffic.api, people: traffic.people, prefix: traffic.prefix + "m-", count: traffic.count,
            interval: traffic.interval)
        let sent = try await measured.send { [aloneFor] in traffic.interval * $0 < aloneFor }
        try await simulator.arrived(vendor, count: sent.count)
        return Percentiles(times(of: sent, to: vendor)).p99Milliseconds
    }

    /// From the deadline, which for people who are away is when the gateway took the message, to the vendor.
    private func times(of sent: [String: Int64], to vendor: SimulatedVendor) -> [Int64] {
        var first: [String: Int64] = [:]
        for push in simulator.pushes(where: { $0.vendor == vendor }) {
            if let id = push.messageId, first[id] == nil { first[id] = push.receivedAt }
        }
        return sent.compactMap { id, at in first[id].map { max(0, $0 - at) * 1_000_000 } }
    }

    // MARK: A mode

    /// - Parameter name: of this round, for the ids.
    private func run(_ mode: FaultMode, _ name: String, _ stage: Stage) async throws -> FaultRow {
        guard let people = stage.crowds[mode.vendor] else {
            throw BenchGateway.Fault(description: "no phones of \(mode.vendor)")
        }
        simulator.clearRecord()
        let tokens = Array(people.tokens.prefix(max(1, pushes / Self.messages)))
        let dead = mode.killsTokens ? Set(tokens.prefix(tokens.count / 10)) : []
        let other = try traffic(mode.other, name, stage)
        let ids = (0..<Self.messages).map { "a-\(name)-\($0)" }
        let isOver = Atomic(false)

        let begin = Self.now
        async let sent = other.send { _ in !isOver.load(ordering: .relaxed) }
        let end: Int64
        do {
            end = try await afflict(mode, ids, people, dead: dead, stage)
            try await untilShown(mode, ids: Set(ids), tokens: tokens.filter { !dead.contains($0) })
        } catch {
            isOver.store(true, ordering: .relaxed)
            throw error
        }
        isOver.store(true, ordering: .relaxed)
        let others = try await sent
        try await untilArrived(others, mode.other)
        return row(mode, ids: ids, tokens: tokens, dead: dead, others: others, held: begin..<end)
    }

    /// The vendor goes wrong, everybody gets messages, and it works again. Returns when that was.
    private func afflict(
        _ mode: FaultMode, _ ids: [String], _ people: Crowd.People, dead: Set<String>, _ stage: Stage
    ) async throws -> Int64 {
        if mode.revokesTokens { simulator.revokeAccessTokens() }
        if mode.killsTokens {
            try simulator.inject(.deadTokens(dead, code: nil, timestamp: nil), into: mode.vendor)
        } else if let fault = mode.fault {
            try simulator.inject(fault, into: mode.vendor, on: mode.purpose, requests: mode.requests)
        }
        let start = ContinuousClock.now
        for (number, id) in ids.enumerated() {
            try await Task.sleep(until: start + FaultMode.interval * number, clock: .continuous)
            _ = try await stage.api.send(
                OutgoingMessage(id: id, to: people.group, text: "The same words for everyone in the group"))
        }
        try await Task.sleep(until: start + FaultMode.interval * (ids.count + 1), clock: .continuous)
        let end = Self.now
        if !mode.killsTokens { simulator.clearFaults(mode.vendor) }
        if mode.putsCredentialAgain { try await stage.api.setSimulated(mode.vendor, simulator) }
        return end
    }

    private func untilShown(_ mode: FaultMode, ids: Set<String>, tokens: [String]) async throws {
        try await simulator.arrived(mode.vendor, count: ids.count * tokens.count, quiet: Self.quiet)
        // Repeats count as arrived as well: what is missing behind them may still come.
        let deadline = ContinuousClock.now + Self.quiet
        while count(mode.vendor, ids: ids, tokens: tokens).lost > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
        }
        // A second copy would come after the first.
        try await Task.sleep(for: mode.repeatsWithin)
        simulator.clearFaults(mode.vendor)
    }

    private func untilArrived(_ sent: [String: Int64], _ vendor: SimulatedVendor) async throws {
        let deadline = ContinuousClock.now + Self.quiet
        while ContinuousClock.now < deadline {
            let seen = Set(simulator.pushes { $0.vendor == vendor }.compactMap(\.messageId))
            if sent.keys.allSatisfy(seen.contains) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    // MARK: Counting

    /// What the devices show of these messages.
    private func count(_ vendor: SimulatedVendor, ids: Set<String>, tokens: [String]) -> FaultRow.Count {
        var count = FaultRow.Count()
        for token in tokens {
            var visible: [String: Int] = [:]
            for push in simulator.visible(token: token) where push.vendor == vendor {
                if let id = push.messageId, ids.contains(id) { visible[id, default: 0] += 1 }
            }
            count.shown += visible.count
            count.lost += ids.count - visible.count
            count.doubled += visible.values.reduce(0) { $0 + $1 - 1 }
        }
        return count
    }

    private func row(
        _ mode: FaultMode, ids: [String], tokens: [String], dead: Set<String>, others: [String: Int64],
        held: Range<Int64>
    ) -> FaultRow {
        let names = Set(ids)
        var count = count(mode.vendor, ids: names, tokens: tokens.filter { !dead.contains($0) })
        let raw = simulator.pushes { push in
            push.vendor == mode.vendor && push.isShown && push.messageId.map(names.contains) ?? false
        }
        count.repeated = raw.count - Set(raw.map { [$0.token, $0.messageId ?? ""] }).count
        let all = simulator.requests { $0.vendor == mode.vendor }
        let asked = all.filter { $0.purpose == .send }
        let firstHit = all.first { $0.fault != nil }?.receivedAt ?? held.lowerBound
        return FaultRow(
            mode: mode, count: count, requests: all.count, hit: simulator.counters(mode.vendor).disturbed,
            highestRate: RequestRate.highest(all.map(\.receivedAt), from: firstHit + 1000, to: held.upperBound),
            pauses: RequestPauses(asked, lateFloor: Int64(late)),
            deadAccepted: raw.count { dead.contains($0.token) }, otherCount: otherCount(others, mode.other),
            others: [Percentiles(times(of: others, to: mode.other))])
    }

    private func otherCount(_ sent: [String: Int64], _ vendor: SimulatedVendor) -> FaultRow.Count {
        var count = FaultRow.Count()
        var seen: [String: [RecordedPush]] = [:]
        for push in simulator.pushes(where: { $0.vendor == vendor && $0.isShown }) {
            if let id = push.messageId, sent[id] != nil { seen[id, default: []].append(push) }
        }
        count.shown = seen.count
        count.lost = sent.count - seen.count
        for pushes in seen.values {
            count.repeated += pushes.count - 1
            // Each message went to one phone: what another one does not replace is shown beside it.
            count.doubled += pushes.count { $0.replaceKey == nil } > 0 ? pushes.count - 1 : 0
        }
        return count
    }
}
