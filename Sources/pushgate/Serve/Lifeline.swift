import Foundation
import ServiceLifecycle

/// Ends when standard input does: whoever started this process and holds the other end has gone, however it went.
struct Lifeline: Service, CustomStringConvertible {
    var description: String { "lifeline" }

    func run() async {
        let (ending, input) = AsyncStream.makeStream(of: Void.self)
        FileHandle.standardInput.readabilityHandler = { if $0.availableData.isEmpty { input.finish() } }
        await cancelWhenGracefulShutdown { for await _ in ending {} }
        FileHandle.standardInput.readabilityHandler = nil
    }
}
