import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Keeps a number of HTTP/1.1 connections busy: each sends its next POST when the last one is answered. Lean on purpose,
/// so that on one machine the gateway is measured and not the generator.
public final class HTTPLoad: Sendable {
    public struct Target: Sendable {
        public let host: String
        public let port: Int
        public let path: String
        public let bearer: String

        public init(host: String, port: Int, path: String, bearer: String) {
            self.host = host
            self.port = port
            self.path = path
            self.bearer = bearer
        }
    }

    /// What came of one request: its number and the HTTP status, 0 where the connection broke.
    public typealias Answered = @Sendable (_ number: Int, _ status: Int) -> Void

    private let target: Target
    private let group: MultiThreadedEventLoopGroup
    private let next = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)

    public init(_ target: Target, threads: Int = 1) {
        self.target = target
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    }

    /// Sends with `connections` connections for `duration`, then waits for the answers that are still out. `body` makes
    /// the request's JSON from its number; it is called on a thread of the load.
    public func run(
        connections: Int, for duration: Duration, body: @escaping @Sendable (Int) -> [UInt8],
        answered: @escaping Answered
    ) async throws -> Int {
        let head = [
            "POST \(target.path) HTTP/1.1", "Host: \(target.host):\(target.port)", "Content-Type: application/json",
            "Authorization: Bearer \(target.bearer)", "Content-Length: ",
        ].joined(separator: "\r\n")
        let channels = try await withThrowingTaskGroup(of: (any Channel).self) { tasks in
            for _ in 0..<connections {
                tasks.addTask {
                    try await ClientBootstrap(group: self.group)
                        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                        .channelInitializer { channel in
                            channel.eventLoop.makeCompletedFuture {
                                try channel.pipeline.syncOperations.addHandler(
                                    LoadHandler(
                                        head: head, next: { self.nextNumber() }, body: body, answered: answered))
                            }
                        }
                        .connect(host: self.target.host, port: self.target.port).get()
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        try await Task.sleep(for: duration)
        isStopping.store(true, ordering: .releasing)
        for channel in channels { try await channel.closeFuture.get() }
        try await group.shutdownGracefully()
        return next.load(ordering: .acquiring)
    }

    private func nextNumber() -> Int? {
        guard !isStopping.load(ordering: .acquiring) else { return nil }
        return next.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

/// One connection. Lives on its event loop.
private final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let head: String
    private let next: @Sendable () -> Int?
    private let body: @Sendable (Int) -> [UInt8]
    private let answered: HTTPLoad.Answered
    private var number = 0
    private var received = ByteBuffer()

    init(
        head: String, next: @escaping @Sendable () -> Int?, body: @escaping @Sendable (Int) -> [UInt8],
        answered: @escaping HTTPLoad.Answered
    ) {
        self.head = head
        self.next = next
        self.body = body
        self.answered = answered
    }

    func channelActive(context: ChannelHandlerContext) { send(context) }

    private func send(_ context: ChannelHandlerContext) {
        guard let number = next() else {
            context.close(promise: nil)
            return
        }
        self.number = number
        let body = body(number)
        var buffer = context.channel.allocator.buffer(capacity: head.utf8.count + body.count + 16)
        buffer.writeString(head)
        buffer.writeString("\(body.count)\r\n\r\n")
        buffer.writeBytes(body)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        guard let status = takeAnswer() else { return }
        answered(number, status)
        send(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered(number, 0)
        context.close(promise: nil)
    }

    /// The status of a whole answer in `received`, which is then emptied. Works on bytes: text would cost more than
    /// the gateway's part.
    private func takeAnswer() -> Int? {
        let answer = received.withUnsafeReadableBytes { bytes -> (end: Int, status: Int)? in
            guard bytes.count > 12, let head = Self.endOfHead(in: bytes) else { return nil }
            let length = Self.contentLength(in: bytes[..<head])
            guard bytes.count >= head + length else { return nil }
            let status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
            return (head + length, status)
        }
        guard let answer else { return nil }
        received.clear()
        return answer.status
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
