import Logging

/// Takes away events that are told of no more, in small transactions between those of others.
public final class WebhookRetention: Sendable {
    private let store: any WebhookStore
    private let clock: WallClock
    private let logger: Logger

    /// How long an event can be read and replayed at least.
    public static let keptMilliseconds: Milliseconds = 86_400_000
    private static let pageRows = 1000
    private static let pause: Duration = .seconds(600)

    public init(store: any WebhookStore, clock: WallClock, logger: Logger) {
        self.store = store
        self.clock = clock
        self.logger = logger
    }

    /// Runs until the task is cancelled: at once, and then after each pause.
    public func run() async {
        while !Task.isCancelled {
            do {
                while !Task.isCancelled,
                    try await store.dropWebhookEvents(before: clock.now - Self.keptMilliseconds, limit: Self.pageRows)
                {}
            } catch {
                if Task.isCancelled { return }
                logger.warning("old webhook events were not removed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.pause)  // throws on cancellation only
        }
    }
}
