import Foundation
import Logging
import Synchronization

/// Looks at every page of a store that is too large to be looked at before the start. What it finds is in the log, and
/// `/readyz` names the store from then on.
final class LateDamage: Sendable {
    private let directory: DataDirectory
    private let logger: Logger
    private let state = Mutex(false)

    init(_ directory: DataDirectory, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    var isFound: Bool { state.withLock { $0 } }

    /// Once, on a thread of its own that ends with the process; then it waits for the end of the gateway.
    func look() async {
        if StartCheck.isLarge(directory) { Thread.detachNewThread { [self] in readEverything() } }
        // A worker that ends takes the gateway with it.
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(3600))  // throws on cancellation only
        }
    }

    private func readEverything() {
        guard let damage = StartCheck.damagedPages(directory.databasePath) else { return }
        state.withLock { $0 = true }
        logger.critical(
            "the store is damaged", metadata: ["damage": "\(damage)", "remedy": "\(StartCheck.remedy(directory))"])
    }
}
