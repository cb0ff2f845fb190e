import ArgumentParser
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// `pushgate serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway.",
        discussion: """
            Starts the HTTP API and its own Mosquitto, and serves until SIGTERM: then it stops accepting, finishes what it \
            has begun, and exits 0. Every flag is also an environment variable (PUSHGATE_DATA_DIR …) and a line of the \
            config file (data-dir: …); flags win over environment over file.
            """)

    @OptionGroup var options: ServeOptions

    /// For a parent process, as `demo` is.
    @Flag(help: .hidden)
    var untilInputEnds = false

    func run() async throws {
        try await reportingFaults {
            let settings = try await options.settings()
            LoggingSystem.bootstrap { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = settings.logLevel
                return LateMetadataHandler(handler)
            }
            // What the gateway writes is nobody else's; what the broker's user must read is opened one by one.
            umask(0o077)
            let directory = DataDirectory(settings.dataDirectory)
            try directory.prepare()
            let lock = try directory.lock()
            try Self.checkThatHTTPCanListen(settings.http)
            try StartCheck.run(directory)
            try await serve(settings, directory: directory)
            _ = consume lock
        }
    }

    private func serve(_ settings: ServeSettings, directory: DataDirectory) async throws {
        let logger = Logger(label: "pushgate")
        let gateway = try await Gateway(settings, directory: directory, logger: logger)
        var services = gateway.services
        if untilInputEnds {
            services.append(.init(service: Lifeline(), successTerminationBehavior: .gracefullyShutdownGroup))
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        let group = ServiceGroup(configuration: configuration)
        let block = StartUpBlock(gateway, directory: directory)
        let greeting = Task { await block.print() }
        do {
            try await group.run()
        } catch {
            greeting.cancel()
            // It was made and is valid from now on: unprinted it would be lost.
            if await !greeting.value, let line = block.adminTokenLine { say(line) }
            throw error
        }
        greeting.cancel()
    }

    /// Before anything is made: what is in the way is then the only thing that is said.
    private static func checkThatHTTPCanListen(_ address: HostPort) throws {
        switch ListeningPort.state(of: address) {
        case .free: break
        case .taken:
            throw fail("\(address) is in use by another process: stop it, or choose another address with --http.")
        case .unusable(let reason): throw fail("http: cannot listen on \(address): \(reason).")
        }
    }
}

/// What a person sees when the gateway is up.
struct StartUpBlock: Sendable {
    private let gateway: Gateway
    private let directory: DataDirectory

    init(_ gateway: Gateway, directory: DataDirectory) {
        self.gateway = gateway
        self.directory = directory
    }

    /// `nil` where the token is known already.
    var adminTokenLine: String? {
        guard gateway.settings.adminToken == nil else { return nil }
        return gateway.newAdminToken.map { "  Admin token (shown once, keep it): \($0)" }
    }

    /// Waits until HTTP and the broker answer, then prints once.
    /// - Returns: whether it came to that.
    func print() async -> Bool {
        guard let port = await gateway.httpPort.first(where: { _ in true }) else { return false }
        do {
            try await gateway.broker?.waitUntilReady()
        } catch {
            return false  // it ends the gateway, and is reported there
        }
        let settings = gateway.settings
        let isTLS = settings.tls != nil
        var lines = [
            "PushGate \(Version.text) is serving.",
            "  HTTP API   \(isTLS ? "https" : "http")://\(HostPort(host: settings.http.host, port: port))",
        ]
        switch settings.broker {
        case .managed:
            lines.append("  MQTT       \(isTLS ? "mqtts" : "mqtt")://\(settings.mqtt)")
            if let address = settings.mqttWebSocket {
                lines.append("  WebSocket  \(isTLS ? "wss" : "ws")://\(address)")
            }
        case .external(let connection):
            lines.append(
                "  MQTT       external broker at \(HostPort(host: connection.host, port: Int(connection.port)))")
        }
        lines.append("  Data       \(directory.path)")
        if let adminTokenLine { lines.append(adminTokenLine) }
        say(lines.joined(separator: "\n"))
        return true
    }
}
