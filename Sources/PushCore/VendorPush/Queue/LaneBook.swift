import Synchronization

/// All lanes with what they hold, under one lock: who may take how many jobs, and who may send.
final class LaneBook: Sendable {
    struct Entry {
        var lane: Lane
        let sender: any VendorSender
    }

    /// A lane with jobs that may go out.
    struct Pump {
        let lane: Int64
        let sender: any VendorSender
    }

    private struct State {
        var entries: [Int64: Entry] = [:]
        /// Jobs in memory. None of them is claimed again.
        var held: Set<Int64> = []
        var isStopping = false
        /// There are lanes that only end: asked after every request, so that it is not looked for in all of them.
        var isAnyClosed = false
    }

    private let state = Mutex(State())
    private let jobsMax: Int

    init(jobsMax: Int) { self.jobsMax = jobsMax }

    // MARK: Lanes

    func has(_ lane: Int64) -> Bool { state.withLock { $0.entries[lane] != nil } }

    /// - Parameter prepare: what is done to the lane before anything can go out through it.
    func add(
        _ settings: VendorSettings, _ sender: any VendorSender, prepare: (inout Lane) -> Void = { _ in }
    ) {
        state.withLock { state in
            var lane = Lane(settings, sender: sender)
            prepare(&lane)
            state.entries[settings.lane] = Entry(lane: lane, sender: sender)
        }
    }

    /// Lanes that are not among these take nothing more. Returns what waited in them.
    func close(allBut live: Set<Int64>) -> [PushJob] {
        state.withLock { state in
            var waiting: [PushJob] = []
            for lane in state.entries.keys where !live.contains(lane) {
                state.entries[lane]?.lane.isClosed = true
                state.isAnyClosed = true
                waiting += state.entries[lane]?.lane.emptyBacklog() ?? []
            }
            return waiting
        }
    }

    /// Senders of closed lanes that have ended.
    func takeEnded() -> [any VendorSender] {
        state.withLock { state in
            guard state.isAnyClosed else { return [] }
            let ended = state.entries.filter {
                $0.value.lane.isClosed && $0.value.lane.requests == 0 && !$0.value.lane.isPumping
            }
            for lane in ended.keys { state.entries[lane] = nil }
            state.isAnyClosed = state.entries.values.contains { $0.lane.isClosed }
            return ended.values.map(\.sender)
        }
    }

    /// Nothing new begins. Returns what waited.
    func stop() -> [PushJob] {
        state.withLock { state in
            state.isStopping = true
            return state.entries.keys.flatMap { state.entries[$0]?.lane.emptyBacklog() ?? [] }
        }
    }

    func takeAll() -> [any VendorSender] {
        state.withLock { state in
            defer { state.entries.removeAll() }
            return state.entries.values.map(\.sender)
        }
    }

