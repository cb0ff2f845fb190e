import MosquittoClient

extension DeviceClient {
    public enum ProtocolVersion: Sendable, Hashable {
        /// MQTT 3.1.1.
        case mqtt311
        case mqtt5
    }

    public enum Acknowledgement: Sendable, Hashable {
        /// When the handler has returned and the store has saved.
        case automatic
        /// When the app calls ``DeviceClient/acknowledge(seq:broadcastSeq:)``. Catching up begins where it last did;
        /// only what is more than one page behind is acknowledged by asking for the next page.
        case manual
        /// For tests of what happens then.
        case never
    }

    public struct Options: Sendable {
        public var protocolVersion = ProtocolVersion.mqtt5
        public var acknowledgement = Acknowledgement.automatic
        public var store: (any LocalStore)?
        /// Begins at the heads of the registration instead of the first entry when the store knows nothing. Right for
        /// an installation that is new; one that lost its store would miss what it had not received.
        public var startsAtHead = false
        /// `false` keeps away from the broadcast channel.
        public var receivesBroadcasts = true
        /// Time between two acknowledgements in a stream of entries; the first one leaves at once. The gateway waits
        /// seconds for one (2 s at the least), and each is a request with a reply and a part of a synced write.
        public var acknowledgementInterval: Duration = .milliseconds(200)
        /// How long an automatic acknowledgement that is for broadcasts alone waits: everyone has a broadcast at the same
        /// moment, and the gateway is still handing it out. Keep it below a second, see above.
        public var broadcastAcknowledgementDelay: Duration = .milliseconds(300)
        /// How many entries are remembered for dropping repeats.
        public var seenMax = 1000
        /// Entries a page, 1-500; a page has at most 64 KiB.
        public var syncLimit = 200
        /// How long to wait for a reply before the request is sent again; doubles up to a minute.
        public var repeatAfter: Duration = .seconds(5)
        /// How long a call waits for its reply, over all repeats and reconnects.
        public var requestTimeout: Duration = .seconds(30)
        public var requestsWaitingMax = 1000
        /// 5…65 535 seconds.
        public var keepAliveSeconds: UInt16 = 60
        public var reconnectInitial: Duration = .milliseconds(200)
        public var reconnectMaximum: Duration = .seconds(10)
        /// PEM file with the certificates to trust; `nil`: those of the operating system.
        public var caFile: String?
        /// Fetches a new credential before the present one ends, for example
        /// `{ try await api.authorized(by: .bearer($0.value)).newCredential() }`.
        public var renewCredential: (@Sendable (DeviceCredential) async throws -> DeviceCredential)?
        /// Called after that, on another thread than the handler: keep it for the next start.
        public var credentialRenewed: (@Sendable (DeviceCredential) -> Void)?

        public init() {}
    }

    static func mqttOptions(
        _ session: DeviceSession, _ options: Options, password: @escaping @Sendable () -> String?
    ) -> MQTTSession.Options {
        var mqtt = MQTTSession.Options(
            host: session.broker.host, port: session.broker.port, clientID: session.deviceID,
            username: session.account, password: password)
        mqtt.protocolVersion = options.protocolVersion == .mqtt5 ? .v5 : .v311
        mqtt.keepAliveSeconds = options.keepAliveSeconds
        mqtt.reconnectDelay = ReconnectDelay(initial: options.reconnectInitial, maximum: options.reconnectMaximum)
        // The requests have their own table; this queue only has to take what that table sends in a burst.
        mqtt.queuedPublishesMax = options.requestsWaitingMax + 10
        mqtt.outstandingPublishesMax = 100
        if session.broker.usesTLS { mqtt.tls = MQTTSession.TLS(caFile: options.caFile) }
        // A request is repeated until its reply is here: the broker does not have to ask for each whether it is.
        mqtt.subscriptions = [
            MQTTSubscription(session.topics.reply, qos: .atMostOnce), MQTTSubscription(session.topics.inbox),
        ]
        if options.receivesBroadcasts { mqtt.subscriptions.append(MQTTSubscription(session.topics.broadcast)) }
        return mqtt
    }
}
