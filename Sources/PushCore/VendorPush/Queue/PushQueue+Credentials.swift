import Logging
import Synchronization

/// The last reading of the settings: they come one after the other, or an older one would close a newer one's lane.
final class SettingsReading: Sendable {
    private let last = Mutex<Task<Void, any Error>?>(nil)

    func follow(with read: @escaping @Sendable () async throws -> Void, in runtime: Runtime) async throws {
        let mine = last.withLock { last in
            let before = last
            let mine = runtime.startThrowing {
                _ = await before?.result
                try await read()
            }
            last = mine
            return mine
        }
        try await mine.value
    }
}

/// Credentials: reading them, stopping and starting them, showing them.
extension PushQueue {
    /// Reads the vendors' settings. Called at start and after each change; a changed credential is a new lane.
    public func reloadSettings() async throws {
        try await settingsReading.follow(with: { try await self.readSettings() }, in: runtime)
    }

    private func readSettings() async throws {
        let all = try await store.vendorSettings()
        for settings in all where !book.has(settings.lane) {
            guard let tenant = tenants(settings.tenantKey) else { continue }
            do {
                let sender = try catalog.makeSender(
                    for: settings.vendor, settings: settings.settings, tenantNo: tenant.tenantNo)
                let isDoubted = tokenGuard?.recall(settings) ?? false
                let (now, instant) = (clock.now, monotonic())
                book.add(settings, sender) { lane in
                    if isDoubted { lane.circuit.open(.braked, Self.tokensDying, now: instant, wall: now) }
                }
            } catch {
                logger.error(
                    "a vendor's settings cannot be used",
                    metadata: ["vendor": "\(settings.vendor)", "tenant": "\(tenant.tenantNo)", "code": "\(error.code)"])
            }
        }
        release(book.close(allBut: Set(all.map(\.lane))))
        await shutDownEnded()
        signal.wake()
    }

    static let tokensDying = VendorReply(
        code: "tokens_dying",
        text: "Too many tokens were called dead: the credential or its environment must be wrong.")

    /// Every credential that is in use, in order of their lanes.
    public func credentials() -> [CredentialStatus] {
        let (now, instant) = (clock.now, monotonic())
        var all: [CredentialStatus] = []
        book.withEachLane { lane in
            if !lane.isClosed { all.append(lane.status(now: instant, wall: now)) }
        }
        return all.sorted { $0.lane < $1.lane }
    }

    /// Starts a stopped or slowed credential again, as if its settings had been put anew.
    public func restart(tenant: TenantKey, app: AppKey?, vendor: Vendor) {
        book.withEachLane { lane in
            let settings = lane.settings
            guard settings.tenantKey == tenant, settings.app == app, settings.vendor == vendor else { return }
            lane.restart()
            tokenGuard?.clear(lanes: CollectionOfOne(settings.lane))
        }
        signal.wake()
    }

    /// Starts a credential again that was refused, because it was found to be taken now. A brake and what the vendor asked
    /// for stay: that says nothing of its tokens.
    func takeBackRefusal(lane: Int64) {
        let isTaken = book.with(lane) { lane -> Bool in
            guard lane.circuit.opening?.reason == .refused else { return false }
            lane.circuit.close()
            lane.mayHaveMore = true
            return true
        }
        if isTaken == true { signal.wake() }
    }

    /// Stops a credential because too many of its tokens died: at most what is in flight goes out, and no token is
    /// called dead on a doubtful code until it is started again. A probe each minute, a PUT of its settings or
    /// ``restart(tenant:app:vendor:)`` does that.
    public func stop(lane: Int64, reply: VendorReply) {
        let (now, instant) = (clock.now, monotonic())
        _ = book.with(lane) { $0.circuit.open(.braked, reply, now: instant, wall: now) }
        freeHeldBack()
    }

    /// Tokens that a vendor's reports called dead count in the brake like those that it called dead at once: where they are
    /// too many, their credentials are stopped and they live again.
    public func note(_ deaths: [ReportedDeath], tenant: TenantKey, vendor: Vendor) async {
        guard let tokenGuard else { return }
        let answers = deaths.map { TokenBrake.Answer(lane: $0.lane, token: $0.token, isDoubtful: true) }
        guard let doubt = tokenGuard.note(answers, tenant: tenant, vendor: vendor, at: monotonic()) else { return }
        for lane in doubt.lanes { stop(lane: lane, reply: Self.tokensDying) }
        await tokenGuard.revive(doubt)
        signal.wake()
    }

    /// The sender of a credential in use; nil when its settings cannot be used. Checks go through it: a second one
    /// would log in again, which some vendors limit.
    public func sender(lane: Int64) -> (any VendorSender)? { book.sender(lane) }

    /// What vendors answered since the start.
    public func counters() -> PushCounters { counts.withLock { $0 } }
}
