import ArgumentParser
import Configuration
import Foundation
import Logging
import MosquittoClient
import PushCore
import PushMQTT

/// `host:port` as a person writes it; IPv6 addresses in brackets.
struct HostPort: Sendable, Equatable, CustomStringConvertible {
    let host: String
    let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: host, port: port)
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool { host == "localhost" || host.hasPrefix("127.") || host == "::1" }
}

/// Everything `serve` is told, checked.
struct ServeSettings: Sendable {
    enum Broker: Sendable {
        case managed
        case external(GatewayConnection)
    }

    /// As they are called in the config file; flags and environment variables are derived from them.
    static let names: Set<String> = [
        "data-dir", "http", "mqtt", "mqtt-ws", "broker", "mqtt-url", "tls-cert", "tls-key", "ca-file", "store",
        "public-url", "mqtt-public", "mqtt-ws-public", "credential-ttl", "broadcast-pace", "allow-private-endpoints",
        "log-level",
        "admin-token",
    ]

    let dataDirectory: String
    let http: HostPort
    let mqtt: HostPort
    let mqttWebSocket: HostPort?
    let broker: Broker
    let tls: BrokerSettings.TLSFiles?
    let caFile: String?
    let publicURL: URL?
    let mqttPublic: HostPort?
    let mqttWebSocketPublic: HostPort?
    let credentialSeconds: Int64
    /// Devices of broadcasts, or accounts of sends to tags, a second; nil = the gateway's own pace.
    let broadcastPace: Int?
    /// How long after the broker's snapshot devices may still come back before they count as away. Not a flag: only
    /// tests have a reason to change it (`PUSHGATE_PRESENCE_DOUBT_SECONDS`).
    let presenceDoubt: Duration
    /// Calendar time. Not a flag: only a torture run has a reason to shift it (`PUSHGATE_CLOCK_OFFSET_FILE`).
    let clock: WallClock
    let allowsPrivateEndpoints: Bool
    let logLevel: Logger.Level
    /// Sets the admin token at the first start.
    let adminToken: String?

    /// - Throws: `ValidationError`, naming the setting and what it should be.
    init(_ config: ConfigReader) throws {
        func address(_ name: String, default text: String?) throws -> HostPort? {
            guard let text = config.string(forKey: ConfigKey([name])) ?? text else { return nil }
            guard let address = HostPort(text) else {
                throw ValidationError("\(name): expected HOST:PORT, for example 127.0.0.1:8080, got \(text).")
            }
            return address
        }
        dataDirectory = config.string(forKey: "data-dir", default: "./pushgate-data")
        http = try address("http", default: "127.0.0.1:8080") ?? HostPort(host: "127.0.0.1", port: 8080)
        mqtt = try address("mqtt", default: "127.0.0.1:1883") ?? HostPort(host: "127.0.0.1", port: 1883)
        mqttWebSocket = try address("mqtt-ws", default: nil)
        mqttPublic = try address("mqtt-public", default: nil)
        mqttWebSocketPublic = try address("mqtt-ws-public", default: nil)
        caFile = config.string(forKey: "ca-file")
        if let caFile, !FileManager.default.isReadableFile(atPath: caFile) {
            throw ValidationError("ca-file: \(caFile) cannot be read.")
        }
        broker = try Self.broker(config, caFile: caFile)

        switch (config.string(forKey: "tls-cert"), config.string(forKey: "tls-key")) {
        case (let certificate?, let key?):
            for path in [certificate, key] where !FileManager.default.isReadableFile(atPath: path) {
                throw ValidationError("tls-cert, tls-key: \(path) cannot be read.")
            }
            tls = BrokerSettings.TLSFiles(certificateFile: certificate, keyFile: key)
        case (nil, nil): tls = nil
        default: throw ValidationError("tls-cert and tls-key go together.")
        }
        let store = config.string(forKey: "store", default: "sqlite")
        guard store == "sqlite" else { throw ValidationError("store: only sqlite is there, got \(store).") }
        publicURL = try config.string(forKey: "public-url").map { text in
            guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme),
                url.host() != nil
            else { throw ValidationError("public-url: expected http[s]://host[:port], got \(text).") }
            return url
        }
        var isExternal = false
        if case .external = broker { isExternal = true }
        // Without the plugin a credential cannot be cut off at the broker before its exp: keep it short.
        let ttl = config.string(forKey: "credential-ttl") ?? (isExternal ? "3600" : "604800")
        guard let seconds = Int64(ttl), (60...31_536_000).contains(seconds) else {
            throw ValidationError("credential-ttl: expected 60 to 31536000 seconds, got \(ttl).")
        }
        credentialSeconds = seconds
        broadcastPace = try config.string(forKey: "broadcast-pace").map { text in
            guard let pace = Int(text), (1...1_000_000).contains(pace) else {
                throw ValidationError("broadcast-pace: expected 1 to 1000000 a second, got \(text).")
            }
            return pace
        }
        let allows = config.string(forKey: "allow-private-endpoints", default: "false")
        switch allows.lowercased() {
        case "true", "yes", "on", "1": allowsPrivateEndpoints = true
        case "false", "no", "off", "0": allowsPrivateEndpoints = false
        default: throw ValidationError("allow-private-endpoints: expected true or false, got \(allows).")
        }
        let doubt = config.double(forKey: "presence-doubt-seconds") ?? 15
        guard (0...3600).contains(doubt) else {
            throw ValidationError("presence-doubt-seconds: expected 0 to 3600 seconds.")
        }
        presenceDoubt = .seconds(doubt)
        clock = try config.string(forKey: "clock-offset-file").map(WallClock.shifted(by:)) ?? .system
        let level = config.string(forKey: "log-level", default: "notice")
        guard let known = Logger.Level(rawValue: level) else {
            throw ValidationError("log-level: expected trace, debug, info, notice, warning or error, got \(level).")
        }
        logLevel = known
        adminToken = config.string(forKey: "admin-token", isSecret: true)
        if let adminToken, adminToken.utf8.count < 32 {
            throw ValidationError("PUSHGATE_ADMIN_TOKEN must have at least 32 characters.")
        }
    }

    private static func broker(_ config: ConfigReader, caFile: String?) throws -> Broker {
        switch config.string(forKey: "broker", default: "managed") {
        case "managed":
            guard config.string(forKey: "mqtt-url", isSecret: true) == nil else {
                throw ValidationError("mqtt-url names an external broker: give broker external, too.")
            }
            return .managed
        case "external":
            guard let text = config.string(forKey: "mqtt-url", isSecret: true), let url = URL(string: text),
                let scheme = url.scheme, ["mqtt", "mqtts"].contains(scheme), let host = url.host(percentEncoded: false)
            else { throw ValidationError("mqtt-url: expected mqtt[s]://user:password@host:port.") }
            let isTLS = scheme == "mqtts"
            let password = url.password(percentEncoded: false)
            return .external(
                GatewayConnection(
                    host: host, port: UInt16(clamping: url.port ?? (isTLS ? 8883 : 1883)),
                    username: url.user(percentEncoded: false), password: { password },
                    tls: isTLS ? MQTTSession.TLS(caFile: caFile) : nil, hasPlugin: false))
        case let other: throw ValidationError("broker: expected managed or external, got \(other).")
        }
    }
}
