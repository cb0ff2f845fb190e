/// Wakes one waiting task. Signals that come while nobody waits are kept as one.
public struct WakeSignal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    public init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    public func wake() { continuation.yield() }

    /// Waits for a signal, or until `timeout`, or until the task is cancelled.
    public func wait(atMost timeout: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await next() }
            group.addTask { try? await Task.sleep(for: timeout) }  // throws on cancellation only
            await group.next()
            group.cancelAll()
        }
    }

    private func next() async {
        for await _ in stream { return }
    }
}
