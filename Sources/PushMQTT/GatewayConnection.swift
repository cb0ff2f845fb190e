import MosquittoClient

/// How the gateway reaches its broker.
public struct GatewayConnection: Sendable {
    public var host: String
    public var port: UInt16
    public var username: String?
    /// Asked at every connect: a managed broker has a new password after each start.
    public var password: @Sendable () -> String?
    public var tls: MQTTSession.TLS?
    /// The broker has our plugin, of this same build.
    public var hasPlugin: Bool

    public init(
        host: String, port: UInt16, username: String?, password: @escaping @Sendable () -> String?,
        tls: MQTTSession.TLS? = nil, hasPlugin: Bool
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.tls = tls
        self.hasPlugin = hasPlugin
    }

    func options(clientID: String) -> MQTTSession.Options {
        var options = MQTTSession.Options(
            host: host, port: port, clientID: clientID, username: username, password: password)
        options.protocolVersion = .v5
        options.tls = tls
        options.keepAliveSeconds = 15
        // At each PUBACK libmosquitto walks all that is in flight: with 1000 that was a seventh of the gateway's work under
        // load. 200 are more than a broker on the same machine has between two looks at its sockets.
        options.outstandingPublishesMax = 200
        // The broker is next door: come back as soon as it does.
        options.reconnectDelay = ReconnectDelay(initial: .milliseconds(100), maximum: .seconds(2))
        return options
    }
}
