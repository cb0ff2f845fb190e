import Synchronization

/// Told when a sender's request with pushes begins: the connection has it, or is being opened for it. A sender may first
/// log in for seconds, and until a request has begun a device may still leave.
///
/// Whatever writes to a vendor calls ``report()`` right before; a sender that never does counts as having begun when it
/// answers. Of several requests of one batch the first counts.
public final class RequestStart: Sendable {
    /// That of the batch this task sends; nil outside of the queue.
    @TaskLocal public static var current: RequestStart?

    private let isReported = Mutex(false)
    private let begun: @Sendable () -> Void

    public init(_ begun: @escaping @Sendable () -> Void) { self.begun = begun }

    /// Once: later calls change nothing.
    public func report() {
        let isFirst = isReported.withLock { isReported in
            defer { isReported = true }
            return !isReported
        }
        if isFirst { begun() }
    }

    /// Requests that carry no push, as those of a login, report nothing.
    public static func unreported<Value: Sendable>(_ work: @Sendable () async -> Value) async -> Value {
        await $current.withValue(nil) { await work() }
    }
}
