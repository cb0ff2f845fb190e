import ArgumentParser
import Foundation
import PushGateClient
import PushSimulators

/// `pushgate bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure this machine.",
        discussion: """
            accept: messages from an app over HTTP, 64 connections, to 64 people without a device: the way into the \
            archive alone.

            fallback: pushes to phones that are away, through the vendor simulator: pushes a second from the queue to the \
            vendor's answer, the time from the deadline to the vendor's request at 1 000 a second, and a kill -9 while \
            many wait.

            single: the same as accept, each to one of 64 connected devices that acknowledge. \
            Everything (gateway, broker, generator, devices) runs on this machine; every message is synced to disk before \
            it is answered. Every accepted message is counted at the receiving devices: a run that lost or doubled one \
            exits 1.
            """)

    @Argument(help: "accept, single or fallback")
    var workload = "single"
    @Option(help: "Seconds to send.")
    var seconds = 10
    @Option(help: "HTTP connections.")
    var connections = 64
    @Option(help: "Receiving devices.")
    var devices = 64
    @Option(help: "Bytes of text in a message.")
    var bytes = 220
    @Option(help: "fallback: pushes for each vendor.")
    var jobs = 50_000
    @Option(help: "fallback: pushes that wait when the gateway is killed; 0 leaves this out.")
    var waiting = 100_000
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ["accept", "single", "fallback"].contains(workload) else {
            throw ValidationError("There are three workloads so far: accept, single and fallback.")
        }
        guard seconds > 0, connections > 0, devices > 0, bytes >= 0, jobs > 0, waiting >= 0 else {
            throw ValidationError("Numbers must be positive.")
        }
    }

    func run() async throws {
        if workload == "fallback" { return try await runFallback() }
        let gateway = try await BenchGateway.start(progress: progress)
        let result: SingleWorkload.Result
        do {
            result = try await SingleWorkload(
                name: workload, isDelivered: workload == "single", gateway: gateway, seconds: seconds,
                connections: connections, devices: devices, textBytes: bytes,
                progress: progress
            ).run()
        } catch {
            await gateway.stop()
            throw error
        }
        await gateway.stop()
        print(json ? result.json.description : result.table)
        if result.lost > 0 || result.doubled > 0 { throw ExitCode.failure }
    }

    private func runFallback() async throws {
        var configuration = VendorSimulator.Configuration()
        configuration.keptPushes = 2 * max(jobs, waiting, seconds * 1000)
        // The gateway is restarted within the time for which Apple would want one provider token.
        configuration.providerTokenUpdateSeconds = 0
        let simulator = try await VendorSimulator.start(configuration: configuration)
        defer { Task { try? await simulator.shutdown() } }  // the process ends anyway
        let gateway = try await BenchGateway.start(
            arguments: [
                "--allow-private-endpoints", "--ca-file", simulator.caFile,
            ], progress: progress)
        let rows: [FallbackWorkload.Row]
        do {
            rows = try await FallbackWorkload(
                gateway: gateway, simulator: simulator, seconds: seconds, waiting: waiting, jobs: jobs,
                progress: progress
            ).run()
        } catch {
            await gateway.stop()
            throw error
        }
        await gateway.stop()
        if json {
            let report: JSONValue = [
                "machine": .string(BenchMachine.description),
                "settings": "synchronous=FULL, vendor simulator on this machine",
                "workloads": .array(rows.map(\.json)),
            ]
            print(report)
        } else {
            print("machine        \(BenchMachine.description)")
            for row in rows { print(row.line) }
        }
        if rows.contains(where: { $0.lost > 0 || $0.doubled > 0 }) { throw ExitCode.failure }
    }

    private func progress(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
