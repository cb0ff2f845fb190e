import HummingbirdCore
import NIOCore

/// Closes a connection whose request is not complete within a time after its head.
///
/// The idle timeout of Hummingbird begins anew with every byte, so a body that drips could hold its connection for
/// ever. One timer per connection, set when there is none: a connection under load re-arms it once per deadline.
final class ReadDeadlineHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPConnectionStateHandler.InboundIn
    typealias InboundOut = HTTPConnectionStateHandler.InboundOut

    private let deadline: TimeAmount
    private var headRead: NIODeadline?
    private var timer: Scheduled<Void>?

    init(deadline: Duration) { self.deadline = TimeAmount(deadline) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            headRead = .now()
            if timer == nil { setTimer(context, in: deadline) }
        case .body: break
        case .end: headRead = nil
        }
        context.fireChannelRead(data)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    private func setTimer(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.timer = nil
            guard let headRead = self.headRead else { return }
            let left = headRead + self.deadline - .now()
            if left > .zero { self.setTimer(context, in: left) } else { context.close(promise: nil) }
        }
    }
}
