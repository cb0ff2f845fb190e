#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ends the broker with the gateway that started it.
///
/// Standard input is a pipe whose other end only the gateway holds, so that its end of file means: the gateway is gone,
/// however it went. (A parent-death signal does not serve: it is bound to the thread that started the broker, and
/// forgotten when the broker changes its user.)
struct Lifeline {
    /// Milliseconds between looks.
    private static let interval: Int64 = 100
    /// Seconds for an orderly end. After that the alarm signal, which nobody handles, ends the process.
    private static let graceSeconds: UInt32 = 2

    private var nextLook: Int64 = 0
    private var isOver = false

    /// - Parameter monotonic: milliseconds of a clock that never jumps.
    mutating func check(at monotonic: Int64) {
        guard !isOver, monotonic >= nextLook else { return }
        nextLook = monotonic &+ Self.interval
        guard hasEnded() else { return }
        isOver = true
        BrokerLog.notice("the gateway is gone, the broker ends")
        unblock([SIGTERM, SIGALRM])
        alarm(Self.graceSeconds)
        raise(SIGTERM)
    }

    /// A process has the blocked signals of the thread that started it, and threads of a runtime block many.
    private func unblock(_ signals: [Int32]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Never waits. What the gateway may write is read and means nothing.
    private func hasEnded() -> Bool {
        var look = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&look, 1, 0) > 0 else { return false }
        if Int32(look.revents) & POLLIN != 0 {
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)
        }
        return Int32(look.revents) & (POLLHUP | POLLERR | POLLNVAL) != 0
    }
}
