import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// A listening socket on loopback with one dispatcher behind it.
struct SimulatorListener {
    enum Transport {
        /// HTTP/1.1 without TLS.
        case plain
        /// HTTP/2 or HTTP/1.1 over TLS, as ALPN decides.
        case tls(NIOSSLContext)
        /// HTTP/2 over TLS only; anything else is disconnected after the handshake.
        case http2Only(NIOSSLContext)
    }

    let channel: any Channel
    let port: Int

    /// - Parameters:
    ///   - dispatcher: asked for each connection; nil refuses it.
    ///   - streams: SETTINGS_MAX_CONCURRENT_STREAMS.
    ///   - oneStreamUntilValidToken: offer a single stream until a provider token was found valid.
    static func start(
        on host: String, port: Int, transport: Transport, dispatcher: @escaping @Sendable () -> VendorDispatcher?,
        streams: Int, oneStreamUntilValidToken: Bool, group: any EventLoopGroup
    ) async throws -> SimulatorListener {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let dispatcher = dispatcher() else { throw VendorSimulatorError.noAddress }
                    try Self.configure(
                        channel, transport, dispatcher, streams: streams,
                        oneStreamUntilValidToken: oneStreamUntilValidToken)
                }
            }
            .bind(host: host, port: port).get()
        guard let port = channel.localAddress?.port else { throw VendorSimulatorError.noAddress }
        return SimulatorListener(channel: channel, port: port)
    }

    private static func configure(
        _ channel: any Channel, _ transport: Transport, _ dispatcher: VendorDispatcher, streams: Int,
        oneStreamUntilValidToken: Bool
    ) throws {
        switch transport {
        case .plain:
            try addHTTP1(to: channel, dispatcher, try addResetHandler(to: channel))
        case .tls(let context), .http2Only(let context):
            let resetHandler = NIOLoopBound(try addResetHandler(to: channel), eventLoop: channel.eventLoop)
            let allowsHTTP1 = if case .tls = transport { true } else { false }
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
            channel.configureHTTP2SecureUpgrade { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addHTTP2(
                        to: channel, dispatcher, resetHandler.value, streams: streams,
                        oneStreamUntilValidToken: oneStreamUntilValidToken)
                }
            } http1ChannelConfigurator: { channel in
                guard allowsHTTP1 else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    try addHTTP1(to: channel, dispatcher, resetHandler.value)
                }
            }.whenFailure { _ in channel.close(promise: nil) }
        }
    }

    private static func addResetHandler(to channel: any Channel) throws -> ConnectionResetHandler {
        let handler = ConnectionResetHandler()
        try channel.pipeline.syncOperations.addHandler(handler, position: .first)
        return handler
    }

    private static func addHTTP1(
        to channel: any Channel, _ dispatcher: VendorDispatcher, _ resetHandler: ConnectionResetHandler
    ) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
        try channel.pipeline.syncOperations.addHandler(
            HTTP1ConnectionHandler(dispatcher: dispatcher, resetHandler: resetHandler))
    }

    private static func addHTTP2(
        to channel: any Channel, _ dispatcher: VendorDispatcher, _ resetHandler: ConnectionResetHandler, streams: Int,
        oneStreamUntilValidToken: Bool
    ) throws {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: oneStreamUntilValidToken ? 1 : streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 16 * 1024),
        ]
        // A gateway under test gives up many slow streams at once; that is no attack here.
        var streamConfiguration = NIOHTTP2Handler.StreamConfiguration()
        streamConfiguration.streamResetFrameRateLimit.maximumCount = 1_000_000
        streamConfiguration.streamErrorRateLimit.maximumCount = 1_000_000
        try channel.pipeline.syncOperations.addHandler(
            NIOHTTP2Handler(
                mode: .server, connectionConfiguration: configuration, streamConfiguration: streamConfiguration))
        try channel.pipeline.syncOperations.addHandler(
            HTTP2ConnectionHandler(
                dispatcher: dispatcher, resetHandler: resetHandler,
                streamsAfterValidToken: oneStreamUntilValidToken ? streams : nil))
    }
}
