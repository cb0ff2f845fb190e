import PushCore
import PushTestSupport
import Synchronization
import Testing

@testable import PushHTTP

@Suite struct MetricsTests {
    @Test func `the text has a help and a type for each metric, and escapes what it must`() {
        let text = PrometheusText.text([
            MetricFamily("one_total", .counter, "A \\ and\na \"line\".", value: 7),
            MetricFamily(
                "two", .gauge, "Two.",
                [.init([.init("a", "x\"y"), .init("b", "\\\n")], -1), .init([.init("a", "z")], .max)]),
            MetricFamily("none", .gauge, "Nothing yet.", []),
        ])
        #expect(
            text == """
                # HELP one_total A \\\\ and\\na "line".
                # TYPE one_total counter
                one_total 7
                # HELP two Two.
                # TYPE two gauge
                two{a="x\\"y",b="\\\\\\n"} -1
                two{a="z"} 9223372036854775807
                # HELP none Nothing yet.
                # TYPE none gauge

                """)
    }

    @Test func `anybody may read the metrics, which name nobody`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let reply = try await call(.get, "/metrics")
            #expect(reply.status == 200)
            #expect(reply.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
            let lines = Set(reply.text.split(separator: "\n").map(String.init))
            #expect(lines.contains("pushgate_tenants 1"))
            #expect(lines.contains(#"pushgate_pushes_total{vendor="fcm",outcome="accepted"} 3"#))
            #expect(lines.contains(#"pushgate_push_credentials{vendor="apns",state="stopped"} 1"#))
            #expect(lines.contains("pushgate_push_brakes_total 2"))
            #expect(lines.contains(#"pushgate_push_receipts_total{result="recorded"} 4"#))
            for (bound, count) in [("5", 2), ("500", 2), ("1000", 3), ("60000", 3), ("+Inf", 4)] {
                let line = #"pushgate_push_latency_milliseconds_bucket{vendor="fcm",le="\#(bound)"} \#(count)"#
                #expect(lines.contains(line), "\(line)")
            }
            #expect(lines.contains(#"pushgate_push_latency_milliseconds_sum{vendor="fcm"} 90708"#))
            #expect(lines.contains(#"pushgate_push_latency_milliseconds_count{vendor="fcm"} 4"#))
            #expect(lines.contains("# TYPE pushgate_pushes_waiting gauge"))
            for name in ["acme", "ann", fixture.appID] { #expect(!reply.text.contains(name)) }
        }
    }

    /// A store that counts its readings.
    private final class CountedStore: StatisticsStore {
        let readings = Mutex(0)

        func statistics() async throws -> StoreStatistics {
            readings.withLock { $0 += 1 }
            return StoreStatistics(
                tenants: 1, apps: 1, accounts: 1, devices: .init(active: 1, deregistered: 0, moved: 0), messages: 1,
                entries: 5, waitingPushes: 2,
                writer: .init(waiting: 0, transactions: 3, commands: 4, failures: 0))
        }

        func waitingPushes() async throws -> [Vendor: Int64] { [.oppo: 2, .apns: 1] }
        func auditTrail(before key: Int64?, limit: Int) async throws -> [AuditEntry] { [] }
    }

    @Test func `the store is asked once in some seconds, however many read`() async throws {
        let store = CountedStore()
        let start = ContinuousClock.now
        let passed = Mutex(Duration.zero)
        let metrics = GatewayMetrics(
            store: store, presence: PresenceBook(), pushes: { PushFigures() }, stops: { 0 },
            now: { start + passed.withLock { $0 } })
        let first = try await metrics.read()
        for _ in 0..<20 { _ = try await metrics.read() }
        #expect(store.readings.withLock { $0 } == 1)
        let waiting = try #require(first.first { $0.name == "pushgate_pushes_waiting" })
        #expect(waiting.samples == [.init([.init("vendor", "apns")], 1), .init([.init("vendor", "oppo")], 2)])
        #expect(first.first { $0.name == "pushgate_archive_head" }?.samples == [.init([], 5)])
        passed.withLock { $0 = .seconds(6) }
        _ = try await metrics.read()
        #expect(store.readings.withLock { $0 } == 2)
    }
}
