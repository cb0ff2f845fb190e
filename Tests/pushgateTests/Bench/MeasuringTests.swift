import Glibc
import Testing

@testable import pushgate

@Suite("Measuring")
struct MeasuringTests {
    @Test func `percentiles in milliseconds`() {
        let times = Percentiles((1...200).reversed().map { Int64($0) * 1_000_000 })
        #expect(times.p50 == "101.00" && times.p99 == "199.00" && times.max == "200.00")
        #expect(times.p99Milliseconds == 199)
        let none = Percentiles([])
        #expect(none.p50 == "0" && none.max == "0")
        #expect(Percentiles([1_500_000]).p99 == "1.50")
    }

    private func usage(
        gateway: Double, broker: Double, client: Double, others: Double = 0, disk: Double = 0
    ) -> Usage {
        var usage = Usage()
        usage.seconds = 10
        (usage.cpuGateway, usage.cpuBroker, usage.cpuClient) = (gateway, broker, client)
        usage.cpuOthers = others
        usage.diskWait = disk
        return usage
    }

    @Test func `the first bottleneck has a name`() {
        func name(_ usage: Usage) -> String { Bottleneck.name(of: usage, cores: 2) }
        #expect(name(usage(gateway: 12, broker: 3, client: 4)).hasPrefix("CPU of the gateway"))
        #expect(name(usage(gateway: 5, broker: 3, client: 11)).hasPrefix("CPU of the client"))
        #expect(name(usage(gateway: 5, broker: 9.5, client: 3)).hasPrefix("CPU of the broker: its one thread"))
        #expect(name(usage(gateway: 2, broker: 1, client: 2, disk: 0.8)).hasPrefix("fsync"))
        #expect(name(usage(gateway: 5, broker: 1, client: 2, others: 11)).hasPrefix("other processes"))
        #expect(name(usage(gateway: 2, broker: 1, client: 2)).hasPrefix("nothing is busy"))
        var threads = usage(gateway: 10, broker: 1, client: 2)
        threads.busiestThread = ("pushgate.writer", 0.95)
        #expect(name(threads).contains("pushgate.writer"))
        #expect(name(Usage()) == "-")
    }

    @Test func `the statuses of a batch`() {
        let good = Array(#"{"results":[{"id":"a","status":200},{"id":"b","status":200}]}"#.utf8)
        #expect(BatchStatuses.read(good, count: 2) == [200, 200])
        let mixed = Array(#"{"results":[{"id":"a","status":200},{"id":"b","status":404,"code":"x"}]}"#.utf8)
        #expect(BatchStatuses.read(mixed, count: 2) == [200, 404])
        #expect(BatchStatuses.read(good, count: 3) == [200, 200, 0])
        #expect(BatchStatuses.read(Array("<html>".utf8), count: 2) == [0, 0])
    }

    @Test func `a raw payload has its number and its size`() {
        let payload = RawBroker.payload(1234, bytes: 300)
        #expect(payload.count == 300 && RawBroker.number(of: payload) == 1234)
    }

    @Test func `the archive grows tenfold as far as it may`() {
        #expect(PagesWorkload.growth(to: 10_000_000) == [10_000, 100_000, 1_000_000, 10_000_000])
        #expect(PagesWorkload.growth(to: 999_999) == [10_000, 100_000])
        #expect(PagesWorkload.growth(to: 500) == [500])
    }

    @Test func `this process has threads, memory and a past`() throws {
        let own = ProcessFigures.threads(of: getpid())
        #expect(!own.isEmpty)
        #expect(ProcessFigures.residentBytes(of: getpid()) > 1_000_000)
        #expect(ProcessFigures.machineSeconds > 0)
    }
}
