import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

@Suite struct PushQueueTests {
    /// One credential of one vendor, and one job that is due until it ends.
    private final class OneJob: DeliveryStore, VendorCatalog, SinglePushSender {
        struct State {
            var changes: [PushJobChange] = []
            var sent: [String] = []
            var isClaimed = false
            var readings = 0
        }

        let state = Mutex(State())
        let vendor: Vendor
        let token: PushToken
        let concurrentMax = 10
        let canSendSilently = true
        /// Failures of writing down before it works.
        private let busyTimes: Mutex<Int>
        private let failedReadings: Mutex<Int>
        private let beforeSubject: @Sendable () async -> Void

        init(
            vendor: Vendor = .fcm, token: Vendor = .fcm, busyTimes: Int = 0, failedReadings: Int = 0,
            beforeSubject: @escaping @Sendable () async -> Void = {}
        ) {
            self.vendor = vendor
            self.token = PushToken(vendor: token, token: "token-1")
            self.busyTimes = Mutex(busyTimes)
            self.failedReadings = Mutex(failedReadings)
            self.beforeSubject = beforeSubject
        }

        var sent: [String] { state.withLock { $0.sent } }
        var changes: [PushJobChange] { state.withLock { $0.changes } }

        // What the queue asks of the store.
        func lanesWithJobs() async throws -> [Int64: Milliseconds] { state.withLock { $0.isClaimed } ? [:] : [1: 0] }

        func claimJobs(
            _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
        ) async throws -> [PushJob] {
            state.withLock { $0.isClaimed = true }
            return [
                PushJob(
                    key: 1, lane: 1, message: MessageKey(rawValue: 1), device: DeviceKey(rawValue: 1), attempts: 0,
                    createdAt: now)
            ]
        }

        func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] {
            await beforeSubject()
            let subject = PushSubject(
                message: try .sample(), device: .sample(tokens: [token]), tenant: .sample, token: token,
                isAcknowledged: false, senderName: "Ann")
            return Dictionary(jobs.map { ($0.key, subject) }) { first, _ in first }
        }

        func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int { 0 }

        func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {
            let isBusy = busyTimes.withLock { times in
                defer { times -= 1 }
                return times > 0
            }
            if isBusy { throw GatewayError(.overloaded, "The store is busy.") }
            state.withLock { $0.changes += jobs.map(\.1) }
        }

        func vendorSettings() async throws -> [VendorSettings] {
            let isFailing = failedReadings.withLock { times in
                defer { times -= 1 }
                return times > 0
            }
            if isFailing { throw GatewayError(.overloaded, "The store is busy.") }
            return [
                VendorSettings(
                    lane: 1, tenantKey: Tenant.sample.key, app: nil, vendor: vendor, settings: .emptyObject)
            ]
        }

