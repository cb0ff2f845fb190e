import PushCore

/// The process is gone: whoever still asks for it gets nothing.
struct ProcessEnded: Error {}

/// The store as one process of the gateway sees it: slow at times, failing at times, and at any commit the process may
/// end before it or right after it.
final class SimulatedStore: @unchecked Sendable {
    /// What the disk does for a while.
    enum Mood { case well, slow, failing }

    let world: World
    let sleeps: SteppedSleeps

    init(_ world: World, sleeps: SteppedSleeps) {
        self.world = world
        self.sleeps = sleeps
    }

    /// Nothing that is done now reaches the disk.
    var isOver: Bool { sleeps.isOver }

    func read<Value>(_ body: (SimulatedDisk) throws -> Value) async throws -> Value {
        try await wait()
        if world.diskMood == .failing, world.random.chance(30) { throw GatewayError(.overloaded, "busy") }
        return try body(world.disk)
    }

    func write<Value>(_ name: String, _ body: (inout SimulatedDisk) -> Value) async throws -> Value {
        try await wait()
        let isFailing = world.diskMood == .failing && world.random.chance(40)
        if isFailing, world.random.chance(70) { throw GatewayError(.overloaded, "busy") }
        if world.crashesAt == .beforeCommit { try crash() }
        world.note { "  commit \(name)" }
        let value = body(&world.disk)
        world.checkDisk()
        if world.crashesAt == .afterCommit { try crash() }
        // The answer is lost, what was written is not.
        if isFailing { throw GatewayError(.overloaded, "busy") }
        if world.random.chance(20) { try await pause() }
        return value
    }

    private func wait() async throws {
        if isOver { throw ProcessEnded() }
        if world.random.chance(world.diskMood == .slow ? 90 : 35) { try await pause() }
    }

    private func pause() async throws {
        let longest: Int64 = world.diskMood == .slow && world.random.chance(30) ? 4000 : 30
        await sleeps.sleep(until: world.steady + world.random.number(0, longest))
        if isOver { throw ProcessEnded() }
    }

    private func crash() throws -> Never {
        world.crash()
        throw ProcessEnded()
    }
}

extension SimulatedStore: DeliveryStore {
    func marks() async throws -> DeliveryMarks { try await read { $0.marks } }

    func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {
        try await write("marks") { disk in
            disk.marks.dispatched = max(disk.marks.dispatched, marks.dispatched)
            disk.marks.decided = max(disk.marks.decided, marks.decided)
        }
    }

