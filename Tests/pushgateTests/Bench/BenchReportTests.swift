import PushGateClient
import Testing

@testable import pushgate

@Suite("What bench reports")
struct BenchReportTests {
    private static let raw = RawBroker.Figures(
        subscribers: 64, payloadBytes: 450, rate: 20_000, latency: Percentiles([1_000_000]))

    private func row(
        _ name: String = "single", rate: Double = 10_000, raw: RawBroker.Figures? = raw, lost: Int = 0, doubled: Int = 0
    ) -> WorkloadResult {
        var usage = Usage()
        usage.seconds = 10
        usage.cpuGateway = 9.256
        usage.memory = 1024
        usage.fsyncs = 77
        return WorkloadResult(
            name: name, rate: rate, latency: Percentiles([2_000_000]), usage: usage,
            totals: .init(delivered: 100, lost: lost, doubled: doubled, accepted: 100), raw: raw)
    }

    private func report(_ rows: [WorkloadResult]) -> BenchReport {
        BenchReport(machine: "2 cores, X", settings: "s", commit: nil, raw: Self.raw, rows: rows)
    }

    @Test func `JSON has the members that others read, as numbers`() throws {
        let json = try JSONValue(parsing: report([row()]).json.bytes)
        #expect(json.members?.map(\.name) == ["machine", "settings", "raw", "workloads"])
        #expect(json["raw"]?["rate"] == .number("20000.00") && json["raw"]?["p99"] == .number("1.00"))
        let workload = try #require(json["workloads"]?.array?.first)
        let names = workload.members?.map(\.name) ?? []
        let expected = [
            "name", "rate", "ratio", "p50", "p99", "max", "cpuGateway", "cpuBroker", "memory", "fsyncs", "delivered",
            "lost", "doubled", "raw",
        ]
        #expect(Array(names.prefix(expected.count)) == expected)
        #expect(workload["ratio"] == .number("0.500") && workload["cpuGateway"] == .number("9.26"))
        #expect(workload["p50"] == .number("2.00") && workload["fsyncs"] == .number("77"))
    }

    @Test func `without a raw rate there is no ratio`() {
        #expect(row(raw: nil).json["ratio"] == nil && row(raw: nil).json["raw"] == nil)
        #expect(row(raw: nil).ratio == nil)
    }

    @Test func `a lost or doubled message is wrong`() {
        #expect(!report([row()]).isWrong)
        #expect(report([row(), row("batch", lost: 1)]).isWrong)
        #expect(report([row("group", doubled: 1)]).isWrong)
    }

    @Test func `a rate that is no number stays JSON`() {
        #expect(row(rate: .infinity).json["rate"] == .number("0"))
        #expect(row(rate: .nan).json["rate"] == .number("0"))
    }

    private func falls(_ before: [WorkloadResult], _ now: [WorkloadResult], machine: String = "2 cores, X") throws
        -> [String]
    {
        RatioComparison.falls(
            from: try JSONValue(parsing: report(before).json.bytes), to: now.compactMap(\.ratio), machine: machine
        ).map(\.workload)
    }

    @Test func `a ratio that fell by more than 15 % is named`() throws {
        let before = [row("single", rate: 10_000), row("batch", rate: 10_000), row("uplink", rate: 10_000)]
        let now = [row("single", rate: 8400), row("batch", rate: 8600), row("uplink", rate: 12_000)]
        #expect(try falls(before, now) == ["single"])
    }

    @Test func `what only one run has, and another machine's run, is not compared`() throws {
        #expect(try falls([row("batch")], [row("single", rate: 1)]).isEmpty)
        #expect(try falls([row("single", raw: nil)], [row("single", rate: 1)]).isEmpty)
        #expect(try falls([row("single")], [row("single", rate: 1)], machine: "4 cores, Y").isEmpty)
    }
}
