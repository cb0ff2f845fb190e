import Logging
import Synchronization

/// The second road: takes due push jobs from disk, builds each push when it is sent, hands it to its vendor, and
/// decides what the vendor's answer means. Retry, removal of tokens and pace are here and nowhere else.
///
/// A lane is one credential of one vendor. Lanes do not wait for each other: each has its own requests under way, its
/// own pause, and takes no more jobs from disk than it can send.
public final class PushQueue: Sendable {
    private struct Lane {
        let settings: VendorSettings
        let sender: any VendorSender
        var underWay = 0
        /// The credential was refused or asked for a pause: nothing goes out before.
        var pausedUntil: Milliseconds = 0
        /// After a refused credential one push at a time probes it, until one gets through.
        var isProbing = false
        var isClosed = false
        /// Why and since when nothing goes out.
        var paused: (reply: VendorReply, since: Milliseconds)?

        func capacity(now: Milliseconds) -> Int {
            guard !isClosed, now >= pausedUntil else { return 0 }
            return isProbing ? max(0, 1 - underWay) : sender.concurrentMax - underWay
        }
    }

    private struct State {
        var lanes: [Int64: Lane] = [:]
        /// Grows with the changes of devices that had to wait for pushes in preparation.
        var generation: UInt64 = 0
        /// Pushes that are being read from disk and have not begun, counted by the generation they started in.
        var preparing: [UInt64: Int] = [:]
        /// Changes of devices that wait until everything older than their generation has begun.
        var settling: [(generation: UInt64, waiter: CheckedContinuation<Void, Never>)] = []
        var underWay = 0
        /// When a lane without a sender last made the settings be read again.
        var healedAt: ContinuousClock.Instant?
    }

    private let store: any DeliveryStore
    private let catalog: any VendorCatalog
    private let tenants: @Sendable (TenantKey) -> Tenant?
    private let limits: Limits
    private let clock: WallClock
    private let retries: RetryPolicy
    private let logger: Logger
    private let signal = WakeSignal()
    private let state = Mutex(State())
    private let counts = Mutex(PushCounters())
    /// The last reading of the settings: they come one after the other, or an older one would close a newer one's lane.
    private let reading = Mutex<Task<Void, any Error>?>(nil)

    /// A claimed job is nobody else's for this long; a crash frees it then, a start at once.
    private static let leaseMilliseconds: Milliseconds = 60_000
    private static let probeMilliseconds: Milliseconds = 60_000

    public init(
        store: any DeliveryStore, catalog: any VendorCatalog, tenants: @escaping @Sendable (TenantKey) -> Tenant?,
        limits: Limits, clock: WallClock, logger: Logger
    ) {
        self.store = store
        self.catalog = catalog
        self.tenants = tenants
        self.limits = limits
        self.clock = clock
        self.retries = RetryPolicy(limits: limits)
        self.logger = logger
    }

    /// There are new jobs.
    public func wake() { signal.wake() }

    /// Devices have changed on disk. Returns when every push that may have been read before has begun or was given up:
    /// from then on no request begins on what was true before. Pushes never have to be read again for it, so that any
    /// number of changes does not hold them up.
    public func devicesChanged() async {
        await withCheckedContinuation { waiter in
            let isClear = state.withLock { state in
                if state.preparing.isEmpty { return true }
                state.generation += 1
                state.settling.append((state.generation, waiter))
                return false
            }
            if isClear { waiter.resume() }
        }
    }

    private func beginPreparing() -> UInt64 {
        state.withLock { state in
            state.preparing[state.generation, default: 0] += 1
            return state.generation
        }
    }

