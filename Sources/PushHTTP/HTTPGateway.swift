import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL

/// The HTTP door: one table of routes (``Routes``) over the use cases of PushCore.
///
/// ``application(onListening:)`` gives the service that listens. On graceful shutdown it accepts nothing new, closes idle
/// connections, lets requests under way finish and then returns.
public struct HTTPGateway: Sendable {
    private let configuration: HTTPConfiguration
    private let logger: Logger
    /// Answers requests without any socket.
    public let responder: GatewayResponder
    let routes: [Route]

    public init(services: HTTPServices, configuration: HTTPConfiguration) {
        self.configuration = configuration
        self.logger = services.logger
        let callers = Callers(
            authenticator: services.authenticator, rates: services.rates, attempts: configuration.attempts,
            limits: services.limits)
        routes = Routes.all(services, callers: callers)
        responder = GatewayResponder(table: RouteTable(routes), callers: callers, limits: services.limits)
    }

    /// The service that listens. Throws when the TLS files cannot be used.
    ///
    /// - Parameter onListening: called once with the port, which matters when 0 was asked for.
    public func application(
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) throws -> Application<GatewayResponder> {
        Application(
            responder: responder, server: try makeServer(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024,
                availableConnectionsDelegate: .maximum(configuration.connectionsMax, logger: logger)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) }, logger: logger)
    }

    private func makeServer() throws -> HTTPServerBuilder {
        let readDeadline = configuration.readDeadline
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ReadDeadlineHandler(deadline: readDeadline)],
            idleTimeout: TimeAmount(configuration.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100))
        let http = HTTPServerBuilder { responder in
            EventLoopChildChannel(base: HTTP1Channel(responder: responder, configuration: channel))
        }
        guard let files = configuration.tls else { return http }
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificatePath).map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(file: files.keyPath, format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        return try .tls(http, tlsConfiguration: tls)
    }
}
