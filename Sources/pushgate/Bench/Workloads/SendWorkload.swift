import PushGateClient
import PushSimulators

/// Messages of an app over HTTP to devices that are online, counted where they arrive. What `accept`, `single`, `batch`
/// and `group` have in common.
struct SendWorkload: Sendable {
    let name: String
    let path: String
    var messagesPerRequest = 1
    /// Without devices nothing is published.
    var isDelivered = true
    /// Each message goes to all devices, or to one of them in turn.
    var isToAll = false
    /// Another measurement at half of the rate that was found.
    var measuresHalfRate = false
    /// A request's body from the messages' ids and the receivers' accounts.
    let body: @Sendable (_ ids: [String], _ receivers: [String]) -> [UInt8]

    /// More copies than this are never on their way: the generator waits.
    static let outstandingMax = 10_000

    func run(_ stage: BenchStage, _ sizes: BenchSizes, devices count: Int, raw: RawReference) async throws
        -> [WorkloadResult]
    {
        if !isDelivered { return [try await accept(stage, sizes, count)] }
        let devices = try await BenchDevices.register(count, with: stage, miscount: sizes.miscount)
        try await devices.connectAll()
        try await devices.untilCaughtUp()
        let first = try await measure(stage, sizes, devices, prefix: "b1-", seconds: sizes.seconds, rate: nil)
        var results = [first]
        if measuresHalfRate {
            let requests = first.rate / Double(messagesPerRequest * (isToAll ? count : 1))
            results.append(
                try await measure(
                    stage, sizes, devices, prefix: "b2-", seconds: max(1, sizes.seconds / 2), rate: requests / 2))
        }
        let bytes = devices.entryBytes
        await devices.shutdown()
        let figures = try await raw.figures(subscribers: count, payloadBytes: bytes)
        results[0].raw = figures
        return results
    }

    private func measure(
        _ stage: BenchStage, _ sizes: BenchSizes, _ devices: BenchDevices, prefix: String, seconds: Int, rate: Double?
    ) async throws -> WorkloadResult {
        let accounts = devices.accounts
        let ledger = DeliveryLedger(receivers: accounts.count, isToAll: isToAll)
        devices.count(.init(prefix: prefix, ledger: ledger))
        let repeats = devices.repeats
        let pace = rate.map { ", \(Int($0)) requests/s" } ?? ""
        stage.progress("\(name): sending for \(seconds) s to \(accounts.count) devices\(pace)")
        let meter = try await UsageMeter(stage.gateway)
        try await send(stage, sizes, ledger, accounts, prefix: prefix, seconds: seconds, rate: rate)
        try await ledger.waitForArrivals()
        let usage = try await meter.finish()
        var totals = ledger.totals
        // What the clients dropped because it came again.
        totals.doubled += devices.repeats - repeats
        let times = ledger.times
        let elapsed = Double(max(1, times.lastArrival - times.firstSent)) / 1e9
        let answer = Percentiles(times.answer)
        return WorkloadResult(
            name: rate == nil ? name : "\(name)-half-rate", unit: isToAll ? "copies" : "messages",
            rate: Double(totals.delivered) / elapsed, latency: Percentiles(times.arrival), usage: usage, totals: totals,
            details: [
                .init("accepted", Double(totals.accepted)), .init("answerP50", Double(answer.p50) ?? 0),
                .init("answerP99", answer.p99Milliseconds),
            ])
    }

    private func send(
        _ stage: BenchStage, _ sizes: BenchSizes, _ ledger: DeliveryLedger, _ accounts: [String], prefix: String,
        seconds: Int, rate: Double?
    ) async throws {
        let token = try await stage.token()
        var plan = HTTPLoad.Plan(connections: sizes.connections, duration: .seconds(seconds))
        plan.ratePerSecond = rate
        plan.keepsBodies = messagesPerRequest > 1
        if isDelivered { plan.mayGoOn = { ledger.outstanding < Self.outstandingMax } }
        let (perRequest, isToAll, body, path) = (messagesPerRequest, isToAll, body, path)
        _ = try await HTTPLoad(host: "127.0.0.1", port: stage.gateway.httpPort).run(plan) { number, due in
            let numbers = number * perRequest..<(number + 1) * perRequest
            let late = max(.zero, ContinuousClock.now - due).components
            let lateNanoseconds = late.seconds * 1_000_000_000 + late.attoseconds / 1_000_000_000
            ledger.sent(numbers, at: Monotonic.now - lateNanoseconds) { isToAll ? .all : .one($0 % accounts.count) }
            return HTTPLoad.Request(
                path: path, bearer: token,
                body: body(numbers.map { "\(prefix)\($0)" }, numbers.map { accounts[$0 % accounts.count] }))
        } answered: { answer in
            let numbers = answer.number * perRequest..<(answer.number + 1) * perRequest
            guard perRequest > 1, answer.status == 200 else {
                return ledger.answered(numbers, isAccepted: answer.status == 200)
            }
            for (number, status) in zip(numbers, BatchStatuses.read(answer.body, count: perRequest)) {
                ledger.answered(number..<number + 1, isAccepted: status == 200)
            }
        }
    }

    /// The way into the archive alone.
    private func accept(_ stage: BenchStage, _ sizes: BenchSizes, _ count: Int) async throws -> WorkloadResult {
        let accounts = try await stage.api.importAccounts((0..<count).map(BenchDevices.user)).compactMap {
            $0["account"]?.string
        }
        let ledger = DeliveryLedger(receivers: count, isToAll: false)
        stage.progress("\(name): sending for \(sizes.seconds) s to \(count) people without a device")
        let meter = try await UsageMeter(stage.gateway)
        try await send(stage, sizes, ledger, accounts, prefix: "b1-", seconds: sizes.seconds, rate: nil)
        let usage = try await meter.finish()
        let accepted = ledger.totals
        let totals = DeliveryLedger.Totals(accepted: accepted.accepted, refused: accepted.refused)
        return WorkloadResult(
            name: name, unit: "messages accepted, nobody is online",
            rate: Double(accepted.accepted) / Double(sizes.seconds),
            latency: Percentiles(ledger.times.answer), usage: usage, totals: totals)
    }
}

/// The `status` of each result of a batch.
enum BatchStatuses {
    private static let accepted = Array(#""status":200"#.utf8)

    /// Counts before it parses: parsing a hundred results for each request would measure the generator.
    static func read(_ body: [UInt8], count: Int) -> [Int64] {
        if occurrences(of: accepted, in: body) == count { return [Int64](repeating: 200, count: count) }
        let results = (try? JSONValue(parsing: body))?["results"]?.array ?? []  // not JSON: none was accepted
        let statuses = results.map { $0["status"]?.integer ?? 0 }
        return statuses + [Int64](repeating: 0, count: max(0, count - statuses.count))
    }

    static func occurrences(of wanted: [UInt8], in body: [UInt8]) -> Int {
        var count = 0
        var index = 0
        while index + wanted.count <= body.count {
            if body[index] == wanted[0], body[index..<index + wanted.count].elementsEqual(wanted) {
                count += 1
                index += wanted.count
            } else {
                index += 1
            }
        }
        return count
    }
}
