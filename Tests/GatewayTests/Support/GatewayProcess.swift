import AsyncHTTPClient
import Foundation
import PushGateClient
import Synchronization
import TestWaiting

/// The real executable with a data directory of its own, on free ports that stay the same over restarts.
final class GatewayProcess: Sendable {
    struct Options: Sendable {
        /// Flags beside data directory, addresses and `--allow-private-endpoints`.
        var arguments: [String] = []
        var environment: [String: String] = [:]
        /// After a start devices count as connected for this long after the broker's snapshot.
        var presenceDoubtSeconds = 0.2
        var hasWebSocket = false
        /// Tells vendors where to report to.
        var hasPublicURL = false
        var certificates: TestCertificates?
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    static let adminToken = "an admin token that only these tests know"

    let options: Options
    let httpPort: Int
    let mqttPort: Int
    let webSocketPort: Int?
    private let folder = TemporaryFolder()
    private let child = Mutex<ChildProcess?>(nil)

    init(_ options: Options = Options()) throws {
        self.options = options
        let ports = try Loopback.freePorts(3)
        (httpPort, mqttPort) = (ports[0], ports[1])
        webSocketPort = options.hasWebSocket ? ports[2] : nil
    }

    var baseURL: String { "\(options.certificates == nil ? "http" : "https")://127.0.0.1:\(httpPort)" }
    var dataDirectory: String { folder.path("data") }
    /// Everything it wrote to standard error, over all starts.
    var log: String { ChildProcess.text(of: folder.path("err")) }
    var output: String { ChildProcess.text(of: folder.path("out")) }

    /// Beside the tests' own executable, where `swift build` leaves it.
    static func executable() throws -> String {
        let places = [Bundle.main.executableURL, CommandLine.arguments.first.map { URL(fileURLWithPath: $0) }]
        let candidates = places.compactMap { place in
            place?.resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "pushgate").path
        }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw Missing(description: "pushgate is not at \(candidates); run: swift build --product pushgate")
        }
        return found
    }

    private var command: [String] {
        get throws {
            var command = [
                try Self.executable(), "serve", "--data-dir", dataDirectory, "--http", "127.0.0.1:\(httpPort)",
                "--mqtt", "127.0.0.1:\(mqttPort)", "--allow-private-endpoints",
            ]
            if let webSocketPort { command += ["--mqtt-ws", "127.0.0.1:\(webSocketPort)"] }
            if let certificates = options.certificates {
                command += ["--tls-cert", certificates.certificateFile, "--tls-key", certificates.keyFile]
            }
            if options.hasPublicURL { command += ["--public-url", baseURL] }
            return command + options.arguments
        }
    }

    private func spawn(output: String, errors: String) throws -> ChildProcess {
        var environment = options.environment
        environment["PUSHGATE_ADMIN_TOKEN"] = Self.adminToken
        environment["PUSHGATE_PRESENCE_DOUBT_SECONDS"] = "\(options.presenceDoubtSeconds)"
        return try ChildProcess(
            command, environment: environment, output: folder.path(output), errors: folder.path(errors))
    }

    /// Starts it and waits until it is ready.
    func start(client: HTTPClient = .shared) async throws {
        let started = try spawn(output: "out", errors: "err")
        child.withLock { $0 = started }
        let api = GatewayAPI(baseURL, client: client)
        try await acceptsHTTP()
        let lastAnswer = Mutex("none")
        try await eventually(
            "the gateway is ready", seen: { lastAnswer.withLock { $0 } },
            {
                if let ending = started.ended { throw Missing(description: "the gateway ended: \(ending)\n\(log)") }
                do {
                    _ = try await api.call(.get, ["readyz"])
                    return true
                } catch {
                    lastAnswer.withLock { $0 = "\(error)" }
                    return false
                }
            })
    }

    /// Waits until its HTTP port is open. Asked before a client is: an HTTP client that has failed to connect a few
    /// times waits up to a minute before it tries again.
    func acceptsHTTP(within limit: Duration = .seconds(30)) async throws {
        try await eventually("the HTTP port is open", within: limit) {
            if let ending = child.withLock({ $0 })?.ended, ending != .exited(0), ending != .signalled(SIGKILL) {
                throw Missing(description: "the gateway ended: \(ending)\n\(log)")
            }
            return Loopback.accepts(httpPort)
        }
    }

    /// A second gateway on the same data directory and ports: how it ended, and what it said.
    func startSecond() async throws -> (ending: ChildProcess.Ending, errors: String) {
        let second = try spawn(output: "out2", errors: "err2")
        defer { second.send(SIGKILL) }
        return (try await second.waitUntilEnded(), ChildProcess.text(of: folder.path("err2")))
    }

    var processID: pid_t? { child.withLock { $0 }?.processID }

    func signal(_ signal: Int32) { child.withLock { $0 }?.send(signal) }

    /// `kill -9`, and gone when it returns.
    func kill() async throws {
        let running = child.withLock { $0 }
        running?.send(SIGKILL)
        try await running?.waitUntilEnded()
    }

    /// SIGTERM; how it ended.
    func terminate(within limit: Duration = .seconds(35)) async throws -> ChildProcess.Ending? {
        let running = child.withLock { $0 }
        running?.send(SIGTERM)
        return try await running?.waitUntilEnded(within: limit)
    }

    // MARK: The broker

    /// Brokers that run with this data directory's configuration.
    var brokers: [pid_t] {
        let marker = "\(dataDirectory)/broker/"
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { pid_t($0) }.filter { processID in
            let commandLine = ChildProcess.text(of: "/proc/\(processID)/cmdline")
            return commandLine.contains("mosquitto") && commandLine.contains(marker)
        }
    }

    func killBroker() {
        for broker in brokers { Foundation.kill(broker, SIGKILL) }
    }

    /// Nothing of it is left afterwards.
    func end() async {
        signal(SIGKILL)
        _ = try? await child.withLock { $0 }?.waitUntilEnded()
        killBroker()
        folder.remove()
    }
}
