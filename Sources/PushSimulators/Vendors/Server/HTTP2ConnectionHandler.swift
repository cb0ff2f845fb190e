import NIOCore
import NIOHPACK
import NIOHTTP2

/// Serves one HTTP/2 connection straight from its frames. A push is one small request and one small answer, so a
/// channel per stream would cost more than the work itself; and the faults need frames of their own (GOAWAY,
/// REFUSED_STREAM).
final class HTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private struct Incoming {
        let headers: HPACKHeaders
        var body = ByteBuffer()
        var receivedBytes = 0
        /// Received since the stream's window was last enlarged.
        var consumedBytes = 0
    }

    /// What is kept of a body. Longer ones break every vendor's limit: the rest is read and thrown away.
    private static let keptBodyBytes = 4 * 1024 * 1024
    /// Beyond this the stream is reset.
    private static let mostBodyBytes = 8 * 1024 * 1024
    private static let windowUpdateThreshold = 32 * 1024

    private let dispatcher: VendorDispatcher
    private let resetHandler: ConnectionResetHandler
    private let connection = SimulatorConnection()
    private var incoming: [HTTP2StreamID: Incoming] = [:]
    /// Streams that were read whole and are not answered yet.
    private var unanswered: Set<HTTP2StreamID> = []
    private var consumedBytes = 0
    private var needsFlush = false
    /// The highest stream that is still served, once GOAWAY was sent.
    private var lastServedStream: HTTP2StreamID?
    private var isActive = true

    /// - Parameter streamsAfterValidToken: the number of concurrent streams to offer once a provider token was found
    ///   valid; nil when the number does not change.
    init(
        dispatcher: VendorDispatcher, resetHandler: ConnectionResetHandler, streamsAfterValidToken: Int?
    ) {
        self.dispatcher = dispatcher
        self.resetHandler = resetHandler
        self.streamsAfterValidToken = streamsAfterValidToken
    }

    private let streamsAfterValidToken: Int?

    func handlerAdded(context: ChannelHandlerContext) {
        guard let streams = streamsAfterValidToken else { return }
        connection.onFirstValidToken = { [weak self] in
            self?.write(
                .settings(.settings([HTTP2Setting(parameter: .maxConcurrentStreams, value: streams)])),
                on: .rootStream, context: context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        let stream = frame.streamID
        switch frame.payload {
        case .headers(let headers):
            if let last = lastServedStream, stream > last { return }
            if incoming[stream] == nil { incoming[stream] = Incoming(headers: headers.headers) }
            if headers.endStream { finish(stream, context: context) }
        case .data(let data): receive(data, on: stream, context: context)
        case .rstStream:
            incoming[stream] = nil
            unanswered.remove(stream)
        default: break
        }
    }

    private func receive(
        _ data: HTTP2Frame.FramePayload.Data, on stream: HTTP2StreamID, context: ChannelHandlerContext
    ) {
        let bytes = data.data.readableBytes + (data.paddingBytes.map { $0 + 1 } ?? 0)
        consumedBytes += bytes
        guard incoming[stream] != nil else { return }
        if case .byteBuffer(var part) = data.data, (incoming[stream]?.receivedBytes ?? 0) < Self.keptBodyBytes {
            incoming[stream]?.body.writeBuffer(&part)
        }
        guard !data.endStream else {
            finish(stream, context: context)
            return
        }
        incoming[stream]?.receivedBytes += bytes
        incoming[stream]?.consumedBytes += bytes
        if let request = incoming[stream], request.receivedBytes > Self.mostBodyBytes {
            incoming[stream] = nil
            write(.rstStream(.enhanceYourCalm), on: stream, context: context)
        } else if let request = incoming[stream], request.consumedBytes >= Self.windowUpdateThreshold {
            write(.windowUpdate(windowSizeIncrement: request.consumedBytes), on: stream, context: context)
            incoming[stream]?.consumedBytes = 0
        }
        needsFlush = true
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if consumedBytes >= Self.windowUpdateThreshold {
            write(.windowUpdate(windowSizeIncrement: consumedBytes), on: .rootStream, context: context)
            consumedBytes = 0
            needsFlush = true
        }
        if needsFlush {
            needsFlush = false
            context.flush()
        }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isActive = false
        connection.onFirstValidToken = nil
        context.fireChannelInactive()
    }

    /// The HTTP/2 handler below closes the connection itself where the protocol was broken; what is left concerns
    /// single streams.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    private func finish(_ stream: HTTP2StreamID, context: ChannelHandlerContext) {
        guard let request = incoming.removeValue(forKey: stream) else { return }
        var method = ""
        var target = ""
        var fields = HPACKHeaders()
        fields.reserveCapacity(request.headers.count)
        for (name, value, _) in request.headers {
            switch name {
            case ":method": method = value
            case ":path": target = value
            case ":scheme", ":authority": break
            default: fields.add(name: name, value: value)
            }
        }
        unanswered.insert(stream)
        let whole = SimulatorRequest(method: method, target: target, headers: fields, body: request.body)
        let plan = dispatcher.plan(whole)
        guard plan.delayMilliseconds > 0 else {
            perform(plan, whole, stream, context: context)
            needsFlush = true
            return
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(plan.delayMilliseconds))) {
            guard self.isActive, self.unanswered.contains(stream) else { return }
            self.perform(plan, whole, stream, context: context)
            context.flush()
        }
    }

    private func perform(
        _ plan: VendorDispatcher.Plan, _ request: SimulatorRequest, _ stream: HTTP2StreamID,
        context: ChannelHandlerContext
    ) {
        switch dispatcher.perform(plan, request, on: connection) {
        case .reply(let response): reply(response, on: stream, context: context)
        case .replyAndGoAway(let response):
            reply(response, on: stream, context: context)
            goAway(after: stream, context: context)
        case .hang: break
        case .reset: resetHandler.reset()
        case .refuseStream:
            unanswered.remove(stream)
            write(.rstStream(.refusedStream), on: stream, context: context)
        }
    }

    private func reply(_ response: SimulatorResponse, on stream: HTTP2StreamID, context: ChannelHandlerContext) {
        unanswered.remove(stream)
        var headers = HPACKHeaders()
        headers.reserveCapacity(response.headers.count + 1)
        headers.add(name: ":status", value: String(response.status))
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        guard !response.body.isEmpty else {
            write(.headers(.init(headers: headers, endStream: true)), on: stream, context: context)
            return
        }
        write(.headers(.init(headers: headers)), on: stream, context: context)
        let body = context.channel.allocator.buffer(string: response.body)
        write(.data(.init(data: .byteBuffer(body), endStream: true)), on: stream, context: context)
    }

    private func goAway(after stream: HTTP2StreamID, context: ChannelHandlerContext) {
        guard lastServedStream == nil else { return }
        lastServedStream = stream
        incoming = incoming.filter { $0.key <= stream }
        // APNs puts the reason into the debug data.
        let reason = ByteBuffer(string: #"{"reason":"Shutdown"}"#)
        write(
            .goAway(lastStreamID: stream, errorCode: .noError, opaqueData: reason), on: .rootStream, context: context)
        // A client that stays all the same is disconnected; a well-behaved one has left long before.
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) {
            if self.isActive { context.close(promise: nil) }
        }
    }

    private func write(
        _ payload: HTTP2Frame.FramePayload, on stream: HTTP2StreamID, context: ChannelHandlerContext
    ) {
        context.write(wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
    }
}
