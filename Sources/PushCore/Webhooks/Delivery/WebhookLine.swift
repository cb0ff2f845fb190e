import DequeModule

/// Which events of one tenant's webhook go out next, and what becomes of them. Decides only: ``WebhookRunner`` reads,
/// calls and writes, and time comes in.
///
/// Events of an account are a lane: they go out one after the other, in their order. What failed, and what stands behind
/// it when later events were delivered, has a row on disk ("durable"); everything else follows from the cursor. So a line
/// can be dropped at any moment and made anew.
struct WebhookLine: Sendable {
    /// An account's key. For events of nobody's order the position below zero, or, where they tell of a message, the
    /// message's key above the least number: what becomes of a message is told after the message.
    typealias LaneKey = Int64

    struct Item: Sendable {
        let position: Int64
        let account: AccountKey?
        let lane: LaneKey
        let bytes: Int
        /// When the time begins for which it is tried.
        let since: Milliseconds
        var attempts = 0
        /// Failed tries while others succeeded.
        var strikes = 0
        /// The endpoint's successes at the last failure, or when this was read.
        var successesSeen: UInt64 = 0
        /// Most events of a request it is in: halved when one failed.
        var companyMax = Int.max
        /// Its account goes on without it.
        var isAlone = false
        /// It has a row on disk.
        var isDurable = false
        /// It stands behind rows that are not in memory, and is only here until it has a row itself.
        var isParking = false
        var status: Int?
        var reason: String?
    }

    struct Lane: Sendable {
        /// In their order. The first ``underWay`` are in a request.
        var queue: [Int64] = []
        var underWay = 0
        /// Failed tries of the first one.
        var tries = 0
        /// The first one is not tried before, in steady milliseconds.
        var heldUntil: Int64?
        /// Is among ``WebhookLine/ready``.
        var isListed = false
        /// Its rows after ``loadedThrough`` are not in memory.
        var hasRowsOnDisk = false
        var loadedThrough: Int64 = 0
        /// Events that wait for rows of their own behind those.
        var parking = 0

        var isIdle: Bool { queue.isEmpty && !hasRowsOnDisk && parking == 0 }
    }

    /// Events that are sent together.
    struct Request: Sendable, Equatable {
        let number: Int
        /// In their order.
        let positions: [Int64]
        let lanes: Set<LaneKey>
        let isProbe: Bool
        /// 1 = the first try, of the one that was tried most.
        let attempt: Int
    }

    enum Outcome: Sendable, Equatable {
        case delivered
        /// Nothing had to be sent.
        case needless
        /// Nothing was tried: the events could not be read.
        case unread
        /// - retryAfter: what the endpoint asked for, in milliseconds.
        case failed(status: Int?, reason: String?, retryAfter: Int64?)
    }

    /// What outlives a line in memory.
    struct Rest: Sendable, Equatable {
        var health = EndpointHealth()
        /// Strikes of events that hold up their accounts, by position.
        var strikes: [Int64: Int] = [:]
        /// Nothing is to be done before, in steady milliseconds; nil = now.
        var until: Int64?

        static let strikesMax = 100
    }

    let pace: WebhookPace
    /// Most events in one request.
    var eventsMax: Int
    var health: EndpointHealth
    /// Nothing new begins.
    var isDraining = false

    var items: [Int64: Item] = [:]
    var lanes: [LaneKey: Lane] = [:]
    /// Lanes whose first event may go out, in the order in which that came about.
    var ready: Deque<LaneKey> = []
    var held: Set<LaneKey> = []
    var requests: [Int: Request] = [:]
    var lastNumber = 0
    var expireAt: Int64 = .min
    var knownStrikes: [Int64: Int]

    var reading: Reading
    var settling = Settling()

    /// - Parameter cursor: everything up to here is delivered or has a row.
    init(cursor: Int64, eventsMax: Int, rest: Rest = Rest(), pace: WebhookPace = WebhookPace()) {
        reading = Reading(through: cursor)
        self.eventsMax = max(eventsMax, 1)
        self.pace = pace
        health = rest.health
        knownStrikes = rest.strikes
    }

    /// Nothing is in memory and nothing is left to read.
    var isEmpty: Bool {
        items.isEmpty && lanes.isEmpty && requests.isEmpty && reading.isDone
    }

