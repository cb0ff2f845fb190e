extension MQTTSession {
    public enum ProtocolVersion: Sendable, Hashable {
        case v311
        case v5
    }

    public struct TLS: Sendable, Hashable {
        /// PEM file with the certificates to trust. `nil`: those of the operating system.
        public var caFile: String?
        /// `false` accepts any certificate. For development only.
        public var verifiesCertificate: Bool

        public init(caFile: String? = nil, verifiesCertificate: Bool = true) {
            self.caFile = caFile
            self.verifiesCertificate = verifiesCertificate
        }
    }

    /// Everything that can be said about a session. Nothing here changes later, except what `password` returns.
    public struct Options: Sendable {
        /// Address or name. With a name and no TLS, all its addresses are tried in turn; with TLS the library checks
        /// the certificate against the name and tries the first address only.
        public var host: String
        public var port: UInt16
        public var clientID: String
        public var username: String?
        /// Asked before each connect, on the loop's thread: must not block. May return something new each time.
        public var password: (@Sendable () -> String?)?
        public var protocolVersion = ProtocolVersion.v5
        /// 5…65 535; 0 switches it off.
        public var keepAliveSeconds: UInt16 = 30
        public var cleanStart = true
        public var tls: TLS?
        /// Made again after each connect, before `.connected` is followed by anything else.
        public var subscriptions: [MQTTSubscription] = []

        /// Publishes handed to the library and not yet acknowledged. The broker's Receive Maximum lowers it. Packet
        /// ids have 16 bits, so at most 60 000. The library walks a list of this length at each PUBACK: 4000 was
        /// slower than 1000.
        public var outstandingPublishesMax = 1000
        /// Publishes waiting in front of the window above. At the bound `publish` throws
        /// ``MQTTCallError/queueFull``.
        public var queuedPublishesMax = 20_000
        /// QoS 1 messages the broker may send before it has our PUBACKs (MQTT 5 Receive Maximum).
        public var receiveMaximum: UInt16 = 1000
        /// Packets larger than this are refused locally. MQTT 5 brokers tell their own limit; the smaller one holds.
        /// An MQTT 3.1.1 broker would close the connection instead.
        public var packetBytesMax: Int?

        public var reconnectDelay = ReconnectDelay()
        /// From the start of TCP connect to CONNACK.
        public var connectTimeout: Duration = .seconds(10)
        /// `false`: the first refused CONNACK ends the session's attempts; everything queued ends as `.lost`.
        public var retriesWhenRefused = true

        public init(
            host: String, port: UInt16, clientID: String, username: String? = nil,
            password: (@Sendable () -> String?)? = nil
        ) {
            self.host = host
            self.port = port
            self.clientID = clientID
            self.username = username
            self.password = password
        }

        func validate() throws(MQTTCallError) {
            func text(_ name: String, _ value: String?, mayBeEmpty: Bool = false) throws(MQTTCallError) {
                guard let value else { return }
                let bytes = value.utf8
                guard mayBeEmpty || !bytes.isEmpty, bytes.count <= 65_535, !bytes.contains(0) else {
                    throw .invalidOption(name)
                }
            }
            try text("host", host)
            try text("clientID", clientID)
            try text("username", username, mayBeEmpty: true)
            try text("tls.caFile", tls?.caFile)
            // Port 0 means "Unix socket path" to the library.
            guard port != 0 else { throw .invalidOption("port") }
            guard keepAliveSeconds == 0 || keepAliveSeconds >= 5 else { throw .invalidOption("keepAliveSeconds") }
            guard (1...60_000).contains(outstandingPublishesMax) else {
                throw .invalidOption("outstandingPublishesMax")
            }
            guard queuedPublishesMax > 0 else { throw .invalidOption("queuedPublishesMax") }
            guard receiveMaximum > 0 else { throw .invalidOption("receiveMaximum") }
            for subscription in subscriptions {
                guard MQTTTopic.isValidFilter(subscription.filter) else { throw .invalidOption("subscriptions") }
            }
        }
    }
}
