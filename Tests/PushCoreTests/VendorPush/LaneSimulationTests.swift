import PushTestSupport
import Testing

@testable import PushCore

/// A lane with its circuit, pauses, batches and retries against a vendor that answers at random, by a clock of its own:
/// the queue's rules without its tasks. A seed tells the whole run.
@Suite struct LaneSimulationTests {
    @Test(arguments: [BatchForm.single, .anyContent(max: 7), .sameContent(max: 5)])
    func `no push is lost or taken twice, and the vendor is never pressed`(form: BatchForm) {
        for seed in UInt64(0)..<200 {
            var run = LaneSimulation(seed: seed, form: form)
            let faults = run.run()
            #expect(faults.isEmpty, "seed \(seed): \(faults.prefix(3))")
            if !faults.isEmpty { return }
        }
    }
}

private struct LaneSimulation {
    private enum Place: Equatable {
        case disk(due: Int64)
        case lane
        case request
        case ended
    }

    private struct Request {
        let jobs: [PushJob]
        let isProbe: Bool
        let began: ContinuousClock.Instant
        let endsAt: Int64
    }

    /// What the vendor does for a while.
    private enum Mood: CaseIterable {
        case well, failing, failingWithPause, pacing, refusing, silent, mixed
    }

    private static let jobs: Int64 = 30
    private static let concurrentMax = 6
    /// The moods end here; from then on the vendor is well, and everything must get through.
    private static let calmFrom: Int64 = 40_000
    private static let limit: Int64 = 900_000

    private var random: SeededGenerator
    private let form: BatchForm
    private var lane: Lane
    private let start = ContinuousClock.now
    private var now: Int64 = 0
    private var places: [Int64: Place] = [:]
    private var attempts: [Int64: Int] = [:]
    private var accepted: [Int64: Int] = [:]
    private var requests: [Request] = []
    private var mood = Mood.well
    private var moodEnds: Int64 = 0
    /// The whole credential was asked to wait until then.
    private var pausedUntil: Int64 = 0
    private var faults: [String] = []

    init(seed: UInt64, form: BatchForm) {
        random = SeededGenerator(seed: seed)
        self.form = form
        lane = Lane(.sample(), sender: IdleSender(concurrentMax: Self.concurrentMax, batchForm: form))
        for key in 1...Self.jobs { places[key] = .disk(due: Int64.random(in: 0..<20_000, using: &random)) }
    }

    private var instant: ContinuousClock.Instant { start + .milliseconds(now) }

    mutating func run() -> [String] {
        while places.values.contains(where: { $0 != .ended }), faults.isEmpty {
            changeMood()
            endRequests()
            releaseHeldBack()
            claim()
            while let page = lane.takePage(now: instant) { begin(page) }
            check()
            guard now < Self.limit else {
                faults.append("\(places.values.count { $0 != .ended }) pushes wait for ever")
                break
            }
            now += Int64.random(in: 1...(requests.isEmpty ? 1500 : 300), using: &random)
        }
        if lane.held != 0 || lane.requests != 0 || lane.underWay != 0 {
            faults.append("held \(lane.held), requests \(lane.requests), under way \(lane.underWay) at the end")
        }
        for (key, count) in accepted where count > 1 { faults.append("push \(key) was taken \(count) times") }
        return faults
    }

    private mutating func changeMood() {
        guard now >= moodEnds else { return }
        mood = now < Self.calmFrom ? Mood.allCases.randomElement(using: &random) ?? .well : .well
        moodEnds = now + Int64.random(in: 500...15_000, using: &random)
    }

    // MARK: Disk

    private mutating func claim() {
        let free = 20 - lane.held
        var room = lane.room(free: free, now: instant)
        let wanted = lane.wanted(free: free, now: instant)
        for messageClass in MessageClass.allCases {
            let count = min(wanted[messageClass] ?? 0, room)
            let due = places.filter { key, place in
                guard case .disk(let due) = place else { return false }
                return due <= now && self.messageClass(key) == messageClass
            }.keys.sorted().prefix(count)
            room -= due.count
            for key in due {
                attempts[key, default: 0] += 1
                places[key] = .lane
                lane.claimed(job(key))
            }
        }
    }

    private func messageClass(_ key: Int64) -> MessageClass { key % 3 == 0 ? .marketing : .transactional }

    private func job(_ key: Int64) -> PushJob {
        .sample(key, message: key % 4, attempts: attempts[key] ?? 1, messageClass: messageClass(key))
    }

    private mutating func release(_ job: PushJob, at due: Int64) {
        if places[job.key] == .ended || places[job.key] == .disk(due: due) {
            faults.append("push \(job.key) was released from \(places[job.key] ?? .ended)")
        }
        attempts[job.key, default: 1] -= 1
        places[job.key] = .disk(due: due)
        lane.releaseOne()
    }

    private mutating func releaseHeldBack() {
        for (job, wait) in lane.removeHeldBack(now: instant) { release(job, at: now + wait.milliseconds) }
    }

    // MARK: Requests

