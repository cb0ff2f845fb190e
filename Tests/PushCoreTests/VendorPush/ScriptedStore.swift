import Logging
import PushTestSupport
import Synchronization
import Testing

@testable import PushCore

/// The queue's disk in memory: jobs with their due times and leases, and every change that was written.
final class ScriptedStore: DeliveryStore, Sendable {
    struct Job {
        var job: PushJob
        var due: Milliseconds
        var token: PushToken?
        var attempts = 0
        var isWaiting = true
        var isAcknowledged = false
    }

    struct State {
        var jobs: [Int64: Job] = [:]
        var changes: [Int64: [PushJobChange]] = [:]
        var claimedTimes: [Int64: Int] = [:]
        var settings: [VendorSettings] = []
        var failedReadings = 0
        /// Jobs that were marked as begun, in their order.
        var begun: [Int64] = []
        var failedMarks = 0
        /// Devices whose jobs were to be due at once, call by call.
        var hastened: [[DeviceKey]] = []
        var refusesHastening = false
        var pages: [[Int64]] = []
        var clockSetBack: [Milliseconds] = []
        var onChange: (@Sendable ([PushJob]) async throws -> Void)?
        var onRead: (@Sendable () async -> Void)?
    }

    let state: Mutex<State>

    init(jobs: [PushJob], vendor: Vendor = .huawei, lanes: [Int64] = [1]) {
        var state = State()
        for job in jobs {
            state.jobs[job.key] = Job(
                job: job, due: 0, token: PushToken(vendor: vendor, token: "token-\(job.key)"))
        }
        state.settings = lanes.map { .sample(lane: $0, vendor: vendor) }
        self.state = Mutex(state)
    }

    var onChange: (@Sendable ([PushJob]) async throws -> Void)? {
        get { state.withLock { $0.onChange } }
        set { state.withLock { $0.onChange = newValue } }
    }

    func changes(of key: Int64) -> [PushJobChange] { state.withLock { $0.changes[key] ?? [] } }
    /// Grows with every job that is claimed and every change that is written.
    var activity: Int {
        state.withLock { $0.claimedTimes.values.reduce(0, +) + $0.changes.values.reduce(0) { $0 + $1.count } }
    }
    var ended: Int { state.withLock { $0.jobs.values.count { !$0.isWaiting } } }

    func lanesWithJobs() async throws -> [Int64: Milliseconds] {
        state.withLock { state in
            state.jobs.values.filter(\.isWaiting).reduce(into: [:]) {
                $0[$1.job.lane] = min($0[$1.job.lane] ?? .max, $1.due)
            }
        }
    }

    func claimJobs(
        _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob] {
        state.withLock { state in
            var claimed: [PushJob] = []
            for claim in claims {
                var left = claim.total
                for messageClass in MessageClass.allCases {
                    let limit = min(claim.limits[messageClass] ?? 0, left)
                    let due = state.jobs.values.filter {
                        $0.isWaiting && $0.job.lane == claim.lane && $0.job.messageClass == messageClass
                            && $0.due <= now && !held.contains($0.job.key)
                    }.sorted { ($0.due, $0.job.key) < ($1.due, $1.job.key) }
                    for found in due.prefix(limit) {
                        left -= 1
                        state.jobs[found.job.key]?.attempts += 1
                        state.jobs[found.job.key]?.due = leaseUntil
                        state.claimedTimes[found.job.key, default: 0] += 1
                        claimed.append(
                            PushJob(
                                key: found.job.key, lane: found.job.lane, message: found.job.message,
                                device: found.job.device, attempts: found.attempts + 1, createdAt: 0,
                                messageClass: messageClass, dueAt: found.due, claimedAt: now))
                    }
                }
            }
            return claimed
        }
    }

    func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int { 0 }

