import NIOCore

/// One connection of an ``HTTPLoad``. Lives on its event loop.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: LoadState
    private let host: String
    private let request: HTTPLoad.Requests
    private let answered: HTTPLoad.Answered
    /// The request that is not answered yet.
    private var waiting: Int?
    private var received = ByteBuffer()

    init(
        _ state: LoadState, host: String, request: @escaping HTTPLoad.Requests, answered: @escaping HTTPLoad.Answered
    ) {
        self.state = state
        self.host = host
        self.request = request
        self.answered = answered
    }

    func channelActive(context: ChannelHandlerContext) { sendNext(context) }

    private func sendNext(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        guard !state.isEnded else { return context.close(promise: nil) }
        guard state.plan.mayGoOn() else {
            later(.milliseconds(1), context) { self.sendNext($0) }
            return
        }
        guard let number = state.nextNumber() else { return context.close(promise: nil) }
        let due = state.due(number)
        let pause = due - .now
        if pause > .zero {
            later(TimeAmount(pause), context) { self.send(number, due: due, $0) }
        } else {
            send(number, due: due, context)
        }
    }

    private func later(
        _ pause: TimeAmount, _ context: ChannelHandlerContext, _ body: @escaping (ChannelHandlerContext) -> Void
    ) {
        context.eventLoop.assumeIsolated().scheduleTask(in: pause) { body(context) }
    }

    private func send(_ number: Int, due: ContinuousClock.Instant, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        guard !state.isEnded else { return context.close(promise: nil) }
        waiting = number
        let request = request(number, due)
        var buffer = context.channel.allocator.buffer(capacity: 256 + request.bearer.utf8.count + request.body.count)
        buffer.writeString(request.method)
        buffer.writeString(" ")
        buffer.writeString(request.path)
        buffer.writeString(" HTTP/1.1\r\nHost: ")
        buffer.writeString(host)
        buffer.writeString("\r\nAuthorization: Bearer ")
        buffer.writeString(request.bearer)
        if !request.body.isEmpty {
            buffer.writeString("\r\nContent-Type: application/json\r\nContent-Length: \(request.body.count)")
        }
        buffer.writeString("\r\n\r\n")
        buffer.writeBytes(request.body)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        guard let answer = takeAnswer(), let number = waiting else { return }
        waiting = nil
        answered(HTTPLoad.Answer(number: number, status: answer.status, body: answer.body))
        sendNext(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let number = waiting { answered(HTTPLoad.Answer(number: number, status: 0, body: [])) }
        waiting = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The status of a whole answer in `received`, which is then emptied. Works on bytes: text would cost more than
    /// the gateway's part.
    private func takeAnswer() -> (status: Int, body: [UInt8])? {
        let keepsBody = state.plan.keepsBodies
        let answer = received.withUnsafeReadableBytes { bytes -> (status: Int, body: [UInt8])? in
            guard bytes.count > 12, let head = Self.endOfHead(in: bytes) else { return nil }
            let length = Self.contentLength(in: bytes[..<head])
            guard bytes.count >= head + length else { return nil }
            let status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
            return (status, keepsBody ? Array(bytes[head..<(head + length)]) : [])
        }
        guard let answer else { return nil }
        received.clear()
        return answer
    }

    private static func endOfHead(in bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 3
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    private static let lengthName = Array("\ncontent-length:".utf8)

    private static func contentLength(in head: Slice<UnsafeRawBufferPointer>) -> Int {
        var index = head.startIndex
        while index + lengthName.count < head.endIndex {
            // Header names are of any case; `| 0x20` makes letters small and leaves - and : as they are.
            if head[index] == 10,
                lengthName.indices.allSatisfy({ $0 == 0 || head[index + $0] | 0x20 == lengthName[$0] })
            {
                var length = 0
                for byte in head[(index + lengthName.count)...] {
                    if byte == UInt8(ascii: " ") { continue }
                    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
                    length = length * 10 + Int(byte - UInt8(ascii: "0"))
                }
                return length
            }
            index += 1
        }
        return 0
    }
}
