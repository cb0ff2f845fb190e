import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import PushCore
import Synchronization

/// A server on loopback that answers what the test says: HTTP/1.1 in clear, or over TLS with HTTP/1.1 or HTTP/2.
final class StubServer: Sendable {
    struct Request: Sendable {
        let path: String
        let headers: HTTPHeaders
        let body: [UInt8]

        var json: RawJSON? { try? RawJSON(parsing: body) }
    }

    enum Reply: Sendable {
        case answer(Int, headers: HTTPHeaders = [:], body: String = "")
        /// Reads the request and says nothing.
        case silence
        /// Reads the request and closes the connection.
        case close
        /// Says the head and a part of the body, and nothing more.
        case halfBody(Int, String)
        /// HTTP/2 only: RST_STREAM with REFUSED_STREAM.
        case refuseStream
    }

    enum Transport {
        case clear
        case tls(NIOSSLServerHandlerMaker, isHTTP2: Bool)
    }
    typealias NIOSSLServerHandlerMaker = @Sendable () throws -> NIOSSLServerHandler

    private struct State {
        var requests: [Request] = []
        var connections = 0
    }

    private let channel: any Channel
    private let log: SharedLog

    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [Request] { log.state.withLock { $0.requests } }
    /// Connections accepted so far.
    var connectionCount: Int { log.state.withLock { $0.connections } }

    private final class SharedLog: Sendable {
        let state = Mutex(State())
    }

    static func start(
        _ transport: Transport = .clear, answering: @escaping @Sendable (Request) async -> Reply
    ) async throws -> StubServer {
        let log = SharedLog()
        @Sendable func handler() -> StubHandler {
            StubHandler { request in
                log.state.withLock { $0.requests.append(request) }
                return await answering(request)
            }
        }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                log.state.withLock { $0.connections += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    switch transport {
                    case .clear:
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                        try channel.pipeline.syncOperations.addHandler(handler())
                    case .tls(let make, let isHTTP2):
                        try channel.pipeline.syncOperations.addHandler(make())
                        guard isHTTP2 else {
                            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                            try channel.pipeline.syncOperations.addHandler(handler())
                            return
                        }
                        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                            mode: .server, connectionConfiguration: .init(), streamConfiguration: .init()
                        ) { stream in
                            stream.eventLoop.makeCompletedFuture {
                                try stream.pipeline.syncOperations.addHandler(StreamRefusal())
                                try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                                try stream.pipeline.syncOperations.addHandler(handler())
                            }
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return StubServer(channel: channel, log: log)
    }

    private init(channel: any Channel, log: SharedLog) {
        self.channel = channel
        self.log = log
    }

    func stop() async { try? await channel.close() }
}

private final class StubHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (StubServer.Request) async -> StubServer.Reply
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ answer: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head else { return }
            let request = StubServer.Request(path: head.uri, headers: head.headers, body: body)
            Self.respond(to: request, on: context.channel, with: answer)
        }
    }

    private static func respond(
        to request: StubServer.Request, on channel: any Channel,
        with answer: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply
    ) {
        Task {
            let reply = await answer(request)
            write(reply, to: channel)
        }
    }

    private static func write(_ reply: StubServer.Reply, to channel: any Channel) {
        switch reply {
        case .answer(let status, var headers, let body):
            headers.replaceOrAdd(name: "content-length", value: "\(body.utf8.count)")
            write(status, headers, body, isWhole: true, to: channel)
        case .halfBody(let status, let body):
            write(status, ["content-length": "\(body.utf8.count + 10)"], body, isWhole: false, to: channel)
        case .silence: break
        case .close: channel.close(promise: nil)
        case .refuseStream:
            channel.triggerUserOutboundEvent(StreamRefusal.Event(), promise: nil)
        }
    }

    private static func write(
        _ status: Int, _ headers: HTTPHeaders, _ body: String, isWhole: Bool, to channel: any Channel
    ) {
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        if isWhole { channel.write(HTTPServerResponsePart.end(nil), promise: nil) }
        channel.flush()
    }
}

/// Resets its stream with REFUSED_STREAM when told.
private final class StreamRefusal: ChannelOutboundHandler {
    struct Event: Sendable {}
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Event else { return context.triggerUserOutboundEvent(event, promise: promise) }
        context.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: promise)
    }
}
