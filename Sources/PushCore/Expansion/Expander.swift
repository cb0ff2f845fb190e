import Logging

/// Expands accepted messages with large audiences, page by page, and goes on after a restart where it stopped.
public final class Expander: Sendable {
    private let archive: any MessageArchive
    private let logger: Logger
    private let signal = WakeSignal()

    public init(archive: any MessageArchive, logger: Logger) {
        self.archive = archive
        self.logger = logger
    }

    /// There is something to expand.
    public func wake() { signal.wake() }

    /// Runs until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                while !Task.isCancelled, try await archive.expandNextPage() {}
            } catch {
                if Task.isCancelled { return }
                logger.warning("an expansion was put off", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: .seconds(1))
        }
    }
}
