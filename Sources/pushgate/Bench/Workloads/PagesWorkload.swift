import PushGateClient
import PushSimulators
import Synchronization

/// Devices that fetch a page of 100 from their inbox (`sync`) or their history, while the archive grows.
struct PagesWorkload: Sendable {
    enum Kind: String, Sendable { case sync, history }

    let kinds: [Kind]
    let sizes: BenchSizes

    static let pageItems = 100
    private static let smallest = 10_000
    private static let connections = 4
    private static let readersMax = 200
    private static let item = Array(#""serverTime":"#.utf8)

    /// 10 000, and tenfold as far as `archived`.
    static func growth(to archived: Int) -> [Int] {
        var sizes = [min(smallest, archived)]
        while let last = sizes.last, last * 10 <= archived { sizes.append(last * 10) }
        return sizes
    }

    func run(progress: @escaping @Sendable (String) -> Void) async throws -> [WorkloadResult] {
        var results: [WorkloadResult] = []
        for archived in Self.growth(to: sizes.archived) {
            results += try await BenchStage.run(progress: progress) { stage in
                try await measure(archived, stage)
            }
        }
        return results
    }

    /// Each account has a page of messages, which lie all over the archive.
    private func measure(_ archived: Int, _ stage: BenchStage) async throws -> [WorkloadResult] {
        let accounts = max(1, archived / Self.pageItems)
        try await ArchiveLoader.load(into: stage) { loader in
            try await loader.accounts(accounts)
            try await loader.messages(0..<archived, prefix: "b1-", accounts: accounts, textBytes: sizes.bytes)
            try await loader.settle()
            try await loader.markDelivered()
        }
        let readers = min(Self.readersMax, accounts)
        let devices = try await BenchDevices.register(readers, step: accounts / readers, with: stage)
        let tokens = devices.sessions.map(\.credential.value)
        await devices.shutdown()
        var results: [WorkloadResult] = []
        for kind in kinds { results.append(try await fetch(kind, archived, stage, tokens)) }
        return results
    }

    private func fetch(
        _ kind: Kind, _ archived: Int, _ stage: BenchStage, _ tokens: [String]
    ) async throws -> WorkloadResult {
        let seconds = min(sizes.seconds, 5)
        stage.progress("\(kind.rawValue): fetching pages for \(seconds) s, \(archived) archived")
        let miscount = sizes.miscount
        let paths = paths(kind, stage)
        let ledger = DeliveryLedger(receivers: 1, isToAll: false)
        let missing = Atomic<Int>(0)
        let surplus = Atomic<Int>(0)
        let meter = try await UsageMeter(stage.gateway)
        var plan = HTTPLoad.Plan(connections: Self.connections, duration: .seconds(seconds))
        plan.keepsBodies = true
        let began = Monotonic.now
        _ = try await HTTPLoad(host: "127.0.0.1", port: stage.gateway.httpPort).run(plan) { number, _ in
            ledger.sent(number..<number + 1) { _ in .one(0) }
            return HTTPLoad.Request(
                "GET", path: paths[number % paths.count], bearer: tokens[(number / paths.count) % tokens.count])
        } answered: { answer in
            ledger.answered(answer.number..<answer.number + 1, isAccepted: answer.status == 200)
            guard answer.status == 200 else { return }
            let found = BatchStatuses.occurrences(of: Self.item, in: answer.body)
            let items = answer.number == 0 ? miscount.changed(found) : found
            missing.add(max(0, Self.pageItems - items), ordering: .relaxed)
            surplus.add(max(0, items - Self.pageItems), ordering: .relaxed)
        }
        let elapsed = Double(Monotonic.now - began) / 1e9
        let usage = try await meter.finish()
        let (accepted, refused) = (ledger.totals.accepted, ledger.totals.refused)
        let lost = missing.load(ordering: .relaxed)
        return WorkloadResult(
            name: "\(kind.rawValue)-\(archived)",
            unit: "pages of \(Self.pageItems); delivered, lost and doubled: items",
            rate: Double(accepted) / elapsed, latency: Percentiles(ledger.times.answer), usage: usage,
            totals: .init(
                delivered: accepted * Self.pageItems - lost, lost: lost, doubled: surplus.load(ordering: .relaxed),
                accepted: accepted, refused: refused),
            details: [.init("archived", Double(archived)), .init("databaseBytes", Double(stage.gateway.databaseBytes))])
    }

    private func paths(_ kind: Kind, _ stage: BenchStage) -> [String] {
        switch kind {
        case .sync: ["/v1/messages/sync?after=0&limit=\(Self.pageItems)"]
        // Everything, and the one conversation there is.
        case .history:
            [
                "/v1/messages/history?limit=\(Self.pageItems)",
                "/v1/messages/history?limit=\(Self.pageItems)&with=\(stage.app.id)",
            ]
        }
    }
}
