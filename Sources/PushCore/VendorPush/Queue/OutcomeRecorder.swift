import Logging
import Synchronization

/// Writes down how jobs ended: one transaction for all that gathered while the last one was under way, so that an idle
/// queue waits for nothing and a busy one pays for few. Bounded by the jobs in memory.
///
/// A busy store is asked again for as long as it takes: an answer that is not written down would let the push go out a
/// second time. Only a change that fails while others are written is given up.
final class OutcomeRecorder: Sendable {
    struct Outcome: Sendable {
        let job: PushJob
        let change: PushJobChange
        fileprivate var failedAt: ContinuousClock.Instant?
        /// When it first failed with no other change beside it.
        fileprivate var failedAloneAt: ContinuousClock.Instant?

        init(_ job: PushJob, _ change: PushJobChange) {
            self.job = job
            self.change = change
        }
    }

    private struct State {
        var waiting: [Outcome] = []
        var isWriting = false
        var lastWritten: ContinuousClock.Instant?
        /// After a failure, one change at a time, then more again: the one at fault is told from the others.
        var batchMax = OutcomeRecorder.batchMax
    }

    private let state = Mutex(State())
    private let store: any DeliveryStore
    private let clock: WallClock
    private let runtime: Runtime
    private let logger: Logger
    /// Told of the jobs that are on disk, or given up.
    private let written: @Sendable ([PushJob]) -> Void

    /// Few enough that nobody waits long behind them: a transaction of 1000 kept pushes to other vendors waiting.
    private static let batchMax = 200
    private static let failurePause: Duration = .milliseconds(100)
    static let givenUpAfter: Duration = .seconds(30)

    init(
        store: any DeliveryStore, clock: WallClock, runtime: Runtime, logger: Logger,
        written: @escaping @Sendable ([PushJob]) -> Void
    ) {
        self.store = store
        self.clock = clock
        self.runtime = runtime
        self.logger = logger
        self.written = written
    }

    /// Nothing waits to be written.
    var isIdle: Bool { state.withLock { !$0.isWriting && $0.waiting.isEmpty } }

    func record(_ outcomes: [Outcome]) {
        guard !outcomes.isEmpty else { return }
        let isFirst = state.withLock { state in
            state.waiting += outcomes
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard isFirst else { return }
        runtime.start { await self.write() }
    }

    private func write() async {
        while let batch = next() {
            do {
                try await store.change(batch.map { ($0.job, $0.change) }, at: clock.now)
                let now = runtime.now
                state.withLock { state in
                    state.lastWritten = now
                    state.batchMax = min(Self.batchMax, state.batchMax * 4)
                }
                written(batch.map(\.job))
            } catch {
                written(putBack(batch, after: error))
                await runtime.sleep(for: Self.failurePause)
            }
        }
    }

    private func next() -> [Outcome]? {
        state.withLock { state in
            let batch = Array(state.waiting.prefix(state.batchMax))
            state.waiting.removeFirst(batch.count)
            if batch.isEmpty { state.isWriting = false }
            return batch.isEmpty ? nil : batch
        }
    }

    /// Returns the jobs that are given up.
    private func putBack(_ batch: [Outcome], after error: any Error) -> [PushJob] {
        let now = runtime.now
        let isAlone = batch.count == 1
        let givenUp = state.withLock { state -> [PushJob] in
            state.batchMax = 1
            var givenUp: [PushJob] = []
            for var outcome in batch {
                let since = outcome.failedAt ?? now
                outcome.failedAt = since
                if isAlone, outcome.failedAloneAt == nil { outcome.failedAloneAt = now }
                let isOthersWritten = state.lastWritten.map { $0 > since } ?? false
                if isOthersWritten, let alone = outcome.failedAloneAt, now - alone >= Self.givenUpAfter {
                    givenUp.append(outcome.job)
                } else {
                    state.waiting.append(outcome)
                }
            }
            return givenUp
        }
        for job in givenUp {
            logger.error(
                "the outcome of a push could not be written down",
                metadata: ["job": "\(job.key)", "error": "\(error)"])
        }
        return givenUp
    }
}
