import Logging

/// Steps that must have worked before a part of the gateway begins, each tried until it does or the task is cancelled.
struct StartSteps: Sendable {
    let logger: Logger
    var pause: Duration = .seconds(1)

    /// - Parameter trouble: what the log says each time the step fails.
    func untilDone(_ trouble: String, _ step: @Sendable () async throws -> Void) async {
        while !Task.isCancelled {
            do {
                return try await step()
            } catch {
                if Task.isCancelled { return }
                logger.error("\(trouble); trying again", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: pause)  // throws on cancellation only
            }
        }
    }
}
