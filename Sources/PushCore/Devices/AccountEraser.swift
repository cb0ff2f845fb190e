import Logging

/// Finishes the erasing of deleted accounts: what a crash cut short, and what was still on its way through the log.
public struct AccountEraser: Sendable {
    private let store: any AccountStore
    private let interval: Duration
    private let logger: Logger

    /// Accounts that are looked at in one round; the rest has its turn in the next.
    private static let accountsAtOnce = 1000

    public init(store: any AccountStore, interval: Duration = .seconds(10), logger: Logger) {
        self.store = store
        self.interval = interval
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await round()
            } catch {
                if Task.isCancelled { return }
                logger.warning("the erasing of deleted accounts was put off", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: interval)  // throws on cancellation only
        }
    }

    func round() async throws {
        for account in try await store.accountsToErase(limit: Self.accountsAtOnce) {
            while try await store.eraseNextPage(of: account) == .more {
                if Task.isCancelled { return }
            }
        }
    }
}
