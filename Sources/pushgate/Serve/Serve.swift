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

    func run() async throws {
        let settings = try await options.settings()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = settings.logLevel
            return handler
        }
        let logger = Logger(label: "pushgate")
        // What the gateway writes is nobody else's; what the broker's user must read is opened one by one.
        umask(0o077)
        let directory = DataDirectory(settings.dataDirectory)
        do {
            try directory.prepare()
            let lock = try directory.lock()
            let gateway = try await Gateway(settings, directory: directory, logger: logger)
            var configuration = ServiceGroupConfiguration(
                services: gateway.services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            configuration.maximumGracefulShutdownDuration = .seconds(30)
            let group = ServiceGroup(configuration: configuration)
            let greeting = Task { await StartUpBlock(gateway, directory: directory).print() }
            defer { greeting.cancel() }
            try await group.run()
            _ = consume lock
        } catch let fault as DataDirectory.Fault {
            FileHandle.standardError.write(Data("pushgate: \(fault.description)\n".utf8))
            throw ExitCode.failure
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

    /// Waits until HTTP and the broker answer, then prints once.
    func print() async {
        guard let port = await gateway.httpPort.first(where: { _ in true }) else { return }
        if let broker = gateway.broker { try? await broker.waitUntilReady() }  // its own error ends the gateway
        let settings = gateway.settings
        let scheme = settings.tls == nil ? "http" : "https"
        let base = "\(scheme)://\(HostPort(host: settings.http.host, port: port))"
        var lines = [
            "PushGate \(Version.text) is serving.",
            "  HTTP API   \(base)",
            "  MQTT       \(settings.tls == nil ? "mqtt" : "mqtts")://\(settings.mqtt)",
        ]
        if let address = settings.mqttWebSocket {
            lines.append("  WebSocket  \(settings.tls == nil ? "ws" : "wss")://\(address)")
        }
        lines.append("  Data       \(directory.path)")
        if let token = gateway.newAdminToken, settings.adminToken == nil {
            lines.append("  Admin token (shown once, keep it): \(token)")
        }
        FileHandle.standardOutput.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}
