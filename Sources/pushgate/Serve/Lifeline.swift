import Glibc
import ServiceLifecycle

/// Ends when standard input does: whoever started this process and holds the other end has gone, however it went.
struct Lifeline: Service, CustomStringConvertible {
    var description: String { "lifeline" }

    func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled, !Self.inputHasEnded {
                try? await Task.sleep(for: .milliseconds(200))  // throws on cancellation only
            }
        }
    }

    private static var inputHasEnded: Bool {
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) > 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        return count == 0 || (count < 0 && errno != EINTR)
    }
}
