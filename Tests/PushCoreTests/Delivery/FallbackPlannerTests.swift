import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

@Suite struct FallbackPlannerTests {
    /// Its jobs are due when a device goes. Where that could not be written down before it came back, they wait for their
    /// own time.
    @Test func `a device that came back while the store was busy is not hurried`() async throws {
        let store = ScriptedStore(jobs: [])
        store.state.withLock { $0.refusesHastening = true }
        let presence = PresenceBook()
        #expect(presence.endDoubt(presence.snapshot([connection(1)])))
        let devices = MemoryDeviceStore()
        let registered = try await devices.register(
            Registration(
                tenant: .sample, app: AppKey(rawValue: 1), isSigned: true, signedAt: nil, userID: "bob",
                uniqueCode: "code", draft: DeviceDraft(parsing: .emptyObject, limits: Limits())), at: 0)
        try #require(registered.identity.deviceID == "dev_1")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let clock = WallClock { 0 }
        let planner = FallbackPlanner(
            store: store, devices: devices, feed: EntryFeed(head: 0, entriesMax: 10), presence: presence,
            progress: DeliveryProgress(
                marks: DeliveryMarks(dispatched: 0, decided: 0), store: store, clock: clock, logger: logger),
            limits: Limits(), clock: clock,
            runtime: Runtime(now: { .now }, sleep: { _ in await Task.yield() }),
            logger: logger, jobsMade: {})
        let running = Task { await planner.run() }
        presence.apply([.disconnected(connection(1))])
        try await eventually("it is to be hurried") {
            store.state.withLock { $0.hastened.contains([registered.identity.key]) }
        }
        presence.apply([.connected(connection(2))])
        store.state.withLock { state in
            state.refusesHastening = false
            state.hastened = []
        }
        try await eventually("it was looked at again") { store.state.withLock { $0.hastened.count > 1 } }
        running.cancel()
        await running.value
        // The first call may have been under way when it came back.
        #expect(store.state.withLock { $0.hastened.dropFirst().allSatisfy(\.isEmpty) })
    }

    private func connection(_ number: UInt64) -> DeviceConnection {
        DeviceConnection(connection: number, deviceID: "dev_1", at: 0)
    }
}
