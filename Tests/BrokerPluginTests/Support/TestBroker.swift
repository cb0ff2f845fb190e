import BrokerControl
import Foundation
import PushCredentials
import TestWaiting

/// A real Mosquitto with the plugin, on a free loopback port, in a directory of its own.
///
/// Started by root it drops to its own user, who can read that directory but neither the build folder nor the
/// toolchain.
final class TestBroker {
    struct PluginMissing: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    let signer = DeviceCredentialSigner()
    let gatewayPassword = "a password of the gateway"
    let process = Process()

    private let directory: URL
    private let standardInput = Pipe()

    /// - Parameters:
    ///   - isLifelineUsed: whether the end of standard input ends the broker.
    ///   - launcher: a command that the broker's command line is given to.
    ///   - changeOptions: changes the plugin's options before the start.
    init(
        isLifelineUsed: Bool = false, launcher: [String] = [],
        changeOptions: (inout [String: String]) -> Void = { _ in }
    ) async throws {
        port = try Loopback.freePort()
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("pushgate-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let plugin = try Self.copyPlugin(to: directory)
        let keys = directory.appendingPathComponent("keys.json")
        try Data(signer.jwks).write(to: keys)
        var options = [
            BrokerPluginOption.keysFile: keys.path,
            BrokerPluginOption.gatewayPasswordHash: SecretHash.hash(gatewayPassword),
            BrokerPluginOption.lifeline: "\(isLifelineUsed)",
        ]
        changeOptions(&options)
        let configuration = directory.appendingPathComponent("mosquitto.conf")
        try Data(Self.configuration(port: port, plugin: plugin, options: options).utf8).write(to: configuration)
        for file in [plugin, keys, configuration] { chmod(file.path, 0o644) }
        chmod(directory.path, 0o755)
        try await start(isLifelineUsed: isLifelineUsed, launcher + ["/usr/sbin/mosquitto", "-c", configuration.path])
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Where `swift build` and `swift test` leave the plugin: beside the tests' own executable.
    static func builtPlugin() throws -> URL {
        let places = [Bundle.main.executableURL, CommandLine.arguments.first.map { URL(fileURLWithPath: $0) }]
        let candidates = places.compactMap { place in
            place?.resolvingSymlinksInPath().deletingLastPathComponent()
                .appendingPathComponent("libPushGateBrokerPlugin.so")
        }
        guard let plugin = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw PluginMissing(
                description: "libPushGateBrokerPlugin.so is not at \(candidates.map(\.path)); "
                    + "run: swift build --product PushGateBrokerPlugin")
        }
        return plugin
    }

    private static func copyPlugin(to directory: URL) throws -> URL {
        let copy = directory.appendingPathComponent("plugin.so")
        try FileManager.default.copyItem(at: builtPlugin(), to: copy)
        return copy
    }

    private static func configuration(port: UInt16, plugin: URL, options: [String: String]) -> String {
        let lines = [
            "per_listener_settings false", "allow_anonymous false", "listener \(port) 127.0.0.1",
            "plugin \(plugin.path)",
        ]
        let settings = [
            "persistence false", "max_inflight_messages 1000", "max_queued_messages 20000",
            "max_packet_size 2097152", "allow_zero_length_clientid false", "set_tcp_nodelay true",
            "log_dest stderr", "log_type all", "connection_messages true",
        ]
        let options = options.sorted { $0.key < $1.key }.map { "plugin_opt_\($0.key) \($0.value)" }
        return (lines + options + settings).joined(separator: "\n") + "\n"
    }

    private func start(isLifelineUsed: Bool, _ command: [String]) async throws {
        let log = directory.appendingPathComponent("log")
        try Data().write(to: log)
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = standardInput
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try withSignalsUnblocked(!isLifelineUsed) { try process.run() }
        try? standardInput.fileHandleForReading.close()
        try await eventually("the broker runs, or has ended") { !process.isRunning || hasLogged(" running") }
    }

    /// The broker has the blocked signals of the thread that starts it, and the tests' threads block most. One with a
    /// lifeline is left so: it must end all the same.
    private func withSignalsUnblocked(_ isWanted: Bool, _ body: () throws -> Void) rethrows {
        var before = sigset_t()
        var none = sigset_t()
        sigemptyset(&none)
        guard isWanted, pthread_sigmask(SIG_SETMASK, &none, &before) == 0 else { return try body() }
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    // MARK: Looking at it

    var log: String {
        (try? String(contentsOf: directory.appendingPathComponent("log"), encoding: .utf8)) ?? ""
    }

    func hasLogged(_ text: String) -> Bool { log.contains(text) }

    func waitUntilEnded() async throws {
        try await eventually("the broker ends") { !process.isRunning }
    }

    // MARK: Acting on it

    /// The gateway's end of the pipe, as when the gateway dies.
    func endLifeline() throws {
        try standardInput.fileHandleForWriting.close()
    }

    func reload() async throws {
        kill(process.processIdentifier, SIGHUP)
        try await eventually("the configuration is reloaded") { hasLogged("Reloading config") }
    }

    // MARK: Clients

    func credential(
        device: String, account: String, tenant: String = "t1", lifetime: Int64 = 3600,
        signer: DeviceCredentialSigner? = nil, audience: [String] = [DeviceCredential.mqttAudience]
    ) throws -> String {
        let now = Int64(Date().timeIntervalSince1970)
        return try (signer ?? self.signer).sign(
            DeviceCredential(
                account: account, device: device, tenant: tenant, issuedAt: now, expiresAt: now + lifetime,
                audience: audience))
    }

    /// A connected device `dev_{name}` of `acct_{name}`.
    func device(
        _ name: String, version: MQTTProbe.Version = .v5, lifetime: Int64 = 3600, isClean: Bool = true,
        will: MQTTProbe.Will? = nil
    ) throws -> MQTTProbe {
        let probe = try MQTTProbe(port: port, version: version)
        let code = try probe.connect(
            clientID: "dev_\(name)", username: "acct_\(name)",
            password: credential(device: "dev_\(name)", account: "acct_\(name)", lifetime: lifetime),
            isClean: isClean, will: will)
        guard code == MQTTProbe.accepted else { throw MQTTProbe.Closed() }
        return probe
    }

    /// The gateway's uplink connection, with the subscription of a gateway.
    func uplink() throws -> MQTTProbe {
        let probe = try MQTTProbe(port: port)
        let code = try probe.connect(
            clientID: BrokerIdentity.uplinkClientID, username: BrokerIdentity.gatewayUsername,
            password: gatewayPassword)
        guard code == MQTTProbe.accepted, try probe.subscribe("up/+/+") == MQTTProbe.accepted else {
            throw MQTTProbe.Closed()
        }
        return probe
    }

    /// The gateway's presence connection, `devices` being the list of ended ones; nil leaves the broker closed to
    /// devices.
    func gateway(ended devices: [String]? = []) throws -> GatewayProbe {
        let gateway = try GatewayProbe(self)
        if let devices {
            try gateway.command(.endedDevices(page: 0, isLast: true, devices: devices))
            try gateway.waitFor { $0.body == .ready }
        }
        return gateway
    }
}
