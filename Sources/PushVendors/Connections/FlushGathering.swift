import NIOCore
import NIOSSL

/// Flushes once for all that the event loop has on hand, instead of after each part of each request.
///
/// An HTTP/2 connection with hundreds of streams flushes for each head and each body: each is a TLS record of its own, a
/// system call, and a wake-up at the other end. Sits above the TLS handler, whose flush encrypts and sends what has
/// gathered as one write.
final class FlushGathering: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var isScheduled = false

    func flush(context: ChannelHandlerContext) {
        guard !isScheduled else { return }
        isScheduled = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // Runs behind what waits in the event loop now: the other requests of this moment.
        context.eventLoop.execute {
            let (handler, context) = bound.value
            handler.flushGathered(context)
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        flushGathered(context)
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        flushGathered(context)
    }

    private func flushGathered(_ context: ChannelHandlerContext) {
        guard isScheduled else { return }
        isScheduled = false
        context.flush()
    }

    /// Puts one above the TLS handler of a connection; a connection without TLS stays as it is.
    static func add(to channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            guard let tls = try? pipeline.handler(type: NIOSSLHandler.self) else { return }
            try pipeline.addHandler(FlushGathering(), position: .after(tls))
        }
    }
}
