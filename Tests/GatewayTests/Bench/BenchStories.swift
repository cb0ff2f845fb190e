import PushGateClient
import Testing

extension GatewayStories {
    /// `pushgate bench` at its smallest, on real processes: that it measures every workload, and that it notices when
    /// what arrives is not what was sent.
    @Suite struct BenchStories {
        private static let small = [
            "--seconds", "1", "--devices", "4", "--connections", "4", "--members", "10", "--accounts", "60", "--online",
            "10", "--reconnecting", "20", "--archived", "1000", "--undelivered", "100", "--registered", "100",
            "--connected", "10",
        ]

        private func bench(_ arguments: [String]) async throws -> (ending: ChildProcess.Ending, report: JSONValue) {
            let command = [try GatewayProcess.executable(), "bench"] + arguments + Self.small + ["--json"]
            let run = try await ChildProcess.run(command, within: .seconds(300))
            // Standard output is one JSON document and nothing else.
            let report = try? JSONValue(parsing: Array(run.output.utf8))
            return (run.ending, try #require(report, "\(run.output)\n\(run.errors)"))
        }

        @Test func `a clean run ends well, with every figure`() async throws {
            let (ending, report) = try await bench(["single", "register"])
            #expect(ending == .exited(0), "\(report)")
            let rows = report["workloads"]?.array ?? []
            #expect(rows.compactMap { $0["name"]?.string } == ["single", "single-half-rate", "register"])
            for row in rows {
                #expect((row["delivered"]?.integer ?? 0) > 0, "\(row)")
                #expect(row["lost"]?.integer == 0 && row["doubled"]?.integer == 0, "\(row)")
                #expect((row["fsyncs"]?.integer ?? 0) > 0 && (row["memory"]?.integer ?? 0) > 1_000_000, "\(row)")
            }
            #expect(rows.first?["raw"]?["subscribers"]?.integer == 4)
            #expect(report["raw"]?["rate"] != nil && report["machine"]?.string != nil)
        }

        @Test func `every workload notices one that did not arrive`() async throws {
            let names = [
                "single", "batch", "group", "uplink", "broadcast", "register", "reconnect", "sync", "history", "memory",
                "start",
            ]
            let (ending, report) = try await bench(names + ["--miscount", "lost"])
            #expect(ending == .exited(1))
            let rows = report["workloads"]?.array ?? []
            for name in names {
                // The name is followed by the size of the archive where that grows.
                let row = try #require(rows.first { $0["name"]?.string?.hasPrefix(name) == true }, "\(name)")
                #expect(row["lost"]?.integer == 1 && row["doubled"]?.integer == 0, "\(row)")
            }
        }

        @Test func `one that arrived twice is noticed`() async throws {
            let names = ["batch", "group", "register", "reconnect"]
            let (ending, report) = try await bench(names + ["--miscount", "doubled"])
            #expect(ending == .exited(1))
            for row in report["workloads"]?.array ?? [] {
                #expect(row["doubled"]?.integer == 1 && row["lost"]?.integer == 0, "\(row)")
            }
            #expect(report["workloads"]?.array?.count == names.count)
        }
    }
}
