import Logging
import Synchronization

/// Writes down, once a second, how far the two roads have come. A crash repeats what lies above the marks; nothing
/// depends on their being fresh.
public final class DeliveryProgress: Sendable {
    private let marks: Mutex<DeliveryMarks>
    private let written: Mutex<DeliveryMarks>
    private let store: any DeliveryStore
    private let clock: WallClock
    private let runtime: Runtime
    private let logger: Logger

    public init(
        marks: DeliveryMarks, store: any DeliveryStore, clock: WallClock, runtime: Runtime = .system, logger: Logger
    ) {
        self.marks = Mutex(marks)
        self.written = Mutex(marks)
        self.store = store
        self.clock = clock
        self.runtime = runtime
        self.logger = logger
    }

    public var current: DeliveryMarks { marks.withLock { $0 } }

    func dispatched(_ position: Int64) { marks.withLock { $0.dispatched = max($0.dispatched, position) } }
    func decided(_ position: Int64) { marks.withLock { $0.decided = max($0.decided, position) } }

    /// Runs until the task is cancelled, then writes a last time.
    public func run() async {
        while !Task.isCancelled {
            await runtime.sleep(for: .seconds(1))  // cancelled: write then, too
            await write()
        }
    }

    func write() async {
        let marks = current
        guard written.withLock({ $0 != marks }) else { return }
        do {
            try await store.advance(marks, at: clock.now)
            written.withLock { $0 = marks }
        } catch {
            logger.warning("delivery marks were not written", metadata: ["error": "\(error)"])
        }
    }
}
