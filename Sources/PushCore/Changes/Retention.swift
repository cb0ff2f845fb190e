import Logging

/// Erases content that a tenant no longer wants kept (`retentionSeconds`, `retentionBytes`), the oldest first, in small
/// transactions between those of others. The messages stay as stubs: a repeat of a send is answered as the first was.
public final class Retention: Sendable {
    private let store: any MessageChangeStore
    private let limits: Limits
    private let logger: Logger

    public init(store: any MessageChangeStore, limits: Limits, logger: Logger) {
        self.store = store
        self.limits = limits
        self.logger = logger
    }

    /// Runs until the task is cancelled: at once, and then after each pause.
    public func run() async {
        while !Task.isCancelled {
            do {
                while !Task.isCancelled, try await store.eraseOutlived() {}
            } catch {
                if Task.isCancelled { return }
                logger.warning("outlived content was not erased", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: limits.retentionPause)  // throws on cancellation only
        }
    }
}
