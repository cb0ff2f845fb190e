import ArgumentParser
import Foundation

/// `pushgate demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A whole story on this machine, with real processes: see it work in half a minute.",
        discussion: """
            Starts a vendor simulator, a gateway with its Mosquitto, and three simulated devices; sends messages, switches \
            a device off, lets one keep silent, kills the broker; checks that everything arrives, and prints each \
            message's trace. Exit code 1 when something did not come as promised.
            """)

    @Option(
        help: "The gateway's data directory. (default: a new one below the temporary directory, removed at the end)")
    var dataDir: String?
    @Option(help: "Where the HTTP API listens; the next free port where it is taken.")
    var http = "127.0.0.1:8080"
    @Option(help: "Where MQTT listens; the next free port where it is taken.")
    var mqtt = "127.0.0.1:1883"
    @Flag(help: "Keep serving after the story, until SIGTERM or Ctrl-C. The data directory stays.")
    var serve = false

    func validate() throws {
        for (name, text) in [("http", http), ("mqtt", mqtt)] where HostPort(text) == nil {
            throw ValidationError("\(name): expected HOST:PORT, for example 127.0.0.1:8080, got \(text).")
        }
    }

    func run() async throws {
        try await reportingFaults {
            let signal = await StopSignal()
            let folder =
                dataDir ?? NSTemporaryDirectory() + "/pushgate-demo-\(UUID().uuidString.prefix(8).lowercased())"
            let directory = DataDirectory(folder)
            let stage = DemoStage(directory: directory)
            var outcome: Result<Void, any Error>
            do {
                let isDone = try await signal.cancelling {
                    try await self.play(on: stage)
                    return true
                }
                if isDone == nil {
                    outcome = .failure(fail("stopped before the story was over"))
                } else {
                    outcome = .success(())
                    if serve { await signal.wait() }
                }
            } catch {
                outcome = .failure(error)
                _ = fail("the demo failed: \(FaultText.of(error))")
            }
            await stage.tearDown()
            if dataDir == nil, !serve, case .success = outcome { try? FileManager.default.removeItem(atPath: folder) }
            guard case .failure(let error) = outcome else { return say("\nStopped. Everything was as promised.") }
            if FileManager.default.fileExists(atPath: directory.path) { say("Data and logs are in \(directory.path).") }
            throw error as? ExitCode ?? .failure
        }
    }

    private func play(on stage: DemoStage) async throws {
        let addresses = try freeAddresses()
        try await stage.setUp(http: addresses.http, mqtt: addresses.mqtt)
        let story = try await DemoStory(stage)
        try await story.play()
        try await story.printTraces()
        if serve { try await story.inviteToGoOn() }
        await story.end()
    }

    /// What was asked for, or the next ports that are free.
    private func freeAddresses() throws -> (http: HostPort, mqtt: HostPort) {
        var found: [HostPort] = []
        for (name, text) in [("http", http), ("mqtt", mqtt)] {
            guard let wanted = HostPort(text), let free = ListeningPort.nextFree(wanted, except: found) else {
                throw DemoFault("\(name): neither \(text) nor a port near it is free")
            }
            if free != wanted { say("\(wanted) is in use: \(free) is taken instead.") }
            found.append(free)
        }
        return (found[0], found[1])
    }
}

/// Something did not come as promised.
struct DemoFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
