import Foundation
import PushGateClient
import Testing

extension GatewayStories {
    /// `pushgate bench faults` in small, on the real executable: one of each kind of fault. The whole list is for
    /// `pushgate bench faults` itself.
    @Suite struct FaultBenchStories {
        @Test func `whatever a vendor does, no push is lost or shown twice and no other vendor waits for it`()
            async throws
        {
            let modes = ["hang", "reset-accepted", "429-seconds", "partial-batch", "garbage", "goaway", "dead-tokens"]
            // A p99 of few pushes on a busy machine says little: a lane that waited for another's ten seconds shows.
            let run = try await ChildProcess.run(
                [
                    try GatewayProcess.executable(), "bench", "faults", "--pushes", "300", "--rate", "50", "--floor",
                    "3000", "--late", "1000", "--alone", "1", "--modes", modes.joined(separator: ","), "--json",
                ], within: .seconds(600))
            let rows = try JSONValue(parsing: Array(run.output.utf8))["workloads"]?.array ?? []
            #expect(
                Set(modes).isSubset(of: rows.compactMap { $0["name"]?.string }), "\(run.output)\n\(run.errors)")
            for row in rows {
                #expect(row["wrong"]?.array?.isEmpty == true, "\(row)")
                let name = row["name"]?.string ?? ""
                #expect(row["shown"]?.integer == (name == "dead-tokens" ? 270 : 300), "\(row)")
                #expect((row["otherShown"]?.integer ?? 0) > 100, "\(row)")
            }
            #expect(run.ending == .exited(0), "\(run.errors)")
        }

        @Test func `a way that there is not is named`() async throws {
            let run = try await ChildProcess.run(
                [try GatewayProcess.executable(), "bench", "faults", "--modes", "slow,sleepy"])
            #expect(run.ending == .exited(64) && run.errors.contains("sleepy"), "\(run.errors)")
        }
    }
}