    func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] {
        if let onRead = state.withLock({ $0.onRead }) { await onRead() }
        return try state.withLock { state in
            state.pages.append(jobs.map(\.key))
            if state.failedReadings > 0 {
                state.failedReadings -= 1
                throw GatewayError(.overloaded, "busy")
            }
            var found: [Int64: PushSubject] = [:]
            for job in jobs {
                guard let known = state.jobs[job.key], known.isWaiting else { continue }
                found[job.key] = PushSubject(
                    message: try .sample(), device: .sample(tokens: known.token.map { [$0] } ?? []), tenant: .sample,
                    token: known.token, isAcknowledged: known.isAcknowledged, senderName: "Ann")
            }
            return found
        }
    }

    func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {
        if let onChange { try await onChange(jobs.map(\.0)) }
        state.withLock { state in
            for (job, change) in jobs {
                state.changes[job.key, default: []].append(change)
                switch change {
                case .retry(let at, _, _): state.jobs[job.key]?.due = at
                case .heldBack:
                    state.jobs[job.key]?.due = now
                    state.jobs[job.key]?.attempts -= 1
                case .released(let at):
                    state.jobs[job.key]?.due = at
                    state.jobs[job.key]?.attempts -= 1
                case .accepted, .skipped, .failed, .tokenDead: state.jobs[job.key]?.isWaiting = false
                }
            }
        }
    }

    func vendorSettings() async throws -> [VendorSettings] { state.withLock { $0.settings } }

    func marks() async throws -> DeliveryMarks { DeliveryMarks(dispatched: 0, decided: 0) }
    func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {}
    func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] { [] }
    func current(
        _ message: MessageKey, for accounts: [AccountKey]
    ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? { nil }
    func cachedDevices(of account: AccountKey) -> AccountDevices? { nil }
    func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] { [:] }
    func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool { false }
    func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool {
        try state.withLock { state in
            state.hastened.append(devices)
            if state.refusesHastening { throw GatewayError(.overloaded, "busy") }
            return false
        }
    }
    func releaseLeases(at now: Milliseconds) async throws {}
    func markBegun(_ jobs: [PushJob]) async throws {
        try state.withLock { state in
            if state.failedMarks > 0 {
                state.failedMarks -= 1
                throw GatewayError(.overloaded, "busy")
            }
            state.begun += jobs.map(\.key)
        }
    }
    func clockWentBack(to now: Milliseconds) async throws { state.withLock { $0.clockSetBack.append(now) } }
    /// What the queue said of the clock.
    var clockSetBack: [Milliseconds] { state.withLock { $0.clockSetBack } }
    func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? { nil }
    func setVendorSettings(
        _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
    ) async throws {}
    func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] { [] }
    func skippedCounts(of message: MessageKey) async throws -> [String: Int] { [:] }
}

/// A vendor that answers as the test says, for each request at once or when it is let.
final class ScriptedSender: VendorSender, VendorCatalog, Sendable {
    let vendor: Vendor
    let concurrentMax: Int
    let batchForm: BatchForm
    let canSendSilently = true
    let replaces: Bool
    /// Says by itself that a request begins.
    let isReporting: Bool
    let requests = Mutex<[[String]]>([])
    private let answer: @Sendable ([VendorPush]) async -> [VendorAnswer]

    init(
        vendor: Vendor = .huawei, concurrentMax: Int = 10, form: BatchForm = .single, replaces: Bool = true,
        isReporting: Bool = true,
        answer: @escaping @Sendable ([VendorPush]) async -> [VendorAnswer]
    ) {
        self.vendor = vendor
        self.concurrentMax = concurrentMax
        batchForm = form
        self.replaces = replaces
        self.isReporting = isReporting
        self.answer = answer
    }

    var sent: [String] { requests.withLock { $0.flatMap(\.self) } }

    func repeatReplaces(_ push: VendorPush) -> Bool { replaces }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        requests.withLock { $0.append(batch.map(\.token.token)) }
        if isReporting { RequestStart.current?.report() }
        return await answer(batch)
    }

    func check(_ push: VendorPush) async -> VendorAnswer { .sent(vendorID: nil) }
    func shutdown() async {}

    func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON { settings }
    func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {}
    func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON { .emptyObject }
    func makeSender(
        for vendor: Vendor, settings: RawJSON, tenantNo: String
    ) throws(GatewayError) -> any VendorSender { self }
}

/// Calendar and monotonic time that stand until they are moved.
final class QueueClock: Sendable {
    private let wall = Mutex<Milliseconds>(2000)
    private let monotonic = Mutex(ContinuousClock.now)

    var now: Milliseconds { wall.withLock { $0 } }
    var instant: ContinuousClock.Instant { monotonic.withLock { $0 } }

    func advance(_ length: Duration) {
        wall.withLock { $0 += length.milliseconds }
        monotonic.withLock { $0 += length }
    }

    /// Somebody sets the clock.
    func jump(_ milliseconds: Milliseconds) { wall.withLock { $0 += milliseconds } }
}