        func marks() async throws -> DeliveryMarks { DeliveryMarks(dispatched: 0, decided: 0) }
        func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {}
        func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] { [] }
        func current(
            _ message: MessageKey, for accounts: [AccountKey]
        ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? { nil }
        func cachedDevices(of account: AccountKey) -> AccountDevices? { nil }
        func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] { [:] }
        func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool { false }
        func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool { false }
        func releaseLeases(at now: Milliseconds) async throws {}
        func markBegun(_ jobs: [PushJob]) async throws {}
        func clockWentBack(to now: Milliseconds) async throws {}
        func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? { nil }
        func setVendorSettings(
            _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
        ) async throws {}
        func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] { [] }
        func skippedCounts(of message: MessageKey) async throws -> [String: Int] { [:] }

        // What it asks of the vendor.
        func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON { settings }
        func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {}
        func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON { .emptyObject }
        func makeSender(
            for vendor: Vendor, settings: RawJSON, tenantNo: String
        ) throws(GatewayError) -> any VendorSender { self }

        func send(_ push: VendorPush) async -> VendorAnswer {
            state.withLock { $0.sent.append(push.token.token) }
            return .sent(vendorID: "v-1")
        }

        func check(_ push: VendorPush) async -> VendorAnswer { .sent(vendorID: nil) }
        func shutdown() async {}
    }

    private func queue(
        _ job: OneJob, limits: Limits = Limits(), clock: WallClock = WallClock { 2000 }
    ) -> PushQueue {
        PushQueue(
            store: job, catalog: job, tenants: { _ in .sample }, limits: limits, clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs the queue until the job's end is written down.
    private func run(_ queue: PushQueue, _ job: OneJob) async throws {
        let running = Task { await queue.run() }
        try await eventually("the end is written down") { !job.changes.isEmpty }
        running.cancel()
        await running.value
    }

    @Test func `a token of another vendor is neither sent nor called dead`() async throws {
        let job = OneJob(vendor: .apns, token: .fcm)
        let queue = queue(job)
        try await queue.reloadSettings()
        try await run(queue, job)
        #expect(job.sent.isEmpty)
        guard case .released? = job.changes.first else {
            Issue.record("the job should be free for the other vendor: \(job.changes)")
            return
        }
    }

    @Test func `an accepted push is written down although the store is busy`() async throws {
        let job = OneJob(busyTimes: 3)
        let queue = queue(job)
        try await queue.reloadSettings()
        try await run(queue, job)
        #expect(job.sent == ["token-1"])
        guard case .accepted(.fcm, "v-1", _, _)? = job.changes.first else {
            Issue.record("it went out: \(job.changes)")
            return
        }
    }

    @Test func `settings that could not be read at the start are read again when a job waits for them`() async throws {
        let job = OneJob(failedReadings: 1)
        let queue = queue(job)
        await #expect(throws: GatewayError.self) { try await queue.reloadSettings() }
        try await run(queue, job)
        #expect(job.sent == ["token-1"])
    }

    /// Registrations come by the thousand: they must not make a push start over.
    @Test func `a change of devices waits for the push that is being read, which goes out`() async throws {
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let (reached, reaching) = AsyncStream.makeStream(of: Void.self)
        let readings = Mutex(0)
        let job = OneJob {
            readings.withLock { $0 += 1 }
            reaching.yield()
            for await _ in gate { return }
        }
        let queue = queue(job)
        try await queue.reloadSettings()
        let running = Task { await queue.run() }
        for await _ in reached { break }
        let isAnswered = Mutex(false)
        let change = Task {
            await queue.devicesChanged()
            isAnswered.withLock { $0 = true }
        }
        for _ in 0..<1000 { await Task.yield() }
        #expect(!isAnswered.withLock { $0 }, "a request could still begin on what was read before")
        opening.finish()
        await change.value
        try await eventually("the end is written down") { !job.changes.isEmpty }
        #expect(job.sent == ["token-1"] && readings.withLock { $0 } == 1)
        running.cancel()
        await running.value
    }

    /// Logging in can take a vendor seconds: whoever left meanwhile must not be pushed after the answer.
    @Test(arguments: [false, true])
    func `a change of devices waits for a slow login, not for the vendor's answer`(isReporting: Bool) async throws {
        let (login, loggedIn) = AsyncStream.makeStream(of: Void.self)
        let (answer, answering) = AsyncStream.makeStream(of: Void.self)
        let (reached, reaching) = AsyncStream.makeStream(of: Void.self)
        let store = ScriptedStore(jobs: [.sample(1)])
        let sender = ScriptedSender(isReporting: false) { batch in
            reaching.yield()
            await RequestStart.unreported {
                RequestStart.current?.report()
                for await _ in login { return }
            }
            if isReporting { RequestStart.current?.report() }
            for await _ in answer { break }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = PushQueue(
            store: store, catalog: sender, tenants: { _ in .sample }, limits: Limits(), clock: WallClock { 2000 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await queue.reloadSettings()
        let running = Task { await queue.run() }
        for await _ in reached { break }
        let isAnswered = Mutex(false)
        let change = Task {
            await queue.devicesChanged()
            isAnswered.withLock { $0 = true }
        }
        for _ in 0..<1000 { await Task.yield() }
        #expect(!isAnswered.withLock { $0 }, "the request with the push has not begun")
        loggedIn.finish()
        if !isReporting { answering.finish() }
        await change.value
        answering.finish()
        try await eventually("the push is written down") { store.ended == 1 }
        running.cancel()
        await running.value
    }

    /// HONOR, for one, refuses a request from 1970 as malformed, which is for good.
    @Test func `while the clock is wrong no push begins, and none ends`() async throws {
        let time = Mutex<Milliseconds>(6000)
        var limits = Limits()
        limits.clockBelievedFrom = 5000
        let readings = Mutex(0)
        let job = OneJob {
            // Set back between the claim and the request.
            if readings.withLock({
                $0 += 1
                return $0
            }) == 1 {
                time.withLock { $0 = 1000 }
            }
        }
        let queue = queue(job, limits: limits, clock: WallClock { time.withLock { $0 } })
        try await queue.reloadSettings()
        let running = Task { await queue.run() }
        try await eventually("it is back on disk") { !job.changes.isEmpty }
        guard case .released(at: 1000)? = job.changes.first else {
            Issue.record("it must wait: \(job.changes)")
            return
        }
        for _ in 0..<3 { #expect(try await queue.turn() == .seconds(1)) }
        #expect(job.sent.isEmpty && readings.withLock { $0 } == 1)
        running.cancel()
        await running.value

        let next = OneJob()
        let right = self.queue(next, limits: limits, clock: WallClock { 6000 })
        try await right.reloadSettings()
        try await run(right, next)
        #expect(next.sent == ["token-1"])
    }

    @Test func `the store is told when the clock was set back, once`() async throws {
        let time = Mutex<Milliseconds>(90_000_000)
        let store = ScriptedStore(jobs: [])
        let queue = PushQueue(
            store: store, catalog: ScriptedSender { batch in batch.map { _ in .sent(vendorID: nil) } },
            tenants: { _ in .sample }, limits: Limits(), clock: WallClock { time.withLock { $0 } },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = try await queue.turn()
        // As a clock is that is corrected all the time.
        time.withLock { $0 -= 500 }
        _ = try await queue.turn()
        #expect(store.clockSetBack == [])
        time.withLock { $0 = 2000 }
        for _ in 0..<2 { _ = try await queue.turn() }
        #expect(store.clockSetBack == [2000])
        time.withLock { $0 = 80_000_000 }
        _ = try await queue.turn()
        #expect(store.clockSetBack == [2000])
    }
}
