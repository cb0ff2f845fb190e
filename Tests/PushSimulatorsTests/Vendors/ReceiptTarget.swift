import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A sender's receipt address: keeps what came, answers 200.
final class ReceiptTarget: Sendable {
    struct Received: Sendable {
        let path: String
        let headers: HTTPHeaders
        let body: String
    }

    let url: String
    private let channel: any Channel
    private let box: Box

    final class Box: Sendable {
        let received = Mutex<[Received]>([])
    }

    private init(channel: any Channel, port: Int, box: Box) {
        self.channel = channel
        self.box = box
        url = "http://127.0.0.1:\(port)/v1/receipts"
    }

    var received: [Received] { box.received.withLock { $0 } }

    static func run<Result>(_ body: (ReceiptTarget) async throws -> Result) async throws -> Result {
        let box = Box()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let target = ReceiptTarget(channel: channel, port: channel.localAddress?.port ?? 0, box: box)
        do {
            let result = try await body(target)
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let box: Box
        private var head: HTTPRequestHead?
        private var body = ""

        init(box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = ""
            case .body(let part): body += String(buffer: part)
            case .end:
                guard let head else { return }
                box.received.withLock { $0.append(Received(path: head.uri, headers: head.headers, body: body)) }
                let response = HTTPResponseHead(
                    version: .http1_1, status: .ok, headers: ["content-length": "2"])
                context.write(wrapOutboundOut(.head(response)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "ok")))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