    func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] {
        try await read { disk in
            var found: [CommittedEntries] = []
            for entry in disk.entries[Int(position)...].prefix(min(limit, 5)) {
                if let last = found.last, last.message.key == entry.message {
                    found[found.count - 1] = CommittedEntries(message: last.message, entries: last.entries + [entry])
                } else {
                    found.append(CommittedEntries(message: disk.message(entry.message), entries: [entry]))
                }
            }
            return found
        }
    }

    func current(
        _ message: MessageKey, for accounts: [AccountKey]
    ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? {
        try await read { ($0.message(message), []) }
    }

    func cachedDevices(of account: AccountKey) -> AccountDevices? {
        world.isCacheCold ? nil : Self.devices(of: account, world.disk)
    }

    func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] {
        try await read { disk in
            var found: [AccountKey: AccountDevices] = [:]
            for account in accounts { found[account] = Self.devices(of: account, disk) }
            return found
        }
    }

    private static func devices(of account: AccountKey, _ disk: SimulatedDisk) -> AccountDevices {
        let index = Int(account.rawValue) - 1
        return AccountDevices(
            account: disk.accounts[index],
            devices: disk.devices.filter { $0.account == index && $0.isActive }.map {
                .init(key: $0.key, deviceID: $0.deviceID, startSeq: $0.startSeq)
            })
    }

    func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool {
        try await write("decide \(candidates.count)") { [world] disk in
            world.checkDeadlines(of: candidates, disk)
            return disk.decide(candidates, limits: world.limits, at: now)
        }
    }

    func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool {
        if devices.isEmpty { return false }
        return try await write("hasten") { $0.hasten(devices, at: now) }
    }

    func claimJobs(
        _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob] {
        world.checkMemory(held.count)
        return try await write("claim") { $0.claim(claims, besides: held, at: now, leaseUntil: leaseUntil) }
    }

    func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int {
        guard world.disk.pushes.contains(where: { $0.state == .waiting && !$0.isLeased && $0.expiresAt <= now }) else {
            return 0
        }
        return try await write("expire") { $0.expire(limit: limit, at: now) }
    }

    func markBegun(_ jobs: [PushJob]) async throws {
        try await write("begun \(jobs.map(\.key))") { disk in
            for job in jobs where disk.push(job.key).state == .waiting { disk.pushes[Int(job.key) - 1].isBegun = true }
        }
    }

    func releaseLeases(at now: Milliseconds) async throws {
        try await write("release leases") { $0.releaseLeases(at: now) }
    }

    func clockWentBack(to now: Milliseconds) async throws {
        try await write("clock went back") { $0.clockWentBack(to: now) }
    }

    func lanesWithJobs() async throws -> [Int64: Milliseconds] { try await read(\.lanesWithJobs) }

    func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] {
        try await read { [world] disk in
            var found: [Int64: PushSubject] = [:]
            for job in jobs {
                let (push, device) = (disk.push(job.key), disk.device(job.device))
                world.noteReading(push, device)
                guard push.state == .waiting else { continue }
                found[job.key] = PushSubject(
                    message: disk.message(job.message), device: disk.device(for: device),
                    tenant: SimulatedDisk.tenant,
                    token: push.token.flatMap { device.liveTokens.contains($0) ? $0 : nil },
                    isAcknowledged: device.cursor >= push.seq, senderName: "Ann")
            }
            return found
        }
    }

    func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {
        // A process that is gone writes nothing more, and must not wait for that.
        if isOver { return }
        do {
            try await write("change \(jobs.map(\.0.key))") { [world] disk in
                for (job, change) in jobs {
                    world.note { "    push \(job.key): \(World.words(change))" }
                    disk.change(job, change, at: now)
                    world.noteOutcome(of: job, change)
                }
            }
        } catch is ProcessEnded {}
    }

    func vendorSettings() async throws -> [VendorSettings] { try await read(\.settings) }

    func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? { nil }
    func setVendorSettings(
        _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
    ) async throws {}
    func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] { [] }
    func skippedCounts(of message: MessageKey) async throws -> [String: Int] { [:] }
}

/// Of devices only who they are is asked.
extension SimulatedStore: DeviceStore {
    func lookUp(deviceID: String) async throws -> DeviceLookup {
        try await read { disk in
            guard let row = disk.devices.first(where: { $0.deviceID == deviceID }) else { return .unknown }
            guard row.isActive else { return .ended }
            return .active(
                DeviceIdentity(
                    key: row.key, deviceID: deviceID, account: disk.accounts[row.account], userID: "user",
                    tenant: SimulatedDisk.tenant))
        }
    }

    private static let notHere = GatewayError(.notFound, "The simulation has no registry.")

    func register(_ registration: Registration, at now: Milliseconds) async throws -> RegistrationOutcome {
        throw Self.notHere
    }
    func device(_ key: DeviceKey) async throws -> Device? { throw Self.notHere }
    func update(_ key: DeviceKey, _ draft: DeviceDraft, at now: Milliseconds) async throws -> Device {
        throw Self.notHere
    }
    func deregister(_ key: DeviceKey, at now: Milliseconds) async throws -> Bool { throw Self.notHere }
    func account(tenant: TenantKey, userID: String) async throws -> AccountRef? { throw Self.notHere }
    func ensureAccount(
        tenant: TenantKey, userID: String, at now: Milliseconds
    ) async throws -> (account: AccountRef, isNew: Bool) { throw Self.notHere }
    func signaturesNotBefore(tenant: TenantKey, userID: String) async throws -> Milliseconds? { throw Self.notHere }
    func devices(of account: AccountKey) async throws -> [Device] { throw Self.notHere }
    func cursor(of device: DeviceKey) async throws -> Cursor { throw Self.notHere }
    func endedDevices(since: Milliseconds, after deviceID: String?, limit: Int) async throws -> [String] { [] }
    func noteSeen(_ seen: [(device: DeviceKey, at: Milliseconds)]) async throws {}
}
