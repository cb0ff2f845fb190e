import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers HTTP requests on a free loopback port as the test says, and keeps them.
final class ScriptedHTTPServer: Sendable {
    struct Request: Sendable {
        var method: String
        var target: String
        var headers: HTTPHeaders
        var body: String
    }

    struct Answer: Sendable {
        var status: Int
        var body: String
        var headers: [(String, String)] = []
    }

    private let script: @Sendable (Request) -> Answer
    private let seen = Mutex<[Request]>([])
    private let channel = Mutex<(any NIOCore.Channel)?>(nil)

    init(_ script: @escaping @Sendable (Request) -> Answer) async throws {
        self.script = script
        let listening = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = listening }
    }

    var url: String { "http://127.0.0.1:\(channel.withLock { $0?.localAddress?.port } ?? 0)" }
    var requests: [Request] { seen.withLock { $0 } }
    func stop() async throws { try await channel.withLock { $0 }?.close() }

    fileprivate func answer(_ request: Request) -> Answer {
        seen.withLock { $0.append(request) }
        return script(request)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let server: ScriptedHTTPServer
        private var request: Request?

        init(_ server: ScriptedHTTPServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                request = Request(method: head.method.rawValue, target: head.uri, headers: head.headers, body: "")
            case .body(let part): request?.body += String(buffer: part)
            case .end:
                guard let request else { return }
                let answer = server.answer(request)
                var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status))
                for (name, value) in answer.headers { head.headers.add(name: name, value: value) }
                head.headers.add(name: "content-length", value: String(answer.body.utf8.count))
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
