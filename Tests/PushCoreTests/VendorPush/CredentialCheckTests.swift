import Logging
import PushTestSupport
import TestWaiting
import Testing

@testable import PushCore

/// Looking at credentials changes none of them.
@Suite struct CredentialCheckTests {
    private let clock = QueueClock()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func `a check of all credentials starts none again, whatever stopped it`() async throws {
        let clock = clock
        let wall = WallClock { clock.now }
        let store = ScriptedStore(jobs: (1...8).map { .sample($0, lane: ($0 - 1) / 2 + 1) }, lanes: [1, 2, 3, 4])
        // The vendor takes every credential.
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = PushQueue(
            store: store, catalog: sender, tenants: { _ in .sample }, limits: Limits(), clock: wall,
            runtime: Runtime(now: { clock.instant }), retries: RetryPolicy(limits: Limits(), random: { 1 }),
            logger: logger)
        try await queue.reloadSettings()
        let reply = VendorReply(code: "no")
        for (lane, reason) in [(Int64(1), LaneCircuit.Reason.refused), (2, .braked), (3, .failing)] {
            _ = queue.book.with(lane) { $0.circuit.open(reason, reply, now: clock.instant, wall: clock.now) }
        }
        _ = queue.book.with(4) {
            $0.pause(.credential, for: .seconds(60), reply: reply, now: clock.instant, wall: clock.now)
        }
        let before = queue.credentials()
        #expect(before.map(\.state) == [.stopped, .stopped, .slowed, .slowed])
        let access = MemoryAccessStore()
        let ledger = PushLedger(store: MemoryPushLedger(), clock: wall, logger: logger)
        let checks = CredentialChecks(
            settings: PushSettings(
                store: store, catalog: sender, queue: queue, ledger: ledger, access: access, clock: wall),
            store: store, queue: queue, access: access, ids: IDGenerator(), clock: wall)
        let answer = try await checks.checkAll()
        #expect(answer.object?["items"]?.array?.count == 4)
        let after = queue.credentials()
        #expect(after.map(\.state) == before.map(\.state) && after.map(\.until) == before.map(\.until))
        // And nothing goes out that was held back.
        _ = try await queue.turn()
        try await eventually("the queue comes to rest") { queue.book.isQuiet && queue.recorder.isIdle }
        #expect(sender.sent.isEmpty)
    }
}