    /// Nothing new is to begin.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    var isQuiet: Bool {
        state.withLock { $0.entries.values.allSatisfy { $0.lane.requests == 0 && !$0.lane.isPumping } }
    }

    /// One look at or change of a lane; nil when there is none.
    func with<Value: Sendable>(_ lane: Int64, _ body: (inout Lane) -> Value) -> Value? {
        state.withLock { state in
            guard let place = state.entries.index(forKey: lane) else { return nil }
            return body(&state.entries.values[place].lane)
        }
    }

    /// The sender of a lane that is in use.
    func sender(_ lane: Int64) -> (any VendorSender)? {
        state.withLock { state in state.entries[lane].flatMap { $0.lane.isClosed ? nil : $0.sender } }
    }

    func withEachLane(_ body: (inout Lane) -> Void) {
        state.withLock { state in
            for index in state.entries.values.indices { body(&state.entries.values[index].lane) }
        }
    }

    // MARK: Claims

    struct Claims {
        var claims: [JobClaim] = []
        var held: Set<Int64> = []
        /// Jobs wait on a lane that is not known.
        var isAnyUnknown = false
    }

    /// What to take from disk for these lanes, which have due jobs. Each gets its share of the room.
    func claims(for lanes: [Int64], now: ContinuousClock.Instant) -> Claims {
        state.withLock { state in
            var claims = Claims(held: state.held)
            guard !state.isStopping else { return claims }
            let due = Set(lanes)
            for place in state.entries.values.indices where !due.contains(state.entries.keys[place]) {
                state.entries.values[place].lane.mayHaveMore = false
            }
            var free = jobsMax - state.held.count
            for lane in lanes {
                guard let entry = state.entries[lane] else {
                    claims.isAnyUnknown = true
                    continue
                }
                let wanted = entry.lane.wanted(free: free, now: now)
                guard !wanted.isEmpty else { continue }
                let total = min(wanted.values.reduce(0, +), entry.lane.room(free: free, now: now))
                free -= total
                claims.claims.append(JobClaim(lane: lane, limits: wanted, total: total))
            }
            return claims
        }
    }

    /// Takes claimed jobs in. Returns those whose lane takes none any more.
    func claimed(_ jobs: [PushJob], by claims: [JobClaim]) -> [PushJob] {
        state.withLock { state in
            var counts: [Int64: [MessageClass: Int]] = [:]
            var homeless: [PushJob] = []
            for job in jobs {
                state.held.insert(job.key)
                counts[job.lane, default: [:]][job.messageClass, default: 0] += 1
                if state.isStopping || state.entries[job.lane]?.lane.isClosed ?? true {
                    homeless.append(job)
                } else {
                    state.entries[job.lane]?.lane.claimed(job)
                }
            }
            for claim in claims {
                let taken = counts[claim.lane] ?? [:]
                let isFull =
                    taken.values.reduce(0, +) >= claim.total
                    || claim.limits.contains { taken[$0.key] ?? 0 >= $0.value }
                state.entries[claim.lane]?.lane.mayHaveMore = isFull
            }
            return homeless
        }
    }

    /// These jobs are on disk as they ended. Returns whether somebody may wait for that.
    func release(_ jobs: [PushJob]) -> Bool {
        state.withLock { state in
            for job in jobs where state.held.remove(job.key) != nil {
                state.entries[job.lane]?.lane.releaseOne()
            }
            return state.isStopping || state.entries.values.contains { $0.lane.mayHaveMore }
        }
    }

    /// Jobs in memory.
    var heldCount: Int { state.withLock { $0.held.count } }

    // MARK: Pumps

    /// Lanes that can send and have no task yet that takes their pages; each gets one.
    func startPumps(now: ContinuousClock.Instant) -> [Pump] {
        state.withLock { state in
            guard !state.isStopping else { return [] }
            var pumps: [Pump] = []
            for (key, entry) in state.entries where !entry.lane.isPumping && entry.lane.canSend(now: now) {
                pumps.append(Pump(lane: key, sender: entry.sender))
            }
            for pump in pumps { state.entries[pump.lane]?.lane.isPumping = true }
            return pumps.sorted { $0.lane < $1.lane }
        }
    }

    /// As ``startPumps(now:)``, of one lane.
    func startPump(of lane: Int64, now: ContinuousClock.Instant) -> Pump? {
        state.withLock { state in
            guard !state.isStopping, let entry = state.entries[lane], !entry.lane.isPumping,
                entry.lane.canSend(now: now)
            else { return nil }
            state.entries[lane]?.lane.isPumping = true
            return Pump(lane: lane, sender: entry.sender)
        }
    }

    /// The next page of a pump; nil ends the pump.
    func takePage(of lane: Int64, now: ContinuousClock.Instant) -> Lane.Page? {
        state.withLock { state in
            let page = state.isStopping ? nil : state.entries[lane]?.lane.takePage(now: now)
            if page == nil { state.entries[lane]?.lane.isPumping = false }
            return page
        }
    }
}
