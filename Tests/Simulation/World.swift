import PushCore

/// Everything around the gateway that outlives one of its processes: time, disk, broker, devices and vendors. One thread
/// uses it, and every choice comes from the seed.
///
/// `@unchecked`: the gateway's parts ask for `Sendable`; all of them run on the simulation's thread.
final class World: @unchecked Sendable {
    enum CrashPoint { case beforeCommit, afterCommit }

    /// Where a device is, and what it does with what it gets.
    struct DeviceSide {
        enum Manner: CaseIterable { case prompt, late, silent }

        var manner = Manner.prompt
        var connection: UInt64?
        var connectedSince: Int64 = .max
        var wasInBackground = false
        /// Everything up to here is on the device.
        var stored: Int64 = 0
        var acknowledgements: [(at: Int64, seq: Int64)] = []
        var comesBackAt: Int64?
    }

    /// What the broker has of the gateway and has not acknowledged.
    struct Publish {
        let account: Int
        let seq: Int64
        let completion: @Sendable (PublishOutcome) -> Void
    }

    /// What was last read for a push.
    struct Reading {
        let steady: Int64
        let wall: Int64
        let isWaiting: Bool
        let isAcknowledged: Bool
        let isRevoked: Bool
        let isActive: Bool
        let token: PushToken?
    }

    /// What vendors know of a push.
    struct PushNote {
        /// Where it may be on the device's screen.
        var shownOn: PushToken?
        var isAccepted = false
        /// Answered, and the answer is not on disk.
        var isUnwritten = false
        /// Not to be tried before, in calendar time.
        var notBefore: Int64 = .min
    }

    var random: SeededRandom
    let limits: Limits
    var steady: Int64 = 0
    var wall: Int64 = 1_800_000_000_000
    private let origin = ContinuousClock.now
    var hasJumped = false

    var disk: SimulatedDisk
    var diskMood = SimulatedStore.Mood.well
    var commitsUntilCrash: (count: Int, point: CrashPoint)?
    /// Devices have to be read from disk.
    var isCacheCold = false

    var sides: [DeviceSide] = []
    var lastConnection: UInt64 = 0
    var isBrokerUp = true
    var brokerLostAt: Int64 = -1
    var brokerRoom = 8
    var inFlight: [Publish] = []
    var vendors: [SimulatedVendor] = []

    var gateway: SimulatedGateway?

    // What the invariants remember.
    var committedAt: [Int64] = []
    var isHandedOver: [Bool] = []
    var readings: [Int64: Reading] = [:]
    var notes: [Int64: PushNote] = [:]
    var acceptedToday: [SimulatedDisk.LedgerKey: Int64] = [:]
    var ends: [SimulatedDisk.PushRow.State] = []
    /// Changes whose callers were answered: nothing may begin on what was true before.
    var endedDevices: Set<DeviceKey> = []
    var revokedMessages: Set<MessageKey> = []

    private(set) var faults: [String] = []
    /// Written only where somebody reads it.
    let isTold: Bool
    private(set) var story: [String] = []
    /// Everything that happened, as a number: two runs of a seed have the same.
    private(set) var fingerprint: UInt64 = 0

    init(random: SeededRandom, accounts: Int, limits: Limits, isTold: Bool) {
        self.random = random
        self.limits = limits
        self.isTold = isTold
        disk = SimulatedDisk(accounts: accounts)
    }

    var instant: ContinuousClock.Instant { origin + .milliseconds(steady) }

    func note(_ text: () -> String) {
        fingerprint = (fingerprint &* 31) &+ UInt64(truncatingIfNeeded: steady)
        if isTold { story.append("\(steady) ms: \(text())") }
    }

    func fault(_ text: String) {
        if faults.count < 5 { faults.append("at \(steady) ms: \(text)") }
        note { "FAULT \(text)" }
    }

    // MARK: The process

    func start() {
        note { "the gateway starts" }
        let gateway = SimulatedGateway(self)
        self.gateway = gateway
        // Whatever was changed before is read as it is now.
        for device in disk.devices where !device.isActive { endedDevices.insert(device.key) }
        for message in disk.messages where message.state == .revoked { revokedMessages.insert(message.key) }
        gateway.start()
        if isBrokerUp { tellPresence() }
    }

    /// Whether the commit that is about to be made is one at which the process ends.
    var crashesAt: CrashPoint? {
        guard let left = commitsUntilCrash, left.count <= 0 else { return nil }
        return left.point
    }

    /// The process ends here. It is buried once its current job has returned.
    func crash() {
        note { "CRASH" }
        commitsUntilCrash = nil
        gateway?.end()
    }

    /// Ends the process and begins a new one.
    func restart() {
        gateway?.bury(self)
        // The broker may have had what it never acknowledged.
        for publish in inFlight where random.chance(50) { deliver(publish) }
        inFlight = []
        for key in notes.keys.sorted() where notes[key]?.isUnwritten == true {
            notes[key]?.isUnwritten = false
            notes[key]?.notBefore = .min
        }
        for index in vendors.indices { vendors[index].pausedUntil = 0 }
        start()
    }

    /// Runs what is ready until nothing is.
    func settle() {
        var jobs = 0
        while let gateway {
            if gateway.sleeps.isOver {
                restart()
                continue
            }
            guard gateway.step(self) else { return }
            jobs += 1
            if random.chance(3) { moveBroker() }
            guard jobs < 50_000, faults.isEmpty else {
                if faults.isEmpty { fault("the gateway is busy for ever") }
                return
            }
        }
    }

    /// Time passes, and whatever it brings happens.
    func pass(_ milliseconds: Int64) {
        steady += milliseconds
        wall += milliseconds
        moveBroker()
        moveDevices()
        movePresence()
        gateway?.sleeps.wake(at: steady)
        settle()
    }

    static func words(_ change: PushJobChange) -> String {
        switch change {
        case .accepted: "accepted"
        case .skipped(let reason): "skipped \(reason)"
        case .failed(_, let reason, let reply): "failed \(reason) \(reply.code)"
        case .heldBack: "held back"
        case .retry(let at, _, _): "again at \(at)"
        case .tokenDead: "token dead"
        case .released(let at): "released until \(at)"
        }
    }
}
