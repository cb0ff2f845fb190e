/// An address and port to listen on.
public struct BrokerListener: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address, or `localhost` (127.0.0.1 and, where the machine has it, ::1).
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// How a ``ManagedBroker`` is set up.
public struct BrokerSettings: Sendable {
    public struct TLSFiles: Sendable, Hashable {
        /// PEM, the server's certificate first, then the chain.
        public var certificateFile: String
        /// PEM, not encrypted.
        public var keyFile: String

        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// The plugin that checks credentials, and what it needs.
    public struct Plugin: Sendable, Hashable {
        /// The shared library; a copy goes into the broker's folder.
        public var libraryFile: String
        /// JWKS (RFC 7517) with the public keys of device credentials.
        public var deviceKeySet: [UInt8]

        public init(libraryFile: String, deviceKeySet: [UInt8]) {
            self.libraryFile = libraryFile
            self.deviceKeySet = deviceKeySet
        }
    }

    /// The broker's folder, usually `broker` in the data directory; made when missing. Its owner, group and mode are
    /// set at each start, and so is what lies in it. When the gateway runs as root, the folder around it becomes
    /// passable (not readable) for the broker's group.
    public var folder: String
    /// MQTT; with `tls`, MQTT over TLS. At least one.
    public var listeners: [BrokerListener]
    /// MQTT over WebSocket; with `tls`, over TLS. An IPv4 address, or `localhost` for 127.0.0.1.
    public var webSocketListener: BrokerListener?
    public var tls: TLSFiles?
    /// Path of Mosquitto. `nil`: looked for in /usr/sbin, /usr/bin and `PATH`.
    public var executable: String?
    /// `nil` admits everybody; only tests can make such settings.
    let plugin: Plugin?

    public init(folder: String, listeners: [BrokerListener], plugin: Plugin) {
        self.folder = folder
        self.listeners = listeners
        self.plugin = plugin
    }

    /// Without a plugin, for tests of the supervision itself.
    init(admittingEverybodyIn folder: String, listeners: [BrokerListener]) {
        self.folder = folder
        self.listeners = listeners
        self.plugin = nil
    }
}
