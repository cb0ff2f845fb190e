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

            single: the same, each to one of 64 connected devices that acknowledge. \
            Everything (gateway, broker, generator, devices) runs on this machine; every message is synced to disk before \
            it is answered. Every accepted message is counted at the receiving devices: a run that lost or doubled one \
            exits 1.
            """)

    @Argument(help: "accept or single")
    var workload = "single"
    @Option(help: "Seconds to send.")
    var seconds = 10
    @Option(help: "HTTP connections.")
    var connections = 64
    @Option(help: "Receiving devices.")
    var devices = 64
    @Option(help: "Bytes of text in a message.")
    var bytes = 220
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard ["accept", "single"].contains(workload) else {
            throw ValidationError("There are two workloads so far: accept and single.")
        }
        guard seconds > 0, connections > 0, devices > 0, bytes >= 0 else {
            throw ValidationError("Numbers must be positive.")
        }
    }

    func run() async throws {
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

    private func progress(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
