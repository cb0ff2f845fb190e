import Foundation
import NIOCore

/// Stands first in every pipeline, below TLS, so that a connection can be cut without a goodbye.
final class ConnectionResetHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Closes with RST: no TLS close_notify, unsent bytes are dropped.
    func reset() {
        guard let context else { return }
        // A linger time of zero makes close() send RST instead of FIN.
        (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            .whenFailure { _ in }
        context.close(promise: nil)
    }
}
