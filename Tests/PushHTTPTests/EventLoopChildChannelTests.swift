import Foundation
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import PushHTTP

@Suite struct EventLoopChildChannelTests {
    private struct Connection: ServerChildChannelValue {
        let channel: any Channel
    }

    /// Notes whether it runs on the connection's event loop.
    private final class Witness: ServerChildChannel {
        let places = Mutex<[Bool]>([])

        func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
            channel.eventLoop.makeSucceededFuture(Connection(channel: channel))
        }

        func handle(value: Connection, logger: Logger) async {
            func note() { places.withLock { $0.append(value.channel.eventLoop.inEventLoop) } }
            note()
            await Task.yield()
            note()
            // Another thread goes on with it, as the archive's writer does.
            await withCheckedContinuation { waiter in Thread.detachNewThread { waiter.resume() } }
            note()
            await withTaskGroup(of: Void.self) { group in group.addTask { note() } }
        }
    }

    @Test func `a connection is handled on its own event loop, after each wait too`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        for _ in 0..<2 {
            let channel = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
            let witness = Witness()
            let wrapped = EventLoopChildChannel(base: witness)
            let connection = try await wrapped.setup(channel: channel, logger: Logger(label: "test")).get()
            await wrapped.handle(value: connection, logger: Logger(label: "test"))
            #expect(witness.places.withLock { $0 } == [true, true, true, true])
            try await channel.close()
        }
        try await group.shutdownGracefully()
    }
}
