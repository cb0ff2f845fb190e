import NIOCore
import NIOHPACK
import NIOHTTP1

/// Serves one HTTP/1.1 connection: requests one after the other.
final class HTTP1ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let mostBodyBytes = 4 * 1024 * 1024
    private let dispatcher: VendorDispatcher
    private let resetHandler: ConnectionResetHandler
    private let connection = SimulatorConnection()
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isActive = true

    init(dispatcher: VendorDispatcher, resetHandler: ConnectionResetHandler) {
        self.dispatcher = dispatcher
        self.resetHandler = resetHandler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= Self.mostBodyBytes else {
                context.close(promise: nil)
                return
            }
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            self.head = nil
            let request = SimulatorRequest(
                method: head.method.rawValue, target: head.uri,
                headers: HPACKHeaders(httpHeaders: head.headers), body: body)
            begin(request, keepAlive: head.isKeepAlive, context: context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isActive = false
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func begin(_ request: SimulatorRequest, keepAlive: Bool, context: ChannelHandlerContext) {
        let plan = dispatcher.plan(request)
        guard plan.delayMilliseconds > 0 else {
            perform(plan, request, keepAlive: keepAlive, context: context)
            return
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(plan.delayMilliseconds))) {
            guard self.isActive else { return }
            self.perform(plan, request, keepAlive: keepAlive, context: context)
        }
    }

    private func perform(
        _ plan: VendorDispatcher.Plan, _ request: SimulatorRequest, keepAlive: Bool, context: ChannelHandlerContext
    ) {
        switch dispatcher.perform(plan, request, on: connection) {
        case .reply(let response): write(response, keepAlive: keepAlive, context: context)
        case .replyAndGoAway(let response): write(response, keepAlive: false, context: context)
        case .hang: break
        case .reset: resetHandler.reset()
        case .refuseStream: context.close(promise: nil)
        }
    }

    private func write(_ response: SimulatorResponse, keepAlive: Bool, context: ChannelHandlerContext) {
        var headers = HTTPHeaders(response.headers.map { ($0.name, $0.value) })
        let body = context.channel.allocator.buffer(string: response.body)
        headers.add(name: "content-length", value: String(body.readableBytes))
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !keepAlive { channel.close(promise: nil) }
        }
    }
}
