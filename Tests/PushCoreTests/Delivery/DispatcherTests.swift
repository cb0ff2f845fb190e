import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

/// What is delivered is what is true when it is published.
@Suite struct DispatcherTests {
    /// Takes nothing while it is away.
    private final class Broker: DownlinkPublisher {
        struct State {
            var isAway = false
            var asked = 0
            var payloads: [String] = []
            var expiries: [UInt32?] = []
        }
        let state = Mutex(State())

        func publish(
            topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
            completion: @escaping @Sendable (PublishOutcome) -> Void
        ) -> Bool {
            let isTaken = state.withLock { state in
                state.asked += 1
                guard !state.isAway else { return false }
                state.payloads.append(String(decoding: payload, as: UTF8.self))
                state.expiries.append(expirySeconds)
                return true
            }
            if isTaken { completion(.taken) }
            return isTaken
        }

        func publishTransient(topic: String, payload: [UInt8]) {}

        var payloads: [String] { state.withLock { $0.payloads } }
    }

    private final class Archive: DeliveryStore {
        struct State {
            var message: ArchivedMessage?
            var burned: Set<AccountKey> = []
            var readings = 0
            var failures = 0
        }
        let state = Mutex(State())
        private let quiet = QuietDeliveryStore()

        func current(
            _ message: MessageKey, for accounts: [AccountKey]
        ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? {
            try state.withLock { state in
                state.readings += 1
                if state.failures > 0 {
                    state.failures -= 1
                    throw GatewayError(.overloaded, "The store is busy.")
                }
                return state.message.map { ($0, state.burned) }
            }
        }

        func cachedDevices(of account: AccountKey) -> AccountDevices? {
            AccountDevices(
                account: AccountRef(key: account, id: "acct_\(account.rawValue)"),
                devices: [.init(key: DeviceKey(rawValue: account.rawValue), deviceID: "d", startSeq: 0)])
        }

        func marks() async throws -> DeliveryMarks { try await quiet.marks() }
        func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {}
        func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] { [] }
        func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] { [:] }
        func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool { false }
        func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool { false }
        func claimJobs(
            _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
        ) async throws -> [PushJob] { [] }
        func releaseLeases(at now: Milliseconds) async throws {}
        func markBegun(_ jobs: [PushJob]) async throws {}
        func clockWentBack(to now: Milliseconds) async throws {}
        func lanesWithJobs() async throws -> [Int64: Milliseconds] { [:] }
        func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] { [:] }
        func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int { 0 }
        func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {}
        func vendorSettings() async throws -> [VendorSettings] { [] }
        func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? { nil }
        func setVendorSettings(
            _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
        ) async throws {}
        func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] { [] }
        func skippedCounts(of message: MessageKey) async throws -> [String: Int] { [:] }
    }

    private struct Road {
        let broker = Broker()
        let archive = Archive()
        let feed = EntryFeed(head: 0, entriesMax: 100, changedMessagesMax: 2)

        func entries(_ positions: ClosedRange<Int64>, revision: Int = 0) -> [InboxEntry] {
            positions.map {
                InboxEntry(
                    position: $0, account: AccountKey(rawValue: $0), seq: $0, message: MessageKey(rawValue: 1),
                    flags: [], revision: revision)
            }
        }
    }

    /// A road that is worked while `body` runs.
    private func withRoad(_ body: (Road) async throws -> Void) async throws {
        let road = Road()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let clock = WallClock { 2000 }
        let dispatcher = Dispatcher(
            store: road.archive, feed: road.feed, publisher: road.broker,
            progress: DeliveryProgress(
                marks: DeliveryMarks(dispatched: 0, decided: 0), store: road.archive, clock: clock, logger: logger),
            limits: Limits(), clock: clock, logger: logger)
        let running = Task { await dispatcher.run() }
        defer { running.cancel() }
        try await body(road)
    }

    @Test func `nothing is read again while nothing changes`() async throws {
        try await withRoad { road in
            road.feed.committed([CommittedEntries(message: try .sample(), entries: road.entries(1...3))])
            try await eventually("all are published") { road.broker.payloads.count == 3 }
            #expect(road.broker.payloads.allSatisfy { $0.contains(#""content":{"text":"hi"}"#) })
            // Changed after it was published, or before this copy was committed.
            road.feed.changed(MessageKey(rawValue: 1), through: 3)
            road.feed.committed([CommittedEntries(message: try .sample(), entries: road.entries(4...4))])
            try await eventually("the next is published") { road.broker.payloads.count == 4 }
            #expect(road.archive.state.withLock { $0.readings } == 0)
        }
    }

    @Test func `a message that is revoked while the broker is away goes out short`() async throws {
        try await withRoad { road in
            road.broker.state.withLock { $0.isAway = true }
            road.feed.committed([CommittedEntries(message: try .sample(timeToLive: 60), entries: road.entries(1...2))])
            try await eventually("it was tried") { road.broker.state.withLock { $0.asked } > 0 }
            let revoked = try ArchivedMessage.sample(timeToLive: 60, state: .revoked)
            road.archive.state.withLock { $0 = .init(message: revoked, failures: 1) }
            road.feed.changed(MessageKey(rawValue: 1), through: 2)
            road.broker.state.withLock { $0.isAway = false }
            try await eventually("both are published") { road.broker.payloads.count == 2 }
            #expect(
                road.broker.payloads.allSatisfy { $0.contains(#""content":null"#) && $0.contains(#""revoked":true"#) })
            #expect(road.broker.state.withLock { $0.expiries } == [nil, nil])
        }
    }

    @Test func `a copy that its own account burned goes out short, the others do not`() async throws {
        try await withRoad { road in
            let message = try ArchivedMessage.sample(form: .group)
            road.archive.state.withLock { $0 = .init(message: message, burned: [AccountKey(rawValue: 2)]) }
            road.feed.changed(MessageKey(rawValue: 1), through: 3)
            road.feed.committed([CommittedEntries(message: message, entries: road.entries(1...3))])
            try await eventually("all are published") { road.broker.payloads.count == 3 }
            #expect(road.broker.payloads.map { $0.contains(#""burned":true"#) } == [false, true, false])
            #expect(road.broker.payloads.map { $0.contains(#""content":null"#) } == [false, true, false])
        }
    }

    @Test func `an older revision goes out as superseded`() async throws {
        try await withRoad { road in
            let old = try ArchivedMessage.sample()
            let new = ArchivedMessage(
                key: old.key, tenantKey: old.tenantKey, tenantNo: old.tenantNo, id: old.id, form: old.form,
                from: old.from, to: old.to, target: nil, type: old.type, content: try .json(#"{"text":"new"}"#),
                timestamp: old.timestamp, isBackground: false, serverTime: old.serverTime, revision: 1,
                timeToLiveSeconds: nil, state: .live, push: .standard)
            road.archive.state.withLock { $0 = .init(message: new) }
            road.feed.changed(old.key, through: 2)
            road.feed.committed([
                CommittedEntries(message: old, entries: road.entries(1...1)),
                CommittedEntries(message: new, entries: road.entries(2...2, revision: 1)),
            ])
            try await eventually("both are published") { road.broker.payloads.count == 2 }
            #expect(road.broker.payloads[0].contains(#""revision":0,"superseded":true"#))
            #expect(road.broker.payloads[1].contains(#""content":{"text":"new"}"#))
            #expect(road.broker.payloads[1].hasSuffix(#""revision":1}"#))
        }
    }

    @Test func `the record of changes is bounded and forgets on the safe side`() {
        let feed = EntryFeed(head: 5, entriesMax: 100, changedMessagesMax: 2)
        func key(_ number: Int64) -> MessageKey { MessageKey(rawValue: number) }
        // What was changed before the start is not remembered.
        #expect(feed.mayHaveChanged(key(9), at: 5) && !feed.mayHaveChanged(key(9), at: 6))
        feed.changed(key(1), through: 10)
        feed.changed(key(2), through: 20)
        #expect(feed.mayHaveChanged(key(1), at: 10) && !feed.mayHaveChanged(key(1), at: 11))
        #expect(!feed.mayHaveChanged(key(3), at: 10))
        feed.changed(key(1), through: 30)
        feed.changed(key(3), through: 40)
        // The first one was forgotten, with the position of its newest change.
        #expect(feed.mayHaveChanged(key(1), at: 30) && feed.mayHaveChanged(key(7), at: 30))
        #expect(!feed.mayHaveChanged(key(7), at: 31) && feed.mayHaveChanged(key(3), at: 40))
        #expect(feed.changeCount == 4)
        feed.changedAny(through: 50)
        #expect(feed.mayHaveChanged(key(7), at: 50) && feed.changeCount == 5)
    }
}
