/// One credential of one vendor, as the queue sees it: what waits, what is under way, and what holds it back. Times are
/// handed in.
struct Lane: Sendable {
    let settings: VendorSettings
    let concurrentMax: Int
    let form: BatchForm

    private(set) var backlog = Backlog()
    /// Requests that are being prepared or wait for an answer.
    private(set) var requests = 0
    /// Requests that wait for an answer.
    private(set) var underWay = 0
    /// Jobs in memory: in the backlog, being prepared, under way, or with an outcome that is not written down yet.
    private(set) var held = 0
    var circuit = LaneCircuit()
    private(set) var pace: LanePace
    /// The vendor asked for a pause of the whole credential.
    private(set) var pause: Pause?
    private var classPauses: [MessageClass: ContinuousClock.Instant] = [:]
    private var devicePauses: [DeviceKey: ContinuousClock.Instant] = [:]
    /// The last claim was filled: there may be more on disk.
    var mayHaveMore = true
    /// A task takes pages from the backlog.
    var isPumping = false
    var isClosed = false

    struct Pause: Sendable {
        let until: ContinuousClock.Instant
        let reply: VendorReply
        let since: Milliseconds
    }

    /// Jobs for at most `requests` requests, which are counted as begun.
    struct Page: Sendable {
        let jobs: [PushJob]
        let requests: Int
        let isProbe: Bool
    }

    /// Any lane may hold this many jobs, however much the others hold.
    static let heldAlways = 16
    /// Jobs that are read in one go: changes of devices wait for that.
    static let pageJobsMax = 1000
    private static let devicePausesMax = 1000

    init(_ settings: VendorSettings, sender: any VendorSender) {
        self.settings = settings
        concurrentMax = max(1, sender.concurrentMax)
        form = sender.batchForm
        pace = LanePace(perSecond: sender.budget.perSecond)
        depth = Self.depth(of: sender)
    }

    /// Jobs of one class that are kept ready.
    private let depth: Int

    private static let depthMin = 64
    private static let depthMax = 4000

    /// Eight times what can be under way: enough for every request to go on while more is fetched, in transactions that
    /// are worth their sync.
    private static func depth(of sender: any VendorSender) -> Int {
        let underWay = max(1, sender.concurrentMax).multipliedReportingOverflow(by: max(1, sender.batchForm.max))
        let ready = underWay.overflow || underWay.partialValue > depthMax ? depthMax : underWay.partialValue * 8
        let depth = min(depthMax, max(depthMin, ready))
        return min(depth, max(heldAlways, sender.budget.perSecond.map { Int(clamping: $0) } ?? depth))
    }

    // MARK: Claiming

    /// How many jobs to claim at most, of all classes together.
    ///
    /// - Parameter free: room for jobs of all lanes together. A lane may hold as much as it leaves: one alone gets half
    ///   of the room, and a hundred that hang leave room for the next.
    func room(free: Int, now: ContinuousClock.Instant) -> Int {
        guard !isClosed, pause.map({ $0.until <= now }) ?? true else { return 0 }
        let room = max(0, Self.heldAlways - held, free - held)
        switch circuit.permit(now: now) {
        case .none: return 0
        case .probe: return backlog.isEmpty ? min(room, 1) : 0
        case .all: return room
        }
    }

    /// How many jobs of each class to claim at most; nothing while the lane is held back or has enough. Together no more
    /// than ``room(free:now:)``: which class has jobs to fill it is known on disk.
    func wanted(free: Int, now: ContinuousClock.Instant) -> [MessageClass: Int] {
        let room = room(free: free, now: now)
        guard room > 0 else { return [:] }
        // Looked for while enough of the other class waits, a class that has none would say that the disk is empty.
        guard backlog.count <= depth / 2 else { return [:] }
        var wanted: [MessageClass: Int] = [:]
        for messageClass in MessageClass.allCases where !isPaused(messageClass, now: now) {
            let waiting = backlog.count(of: messageClass)
            guard waiting <= depth / 2 else { continue }
            wanted[messageClass] = min(depth - waiting, room)
        }
        return wanted
    }

    /// Whether the loop should look at the disk for this lane.
    func wantsJobs(now: ContinuousClock.Instant) -> Bool {
        mayHaveMore && !wanted(free: .max / 2, now: now).isEmpty
    }

    mutating func claimed(_ job: PushJob) {
        held += 1
        backlog.append(job)
    }

    /// A job's outcome is on disk.
    mutating func releaseOne() { held -= 1 }

    // MARK: Sending

    func canSend(now: ContinuousClock.Instant) -> Bool {
        guard !isClosed, !backlog.isEmpty, requests < concurrentMax, pause.map({ $0.until <= now }) ?? true else {
            return false
        }
        guard isWorthAReading || requests == 0 else { return false }
        var pace = pace
        return circuit.permit(now: now) != .none && pace.available(now: now) > 0
    }

    /// Where more waits than can go, a few free requests are waited for: a page costs about the same as one job.
    private var isWorthAReading: Bool {
        let free = concurrentMax - requests
        return free >= concurrentMax / 16 || backlog.count <= free
    }

    mutating func takePage(now: ContinuousClock.Instant) -> Page? {
        guard canSend(now: now) else { return nil }
        let isProbe = circuit.permit(now: now) == .probe
        let most = isProbe ? 1 : min(concurrentMax - requests, Self.pageJobsMax)
        let jobsMax = isProbe ? 1 : min(pace.available(now: now), max(Self.pageJobsMax, form.max))
        let jobs = backlog.take(requests: most, form: form, jobsMax: jobsMax)
        guard !jobs.isEmpty else { return nil }
        if isProbe { circuit.beginProbe() }
        // What one request carries is known only when the pushes are built: all that may be needed are taken.
        let taken = min(most, jobs.count)
        requests += taken
        pace.take(jobs.count)
        return Page(jobs: jobs, requests: taken, isProbe: isProbe)
    }