    private mutating func begin(_ page: Lane.Page) {
        for job in page.jobs where places[job.key] != .lane {
            faults.append("push \(job.key) was taken from \(places[job.key] ?? .ended)")
        }
        // Time passes while a page is read, and a pause or a stop may come in between.
        if Int.random(in: 0..<10, using: &random) == 0, let first = requests.indices.first { answer(first) }
        let batches = self.batches(page.jobs)
        let mayBegin = lane.mayBegin(page, now: instant)
        let fitting = mayBegin ? min(batches.count, page.requests) : 0
        if batches.count > page.requests {
            for message in Set(page.jobs.map(\.message)) {
                let mine = batches.filter { $0.first?.message == message }
                lane.learn(message, jobs: mine.joined().count, requests: mine.count)
            }
        }
        lane.began(
            page, used: fitting, sent: batches[..<fitting].joined().count,
            returned: mayBegin ? Array(batches[fitting...].joined()) : [])
        if !mayBegin { for job in page.jobs { release(job, at: now) } }
        for batch in batches[..<fitting] {
            if now < pausedUntil { faults.append("a request at \(now), before \(pausedUntil)") }
            for job in batch { places[job.key] = .request }
            requests.append(
                Request(
                    jobs: batch, isProbe: page.isProbe, began: instant,
                    endsAt: now + Int64.random(in: 1...800, using: &random)))
        }
    }

    /// Of one message where a request has one content; now and then a push is unlike the others of its message.
    private mutating func batches(_ jobs: [PushJob]) -> [[PushJob]] {
        guard case .sameContent(let max) = form else {
            return stride(from: 0, to: jobs.count, by: form.max).map {
                Array(jobs[$0..<min($0 + form.max, jobs.count)])
            }
        }
        var batches: [[PushJob]] = []
        for message in Set(jobs.map(\.message)).sorted(by: { $0.rawValue < $1.rawValue }) {
            var batch: [PushJob] = []
            for job in jobs where job.message == message {
                if batch.count == max || job.key % 11 == 0, !batch.isEmpty {
                    batches.append(batch)
                    batch = []
                }
                batch.append(job)
            }
            batches.append(batch)
        }
        return batches
    }

    private mutating func endRequests() {
        while let index = requests.indices.first(where: { requests[$0].endsAt <= now }) { answer(index) }
    }

    private mutating func answer(_ index: Int) {
        let request = requests.remove(at: index)
        let answers = AnswerReading.complete(vendorAnswers(request.jobs), for: request.jobs.count)
        let reading = AnswerReading(retries: RetryPolicy(limits: Limits(), random: { 0.5 }), now: now)
        let verdict = LaneCircuit.Verdict(zip(request.jobs, answers).map { ($0.key, $1) })
        for (job, answer) in zip(request.jobs, answers) {
            let meaning = reading.meaning(of: answer, to: prepared(job), repeatReplaces: true)
            settle(job, meaning.change)
            guard let pause = meaning.pause else { continue }
            lane.pause(pause.scope, for: pause.length, reply: pause.reply, now: instant, wall: now)
            if pause.scope == .credential { pausedUntil = max(pausedUntil, now + pause.length.milliseconds) }
        }
        lane.circuit.note(verdict, began: request.began, isProbe: request.isProbe, now: instant, wall: now)
        lane.ended()
    }

    private mutating func settle(_ job: PushJob, _ change: PushJobChange) {
        if places[job.key] != .request { faults.append("push \(job.key) was answered in \(places[job.key] ?? .ended)") }
        switch change {
        case .retry(let at, _, _):
            if at < now { faults.append("push \(job.key) is to be repeated in the past") }
            places[job.key] = .disk(due: at)
        case .heldBack: places[job.key] = .disk(due: now)
        case .accepted:
            accepted[job.key, default: 0] += 1
            places[job.key] = .ended
        case .tokenDead, .failed, .skipped, .released:
            faults.append("push \(job.key) ended by \(change)")
            places[job.key] = .ended
        }
        lane.releaseOne()
    }

    private func prepared(_ job: PushJob) -> PreparedPush {
        PreparedPush(
            job: job,
            push: VendorPush(
                messageID: "m-\(job.message)", tenantNo: "acme", account: "a", userID: "u", deviceID: "d\(job.key)",
                token: PushToken(vendor: .fcm, token: "t\(job.key)"), timeToLiveSeconds: 60,
                messageClass: job.messageClass), expiry: .max)
    }

    private mutating func vendorAnswers(_ jobs: [PushJob]) -> [VendorAnswer] {
        let reply = VendorReply(code: "E")
        switch mood {
        case .well: return jobs.map { _ in .sent(vendorID: nil) }
        case .failing: return jobs.map { _ in .retry(reply) }
        case .failingWithPause: return jobs.map { _ in .retry(reply, after: .seconds(3)) }
        case .pacing:
            let scopes: [VendorAnswer.PaceScope] = [.credential, .messageClass, .device]
            let scope = scopes.randomElement(using: &random) ?? .credential
            return jobs.map { _ in .slow(reply, scope: scope, after: .seconds(2)) }
        case .refusing: return jobs.map { _ in .auth(reply) }
        case .silent: return jobs.map { _ in .unknown(reply) }
        case .mixed:
            // Some of the pushes, and of some no word.
            return jobs.prefix(Int.random(in: 0...jobs.count, using: &random)).map { _ in
                Bool.random(using: &random) ? .sent(vendorID: nil) : .retry(reply)
            }
        }
    }

    // MARK: Invariants

    private mutating func check() {
        let inLane = places.values.count { $0 == .lane }
        let asked = places.values.count { $0 == .request }
        if lane.held != inLane + asked { faults.append("held \(lane.held), but \(inLane) and \(asked)") }
        if lane.backlog.count != inLane { faults.append("backlog \(lane.backlog.count), but \(inLane)") }
        if lane.underWay != requests.count || lane.requests != requests.count {
            faults.append("under way \(lane.underWay), requests \(lane.requests), but \(requests.count)")
        }
        if requests.count > Self.concurrentMax { faults.append("\(requests.count) requests at once") }
        if requests.count(where: \.isProbe) > 1 { faults.append("two probes at once") }
    }
}