    /// What a later line goes on with, once everything is settled.
    func rest(at now: WebhookMoment) -> Rest {
        var rest = Rest(health: health)
        for item in items.values where item.strikes > 0 && rest.strikes.count < Rest.strikesMax {
            rest.strikes[item.position] = item.strikes
        }
        let next = held.compactMap { lanes[$0]?.heldUntil }.min()
        if health.restUntil > now.steady {
            rest.until = health.restUntil
        } else if ready.isEmpty, reading.isDone {
            rest.until = next
        }
        return rest
    }

    /// Another endpoint, or other settings: nothing that is known of the old one counts.
    mutating func changeEndpoint(eventsMax: Int) {
        self.eventsMax = max(eventsMax, 1)
        health = EndpointHealth()
        for position in Array(items.keys) { items[position]?.successesSeen = 0 }
        freeHeld()
    }

    // MARK: Time

    /// Brings up what time has changed.
    mutating func tick(at now: WebhookMoment) {
        for key in held where lanes[key]?.heldUntil.map({ $0 <= now.steady }) ?? true {
            held.remove(key)
            lanes[key]?.heldUntil = nil
            list(key)
        }
        reading.isGivingUp = false
        if health.isDown, now.steady >= expireAt || now.steady < health.restUntil {
            expireAt = now.steady + 1000
            let underWay = Set(requests.values.flatMap(\.positions))
            expire(items.keys.filter { !underWay.contains($0) }.sorted(), at: now)
        }
        parkWhenFull()
    }

    /// When something is to be done that nobody tells of, in steady milliseconds.
    func nextMoment(after now: WebhookMoment) -> Int64 {
        if need(at: now) != nil { return now.steady + 1 }
        var next = now.steady + 1000
        if reading.lookForDueAt > now.steady { next = min(next, reading.lookForDueAt) }
        if let gap = settling.gapSince { next = min(next, gap + pace.gapMax) }
        for key in held { if let until = lanes[key]?.heldUntil { next = min(next, until) } }
        if health.restUntil > now.steady, !lanes.isEmpty { next = min(next, health.restUntil) }
        return max(next, now.steady + 1)
    }

    /// Whether the endpoint is to be left alone for longer than a line without work is kept, and nothing else is to be
    /// done meanwhile.
    func isToRest(at now: WebhookMoment, linger: Int64) -> Bool {
        if isDraining { return true }
        guard health.restUntil > now.steady + linger else { return false }
        // What is too old leaves also while the endpoint is down, or the queue would grow without an end.
        return !reading.isGivingUp || need(at: now) == nil
    }

    // MARK: Lanes

    /// Puts a lane among those whose first event may go out, if it may.
    mutating func list(_ key: LaneKey) {
        guard let lane = lanes[key], !lane.isListed, lane.underWay == 0, !lane.queue.isEmpty, lane.heldUntil == nil
        else { return }
        lanes[key]?.isListed = true
        ready.append(key)
    }

    mutating func hold(_ key: LaneKey, until time: Int64) {
        guard lanes[key] != nil else { return }
        lanes[key]?.heldUntil = time
        held.insert(key)
    }

    /// The endpoint is back: everything flows at once, in order.
    mutating func freeHeld() {
        let keys = held.sorted { (lanes[$0]?.queue.first ?? 0) < (lanes[$1]?.queue.first ?? 0) }
        held = []
        for key in keys {
            lanes[key]?.heldUntil = nil
            list(key)
        }
        for position in Array(items.keys) { items[position]?.companyMax = .max }
    }

    /// Takes an event out of memory.
    mutating func remove(_ item: Item) {
        items[item.position] = nil
        settling.changed.remove(item.position)
        guard let index = lanes[item.lane]?.queue.firstIndex(of: item.position) else { return }
        lanes[item.lane]?.queue.remove(at: index)
        if index == 0 {
            lanes[item.lane]?.tries = 0
            lanes[item.lane]?.heldUntil = nil
        }
        if index < lanes[item.lane]?.underWay ?? 0 { lanes[item.lane]?.underWay -= 1 }
        dropIfIdle(item.lane)
    }

    mutating func dropIfIdle(_ key: LaneKey) {
        guard lanes[key]?.isIdle == true else { return }
        lanes[key] = nil
        held.remove(key)
    }
}