    private func endPreparing(_ generation: UInt64) {
        let settled = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            let left = (state.preparing[generation] ?? 1) - 1
            state.preparing[generation] = left > 0 ? left : nil
            guard left <= 0, !state.settling.isEmpty else { return [] }
            let oldest = state.preparing.keys.min() ?? .max
            let settled = state.settling.filter { $0.generation <= oldest }.map(\.waiter)
            state.settling.removeAll { $0.generation <= oldest }
            return settled
        }
        for waiter in settled { waiter.resume() }
    }

    // MARK: Credentials

    /// Reads the vendors' settings. Called at start and after each change; a changed credential is a new lane.
    public func reloadSettings() async throws {
        let mine = reading.withLock { last in
            let before = last
            let mine = Task {
                _ = await before?.result
                try await self.readSettings()
            }
            last = mine
            return mine
        }
        try await mine.value
    }

    private func readSettings() async throws {
        let all = try await store.vendorSettings()
        var closing: [any VendorSender] = []
        for settings in all where state.withLock({ $0.lanes[settings.lane] }) == nil {
            guard let tenant = tenants(settings.tenantKey) else { continue }
            do {
                let sender = try catalog.makeSender(
                    for: settings.vendor, settings: settings.settings, tenantNo: tenant.tenantNo)
                state.withLock { $0.lanes[settings.lane] = Lane(settings: settings, sender: sender) }
            } catch {
                logger.error(
                    "a vendor's settings cannot be used",
                    metadata: ["vendor": "\(settings.vendor)", "tenant": "\(tenant.tenantNo)", "code": "\(error.code)"])
            }
        }
        let live = Set(all.map(\.lane))
        state.withLock { state in
            for lane in state.lanes.keys where !live.contains(lane) {
                state.lanes[lane]?.isClosed = true
                if state.lanes[lane]?.underWay == 0, let closed = state.lanes.removeValue(forKey: lane) {
                    closing.append(closed.sender)
                }
            }
        }
        for sender in closing { await sender.shutdown() }
        signal.wake()
    }

    // MARK: The loop

    /// Runs until the task is cancelled; then nothing new begins, and what is under way ends first.
    public func run() async {
        while !Task.isCancelled {
            var pause = Duration.seconds(1)
            do {
                pause = try await startDueJobs()
            } catch is CancellationError {
                break
            } catch {
                logger.warning("push jobs could not be read", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: pause)
        }
        await finish()
    }

    /// Claims what is due in every lane with room for it. Returns how long nothing else will be due.
    private func startDueJobs() async throws -> Duration {
        let now = clock.now
        var nextDue = now + 1000
        var isAnyUnknown = false
        for (lane, due) in try await store.lanesWithJobs() {
            guard due <= now else {
                nextDue = min(nextDue, due)
                continue
            }
            let room = state.withLock { state -> Int? in
                guard let known = state.lanes[lane] else { return nil }
                return min(known.capacity(now: now), limits.pushJobsInMemoryMax - state.underWay)
            }
            isAnyUnknown = isAnyUnknown || room == nil
            guard let room, room > 0 else { continue }
            let jobs = try await store.claimJobs(
                lane: lane, limit: room, now: now, leaseUntil: now + Self.leaseMilliseconds)
            for job in jobs {
                guard let sender = begin(lane) else {
                    try await store.change([(job, .released(at: now))], at: now)
                    continue
                }
                // Waited for in `finish`, by count: a cancelled queue lets a push under way have its answer.
                Task {
                    await self.process(job, with: sender)
                    self.end(lane)
                }
            }
            if jobs.count == room { signal.wake() }
        }
        if isAnyUnknown { try await heal() }
        return .milliseconds(max(1, nextDue - now))
    }

    /// Jobs wait on a lane without a sender: its settings could not be read before, or not be used.
    private func heal() async throws {
        let isDue = state.withLock { $0.healedAt.map { .now - $0 > .milliseconds(Self.probeMilliseconds) } ?? true }
        guard isDue else { return }
        try await reloadSettings()
        state.withLock { $0.healedAt = .now }
    }

    private func begin(_ lane: Int64) -> (any VendorSender)? {
        state.withLock { state in
            guard let known = state.lanes[lane], !known.isClosed else { return nil }
            state.lanes[lane]?.underWay += 1
            state.underWay += 1
            return known.sender
        }
    }

    private func end(_ lane: Int64) {
        let closing = state.withLock { state -> (any VendorSender)? in
            state.underWay -= 1
            state.lanes[lane]?.underWay -= 1
            guard let known = state.lanes[lane], known.isClosed, known.underWay == 0 else { return nil }
            return state.lanes.removeValue(forKey: lane)?.sender
        }
        if let closing { Task { await closing.shutdown() } }
        signal.wake()
    }

    private func finish() async {
        let deadline = ContinuousClock.now + .seconds(12)
        while state.withLock({ $0.underWay }) > 0, ContinuousClock.now < deadline {
            // Cancellation does not end this wait: the requests have their own ten seconds.
            await Task { await self.signal.wait(atMost: .milliseconds(100)) }.value
        }
        let senders = state.withLock { state in
            defer { state.lanes.removeAll() }
            return state.lanes.values.map(\.sender)
        }
        for sender in senders { await sender.shutdown() }
    }

    // MARK: One job

    private func process(_ job: PushJob, with sender: any VendorSender) async {
        do {
            await record(try await change(for: job, with: sender), of: job)
        } catch {
            // Nothing went out. The job stays leased on disk and comes back when the lease ends.
            logger.warning("a push job was put off", metadata: ["job": "\(job.key)", "error": "\(error)"])
        }
    }

    private static let recordingPause: Duration = .milliseconds(100)

    /// Writes down how a job ended. A busy store is asked again: an answer that is not written down would let the push
    /// go out a second time when its lease ends.
    private func record(_ change: PushJobChange, of job: PushJob) async {
        let deadline = ContinuousClock.now + .milliseconds(Self.leaseMilliseconds / 2)
        while true {
            do {
                return try await store.change([(job, change)], at: clock.now)
            } catch {
                guard ContinuousClock.now < deadline else {
                    logger.error(
                        "the outcome of a push could not be written down",
                        metadata: ["job": "\(job.key)", "error": "\(error)"])
                    return
                }
                try? await Task.sleep(for: Self.recordingPause)  // throws on cancellation only, and nobody cancels
            }
        }
    }

    private enum Preparation {
        case push(VendorPush, token: PushToken, expiry: Milliseconds?)
        case change(PushJobChange)
    }

    private func change(for job: PushJob, with sender: any VendorSender) async throws -> PushJobChange {
        switch try await prepare(job, for: sender) {
        case .change(let change): return change
        case .push(let push, let token, let expiry):
            return outcome(of: await sender.send(push), job: job, token: token, expiry: expiry)
        }
    }

    /// Reads what the push is made of. When this returns the request has begun, as far as changes of devices go: after
    /// the answer to a deregistration no new vendor request begins for it.
    private func prepare(_ job: PushJob, for sender: any VendorSender) async throws -> Preparation {
        let generation = beginPreparing()
        defer { endPreparing(generation) }
        guard let subject = try await store.subject(of: job) else { return .change(.skipped(.cancelled)) }
        let now = clock.now
        if job.turn > 0 { return replacement(job, subject, for: sender, now: now) }
        if subject.isBurned { return .change(.skipped(.burned)) }
        let verdict = FallbackRule.verdict(
            message: subject.message, device: subject.device, isAcknowledged: subject.isAcknowledged,
            isRead: subject.isRead, isConfigured: { _ in true }, canSendSilently: { _ in sender.canSendSilently },
            now: now)
        switch verdict {
        case .nothing: return .change(.skipped(.acknowledged))
        case .skip(let reason): return .change(.skipped(reason))
        case .push: break
        }
        guard let token = subject.token else { return .change(.skipped(.noToken)) }
        // The device changed its tokens after the job was claimed: it is another vendor's job now, and this one must
        // neither see the token nor call it dead.
        guard token.vendor == sender.vendor else { return .change(.released(at: now)) }
        let expiry = PushContent.expiresAt(subject.message, limits: limits)
        if let expiry, now >= expiry { return .change(.skipped(.expired)) }
        let push = PushContent.push(subject, token: token, limits: limits, now: now)
        return .push(push, token: token, expiry: expiry)
    }

    /// What takes the place of a notification that the device shows.
    private func replacement(
        _ job: PushJob, _ subject: PushSubject, for sender: any VendorSender, now: Milliseconds
    ) -> Preparation {
        if let reason = FallbackRule.reasonAgainstReplacing(subject, now: now) { return .change(.skipped(reason)) }
        guard let token = subject.token else { return .change(.skipped(.noToken)) }
        guard token.vendor == sender.vendor else { return .change(.released(at: now)) }
        let isLive = subject.message.state == .live
        let expiry = min(job.expiresAt, isLive ? subject.message.expiresAt ?? .max : .max)
        if now >= expiry { return .change(.skipped(.expired)) }
        let push = PushContent.replacement(subject, token: token, expiresAt: expiry, limits: limits, now: now)
        return .push(push, token: token, expiry: expiry)
    }

    private func outcome(
        of answer: VendorAnswer, job: PushJob, token: PushToken, expiry: Milliseconds?
    ) -> PushJobChange {
        let now = clock.now
        let attempts = job.attempts + 1
        counts.withLock { $0.count(answer, of: token.vendor) }
        switch answer {
        case .sent(let vendorID):
            settled(job.lane)
            return .accepted(vendor: token.vendor, vendorID: vendorID)
        case .dead(let reply, let since, _):
            settled(job.lane)
            return .tokenDead(token, reply, since: since)
        case .drop(let reply):
            settled(job.lane)
            return .failed(vendor: token.vendor, .vendorRefused, reply)
        case .retry(let reply, _, let triesMax?) where attempts >= triesMax:
            return .failed(vendor: token.vendor, .vendorRefused, reply)
        case .retry(let reply, let after, _):
            return again(
                at: retries.next(afterAttempts: attempts, asked: after, isPace: false, now: now), token, reply, expiry)
        case .unknown(let reply):
            return again(
                at: retries.next(afterAttempts: attempts, asked: nil, isPace: false, now: now), token, reply, expiry)
        case .slow(let reply, let scope, let after):
            let next = retries.next(afterAttempts: attempts, asked: after, isPace: true, now: now)
            if scope == .credential { pause(job.lane, reply, until: next, isRefused: false) }
            return again(at: next, token, reply, expiry)
        case .auth(let reply):
            logger.error(
                "a vendor refused the credential", metadata: ["vendor": "\(token.vendor)", "code": "\(reply.code)"])
            pause(job.lane, reply, until: now + Self.probeMilliseconds, isRefused: true)
            return again(at: now + Self.probeMilliseconds, token, reply, expiry)
        }
    }

    private func again(
        at next: Milliseconds, _ token: PushToken, _ reply: VendorReply, _ expiry: Milliseconds?
    ) -> PushJobChange {
        guard let expiry, next < expiry else { return .failed(vendor: token.vendor, .expired, reply) }
        return .retry(at: next, vendor: token.vendor, reply)
    }

    private func settled(_ lane: Int64) {
        state.withLock { state in
            guard state.lanes[lane]?.isProbing == true else { return }
            state.lanes[lane]?.isProbing = false
            state.lanes[lane]?.pausedUntil = 0
            state.lanes[lane]?.paused = nil
        }
    }

    private func pause(_ lane: Int64, _ reply: VendorReply, until: Milliseconds, isRefused: Bool) {
        let now = clock.now
        state.withLock { state in
            state.lanes[lane]?.pausedUntil = until
            let since = state.lanes[lane]?.paused?.since ?? now
            state.lanes[lane]?.paused = (reply, since)
            if isRefused { state.lanes[lane]?.isProbing = true }
        }
    }

    // MARK: What others see and do

    /// Every credential that is in use, in no order.
    public func credentials() -> [CredentialStatus] {
        let now = clock.now
        return state.withLock { state in
            state.lanes.values.filter { !$0.isClosed }.map { lane in
                let isPaused = lane.isProbing || lane.pausedUntil > now
                return CredentialStatus(
                    tenantKey: lane.settings.tenantKey, app: lane.settings.app, vendor: lane.settings.vendor,
                    lane: lane.settings.lane, state: lane.isProbing ? .stopped : isPaused ? .slowed : .running,
                    code: isPaused ? lane.paused?.reply.code : nil, text: isPaused ? lane.paused?.reply.text : nil,
                    since: isPaused ? lane.paused?.since : nil, until: isPaused ? lane.pausedUntil : nil,
                    underWay: lane.underWay)
            }
        }
    }

    /// Starts a stopped or slowed credential again, as if its settings had been put anew.
    public func restart(tenant: TenantKey, app: AppKey?, vendor: Vendor) {
        state.withLock { state in
            for (lane, known) in Array(state.lanes)
            where known.settings.tenantKey == tenant && known.settings.app == app && known.settings.vendor == vendor {
                state.lanes[lane]?.isProbing = false
                state.lanes[lane]?.pausedUntil = 0
                state.lanes[lane]?.paused = nil
            }
        }
        signal.wake()
    }

    /// Stops a credential: at most what is in flight goes out.
    public func stop(lane: Int64, reply: VendorReply) {
        pause(lane, reply, until: clock.now + Self.probeMilliseconds, isRefused: true)
    }

    /// What vendors answered since the start.
    public func counters() -> PushCounters { counts.withLock { $0 } }
}
