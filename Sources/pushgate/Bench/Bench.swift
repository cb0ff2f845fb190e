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

            faults: a vendor goes wrong in one way after the other while pushes wait for it and another vendor gets a \
            steady rate: whether every push is shown once in the end, the vendor is left alone for as long as it asks, \
            and the other one does not notice.

            single: the same as accept, each to one of 64 connected devices that acknowledge. \
            Everything (gateway, broker, generator, devices) runs on this machine; every message is synced to disk before \
            it is answered. Every accepted message is counted at the receiving devices: a run that lost or doubled one \
            exits 1.
            """)

    @Argument(help: "accept, single, fallback or faults")
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
    @Option(help: "faults: pushes to the vendor that goes wrong, for each way.")
    var pushes = 10_000
    @Option(help: "faults: pushes a second to the other vendor.")
    var rate = 200
    @Option(help: "faults: milliseconds by which the other vendor's p99 may grow in any case.")
    var floor = 5.0
    @Option(help: "faults: milliseconds by which a request may come late after Retry-After in any case.")
    var late = 250
    @Option(help: "faults: only these ways, separated by commas.")
    var modes = ""
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ["accept", "single", "fallback", "faults"].contains(workload) else {
            throw ValidationError("There are four workloads so far: accept, single, fallback and faults.")
        }
        guard pushes >= 100, rate >= 10, floor >= 0, late >= 0 else {
            throw ValidationError("At least 100 pushes, and 10 a second.")
        }
        _ = try chosenModes()
        guard seconds > 0, connections > 0, devices > 0, bytes >= 0, jobs > 0, waiting >= 0 else {
            throw ValidationError("Numbers must be positive.")
        }
    }

    func run() async throws {
        if workload == "fallback" { return try await runFallback() }
        if workload == "faults" { return try await runFaults() }
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
        let rows = try await withSimulator(keptPushes: 2 * max(jobs, waiting, seconds * 1000)) { gateway, simulator in
            try await FallbackWorkload(
                gateway: gateway, simulator: simulator, seconds: seconds, waiting: waiting, jobs: jobs,
                progress: progress
            ).run()
        }
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

    private func chosenModes() throws -> [FaultMode] {
        guard !modes.isEmpty else { return FaultMode.broken }
        let names = modes.split(separator: ",").map(String.init)
        let known = FaultMode.broken.map(\.name)
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("There is no \(unknown) among \(known.joined(separator: ", ")).")
        }
        return FaultMode.broken.filter { names.contains($0.name) }
    }

    private func runFaults() async throws {
        let chosen = try chosenModes()
        let rows = try await withSimulator(keptPushes: 40 * pushes, keptRequests: 100 * pushes) { gateway, simulator in
            try await FaultWorkload(
                gateway: gateway, simulator: simulator, modes: chosen, pushes: pushes, rate: rate, floor: floor,
                late: late,
                progress: progress
            ).run()
        }
        if json {
            let report: JSONValue = [
                "machine": .string(BenchMachine.description),
                "settings": .string(FaultRow.rules(floor: floor, late: late)),
                "workloads": .array(rows.map(\.json)),
            ]
            print(report)
        } else {
            print(
                "machine        \(BenchMachine.description)\nrules          \(FaultRow.rules(floor: floor, late: late))"
            )
            print(FaultRow.heading)
            for row in rows { print(row.line) }
        }
        if rows.contains(where: { !$0.wrong.isEmpty }) { throw ExitCode.failure }
    }

    private func withSimulator<Value: Sendable>(
        keptPushes: Int, keptRequests: Int = 0,
        _ body: (BenchGateway, VendorSimulator) async throws -> Value
    ) async throws -> Value {
        var configuration = VendorSimulator.Configuration()
        configuration.keptPushes = keptPushes
        configuration.keptRequests = keptRequests
        // The gateway is restarted within the time for which Apple would want one provider token.
        configuration.providerTokenUpdateSeconds = 0
        let simulator = try await VendorSimulator.start(configuration: configuration)
        defer { Task { try? await simulator.shutdown() } }  // the process ends anyway
        let gateway = try await BenchGateway.start(
            arguments: ["--allow-private-endpoints", "--ca-file", simulator.caFile], progress: progress)
        let value: Value
        do {
            value = try await body(gateway, simulator)
        } catch {
            await gateway.stop()
            throw error
        }
        await gateway.stop()
        return value
    }

    private func progress(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