    /// Whether a page that was taken before may still begin.
    func mayBegin(_ page: Page, now: ContinuousClock.Instant) -> Bool {
        guard !isClosed, pause.map({ $0.until <= now }) ?? true else { return false }
        return page.isProbe || circuit.permit(now: now) == .all
    }

    /// `page` was read: `used` of its requests begin with `sent` pushes, and `returned` did not fit.
    mutating func began(_ page: Page, used: Int, sent: Int, returned: [PushJob]) {
        requests -= page.requests - used
        underWay += used
        pace.giveBack(page.jobs.count - sent)
        backlog.putBack(returned)
        if page.isProbe, used == 0 { circuit.probeFellAway() }
    }

    mutating func learn(_ message: MessageKey, jobs: Int, requests: Int) {
        backlog.learn(message, jobs: jobs, requests: requests)
    }

    /// A request that had been counted as under way did not begin.
    mutating func fellAway(isProbe: Bool) {
        if isProbe { circuit.probeFellAway() }
        ended()
    }

    mutating func ended() {
        requests -= 1
        underWay -= 1
    }

    // MARK: What holds it back

    /// The longer of two pauses holds.
    mutating func pause(
        _ scope: PushPause.Scope, for length: Duration, reply: VendorReply, now: ContinuousClock.Instant,
        wall: Milliseconds
    ) {
        let until = now + length
        switch scope {
        case .credential:
            let isOver = pause.map { $0.until <= now } ?? true
            guard isOver || pause.map({ $0.until < until }) ?? true else { return }
            pause = Pause(until: until, reply: reply, since: isOver ? wall : pause?.since ?? wall)
        case .messageClass(let messageClass):
            classPauses[messageClass] = max(classPauses[messageClass] ?? until, until)
        case .device(let device):
            if devicePauses.count >= Self.devicePausesMax { devicePauses = devicePauses.filter { $0.value > now } }
            guard devicePauses.count < Self.devicePausesMax else { return }
            devicePauses[device] = max(devicePauses[device] ?? until, until)
        }
    }

    private func isPaused(_ messageClass: MessageClass, now: ContinuousClock.Instant) -> Bool {
        classPauses[messageClass].map { $0 > now } ?? false
    }

    /// Jobs in the backlog that cannot go now, and how long they have to wait; zero where the lane itself is held back.
    mutating func removeHeldBack(now: ContinuousClock.Instant) -> [(job: PushJob, wait: Duration)] {
        guard !backlog.isEmpty else { return [] }
        let isShut = pause.map { $0.until > now } ?? false || circuit.permit(now: now) == .none
        if isShut || isClosed { return backlog.removeAll().map { ($0, .zero) } }
        var removed: [(PushJob, Duration)] = []
        for messageClass in MessageClass.allCases where isPaused(messageClass, now: now) {
            removed += backlog.remove(messageClass).map { ($0, .zero) }
        }
        devicePauses = devicePauses.filter { $0.value > now }
        if !devicePauses.isEmpty {
            let pauses = devicePauses
            removed += backlog.remove { pauses[$0.device] != nil }.map { ($0, (pauses[$0.device] ?? now) - now) }
        }
        return removed
    }

    mutating func emptyBacklog() -> [PushJob] { backlog.removeAll() }

    /// As with settings that were put anew.
    mutating func restart() {
        circuit.close()
        pause = nil
        classPauses = [:]
        devicePauses = [:]
        mayHaveMore = true
    }

    /// When the lane may do something that it may not do now.
    func next(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        var times = Array(classPauses.values)
        if let pause { times.append(pause.until) }
        if let opening = circuit.opening { times.append(opening.until) }
        if !backlog.isEmpty { times.append(pace.next(now: now)) }
        return times.filter { $0 > now }.min()
    }

    // MARK: What is shown

    func status(now: ContinuousClock.Instant, wall: Milliseconds) -> CredentialStatus {
        let isSlowed = pause.map { $0.until > now } ?? false
        let opening = circuit.opening
        let until = [opening?.until, isSlowed ? pause?.until : nil].compactMap { $0 }.max()
        let reply = opening?.reply ?? (isSlowed ? pause?.reply : nil)
        let isStopped = opening.map { $0.reason != .failing } ?? false
        let reason: CredentialStatus.Reason? =
            switch opening?.reason {
            case .failing: .failing
            case .refused: .refused
            case .braked: .tokensDying
            case nil: isSlowed ? .pace : nil
            }
        return CredentialStatus(
            tenantKey: settings.tenantKey, app: settings.app, vendor: settings.vendor,
            lane: settings.lane,
            state: isStopped ? .stopped : opening != nil || isSlowed ? .slowed : .running,
            reason: reason, code: reply?.code,
            text: reply?.text, since: opening?.since ?? (isSlowed ? pause?.since : nil),
            until: until.map { wall + max(0, ($0 - now).milliseconds) }, underWay: underWay)
    }
}

/// Whom a vendor's wish for a pause concerns.
struct PushPause: Sendable, Equatable {
    enum Scope: Sendable, Equatable {
        case credential
        case messageClass(MessageClass)
        case device(DeviceKey)
    }

    let scope: Scope
    let length: Duration
    let reply: VendorReply
}
