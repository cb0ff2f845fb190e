import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

@Suite struct OutcomeRecorderTests {
    /// Writes when it is let, and refuses what it is told to.
    private final class Disk: Sendable {
        struct State {
            var batches: [[Int64]] = []
            var written: [Int64] = []
            var now = ContinuousClock.now
            var refuses: Set<Int64> = []
            var busyTimes = 0
        }
        let state = Mutex(State())
    }

    private func recorder(_ disk: Disk, before: @escaping @Sendable () async -> Void = {}) -> OutcomeRecorder {
        let store = ScriptedStore(jobs: [])
        store.onChange = { jobs in
            await before()
            try disk.state.withLock { state in
                state.batches.append(jobs.map(\.key))
                if state.busyTimes > 0 {
                    state.busyTimes -= 1
                    throw GatewayError(.overloaded, "busy")
                }
                if jobs.contains(where: { state.refuses.contains($0.key) }) {
                    throw GatewayError(.internalError, "broken")
                }
            }
        }
        return OutcomeRecorder(
            store: store, clock: WallClock { 0 },
            runtime: Runtime(
                now: { disk.state.withLock { $0.now } },
                sleep: { length in disk.state.withLock { $0.now += length * 100 } }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            written: { jobs in disk.state.withLock { $0.written += jobs.map(\.key) } })
    }

    private func outcomes(_ keys: ClosedRange<Int64>) -> [OutcomeRecorder.Outcome] {
        keys.map { .init(.sample($0), .accepted(vendor: .fcm, vendorID: nil)) }
    }

    private func settle(_ recorder: OutcomeRecorder) async throws {
        try await eventually("everything is written") { recorder.isIdle }
    }

    @Test func `what comes while a write is under way goes into the next one`() async throws {
        let disk = Disk()
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let (reached, reaching) = AsyncStream.makeStream(of: Void.self)
        let recorder = recorder(disk) {
            reaching.yield()
            for await _ in gate { return }
        }
        recorder.record(outcomes(1...1))
        for await _ in reached { break }
        for key in Int64(2)...50 { recorder.record(outcomes(key...key)) }
        opening.finish()
        try await settle(recorder)
        #expect(disk.state.withLock { $0.batches.map(\.count) } == [1, 49])
    }

    @Test func `a busy store is asked until it takes it, however long that is`() async throws {
        let disk = Disk()
        disk.state.withLock { $0.busyTimes = 500 }
        let recorder = recorder(disk)
        recorder.record(outcomes(1...3))
        try await settle(recorder)
        #expect(disk.state.withLock { Set($0.written) } == [1, 2, 3])
        #expect(disk.state.withLock { $0.batches.count } >= 502)
    }

    @Test func `one change that cannot be written does not hold up the others, and is given up`() async throws {
        let disk = Disk()
        disk.state.withLock { $0.refuses = [5] }
        let recorder = recorder(disk)
        recorder.record(outcomes(1...20))
        try await settle(recorder)
        let (written, batches) = disk.state.withLock { ($0.written, $0.batches) }
        #expect(Set(written) == Set(1...20) && written.last == 5, "given up last, so that its room is free again")
        #expect(batches.filter { !$0.contains(5) }.flatMap(\.self).sorted() == Array(1...4) + Array(6...20))
        #expect(batches.filter { $0 == [5] }.count >= 3)
    }
}
