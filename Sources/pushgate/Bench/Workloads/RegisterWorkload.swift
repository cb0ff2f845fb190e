import PushGateClient
import PushSimulators
import Synchronization

/// Devices of new users that register, each with its user's signature.
struct RegisterWorkload: Sendable {
    let sizes: BenchSizes

    /// Signatures are made before: the tenant's server would make them.
    private static let perSecondMax = 10_000

    func run(_ stage: BenchStage) async throws -> [WorkloadResult] {
        let count = sizes.seconds * Self.perSecondMax
        stage.progress("register: signing \(count) users")
        let signatures = try await sign(count, stage)
        let ledger = DeliveryLedger(receivers: 1, isToAll: false)
        stage.progress("register: registering for \(sizes.seconds) s")
        let before = try await activeDevices(stage)
        let meter = try await UsageMeter(stage.gateway)
        let began = Monotonic.now
        var plan = HTTPLoad.Plan(connections: sizes.connections, duration: .seconds(sizes.seconds))
        plan.requestsMax = count
        _ = try await HTTPLoad(host: "127.0.0.1", port: stage.gateway.httpPort).run(plan) { number, _ in
            ledger.sent(number..<number + 1) { _ in .one(0) }
            let body =
                #"{"uniqueCode":"\#(BenchDevices.uniqueCode(number))","userId":"\#(BenchDevices.user(number))","osType":2,"#
                + #""pushTokens":[{"vendor":"fcm","token":"fcm-token-\#(number)-0123456789abcdef"}]}"#
            return HTTPLoad.Request(path: "/v1/devices", bearer: signatures[number], body: Array(body.utf8))
        } answered: { answer in
            ledger.answered(answer.number..<answer.number + 1, isAccepted: answer.status == 201)
        }
        let elapsed = Double(Monotonic.now - began) / 1e9
        let usage = try await meter.finish()
        let registered = sizes.miscount.changed(try await activeDevices(stage) - before)
        let accepted = ledger.totals.accepted
        return [
            WorkloadResult(
                name: "register", unit: "devices", rate: Double(accepted) / elapsed,
                latency: Percentiles(ledger.times.answer), usage: usage,
                totals: .init(
                    delivered: registered, lost: max(0, accepted - registered),
                    doubled: max(0, registered - accepted - ledger.totals.refused), accepted: accepted,
                    refused: ledger.totals.refused))
        ]
    }

    private func activeDevices(_ stage: BenchStage) async throws -> Int {
        let stats = try await stage.gateway.operatorAPI().call(.get, ["v1", "admin", "stats"]).json()
        return Int(stats["devices"]?["active"]?.integer ?? 0)
    }

    private func sign(_ count: Int, _ stage: BenchStage) async throws -> [String] {
        let parts = BenchMachine.cores
        return try await withThrowingTaskGroup(of: (Int, [String]).self) { group in
            for part in 0..<parts {
                let numbers = count * part / parts..<count * (part + 1) / parts
                group.addTask { (part, try numbers.map { try stage.signature(for: BenchDevices.user($0)) }) }
            }
            var signed = [[String]](repeating: [], count: parts)
            for try await (part, signatures) in group { signed[part] = signatures }
            return signed.flatMap { $0 }
        }
    }
}
