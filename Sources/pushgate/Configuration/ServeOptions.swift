import ArgumentParser
import Configuration
import Foundation
import PushCore

/// `serve` as flags. Every one is optional here: what is not given comes from the environment, then from the file,
/// then from the default (contract, section 11).
struct ServeOptions: ParsableArguments {
    @Option(help: "Settings as YAML: the names of these flags without the dashes in front.")
    var config: String?

    @Option(help: "Database, keys and broker configuration. (default: ./pushgate-data)")
    var dataDir: String?

    @Option(help: "Where the HTTP API listens. (default: 127.0.0.1:8080)")
    var http: String?

    @Option(help: "Where MQTT listens. (default: 127.0.0.1:1883)")
    var mqtt: String?

    @Option(help: "Where MQTT over WebSocket listens, for browsers. (default: off)")
    var mqttWs: String?

    @Option(help: "managed: start and supervise Mosquitto. external: use the broker at --mqtt-url. (default: managed)")
    var broker: String?

    @Option(help: "An external broker: mqtt[s]://user:password@host:port.")
    var mqttUrl: String?

    @Option(help: "PEM certificate chain: HTTPS and MQTT over TLS.")
    var tlsCert: String?

    @Option(help: "PEM key of the certificate.")
    var tlsKey: String?

    @Option(help: "PEM bundle added to the system's roots for outgoing HTTPS calls.")
    var caFile: String?

    @Option(help: "Where the data is kept; sqlite is the only one. (default: sqlite)")
    var store: String?

    @Option(help: "What registration tells devices instead of the request's Host: https://host[:port].")
    var publicUrl: String?

    @Option(help: "The MQTT address that registration tells devices: host:port.")
    var mqttPublic: String?

    @Option(help: "The MQTT over WebSocket address that registration tells devices: host:port.")
    var mqttWsPublic: String?

    @Option(help: "Life of a device's credential in seconds. (default: 604800)")
    var credentialTtl: Int?

    @Option(
        help: "Devices of a broadcast, or accounts of a send to tags, that are looked at in a second. (default: 20000)")
    var broadcastPace: Int?

    @Flag(help: "Allow webhooks and vendor endpoints on loopback and private addresses. For development.")
    var allowPrivateEndpoints = false

    @Option(help: "trace, debug, info, notice, warning or error. (default: notice)")
    var logLevel: String?

    /// The flags that were given, under their names in the environment and the file. All as text: numbers and switches
    /// are read in one place, wherever they come from.
    private var given: [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        let texts: [(String, String?)] = [
            ("data-dir", dataDir), ("http", http), ("mqtt", mqtt), ("mqtt-ws", mqttWs), ("broker", broker),
            ("mqtt-url", mqttUrl), ("tls-cert", tlsCert), ("tls-key", tlsKey), ("ca-file", caFile), ("store", store),
            ("public-url", publicUrl), ("mqtt-public", mqttPublic), ("mqtt-ws-public", mqttWsPublic),
            ("log-level", logLevel),
        ]
        for (name, text) in texts { if let text { values[[name]] = ConfigValue(.string(text), isSecret: false) } }
        if let credentialTtl {
            values[["credential-ttl"]] = ConfigValue(.string(String(credentialTtl)), isSecret: false)
        }
        if let broadcastPace {
            values[["broadcast-pace"]] = ConfigValue(.string(String(broadcastPace)), isSecret: false)
        }
        if allowPrivateEndpoints { values[["allow-private-endpoints"]] = ConfigValue(.string("true"), isSecret: false) }
        return values
    }

    /// Flags, then the environment, then the file.
    /// - Throws: `ValidationError`.
    func settings(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ServeSettings {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: given),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "pushgate"),
        ]
        if let path = config ?? environment["PUSHGATE_CONFIG"] { providers.append(try await Self.file(path)) }
        return try ServeSettings(ConfigReader(providers: providers))
    }

    private static func file(_ path: String) async throws -> any ConfigProvider {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {  // why does not matter to the reader
            throw ValidationError("The config file \(path) cannot be read.")
        }
        // A misspelled name would otherwise be a setting that silently does nothing.
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, first.isLetter, let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimmingCharacters(in: .whitespaces)
            guard ServeSettings.names.contains(name) else {
                throw ValidationError("The config file \(path): there is no setting \(name).")
            }
        }
        do {
            return try await FileProvider<YAMLSnapshot>(filePath: .init(path))
        } catch {
            throw ValidationError("The config file \(path) is not YAML: \(error)")
        }
    }
}
