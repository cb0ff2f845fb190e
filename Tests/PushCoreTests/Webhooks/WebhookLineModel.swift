import PushCore

@testable import PushCore

/// A queue of events on a disk, and a receiver that does what it is told: a line is driven through it step by step, and
/// can be dropped and made anew at any moment.
struct WebhookLineModel {
    typealias Candidate = WebhookLine.Candidate

    // MARK: The disk

    var events: [Candidate] = []
    var cursor: Int64 = 0
    var rows: [Int64: WebhookRetry] = [:]

    // MARK: The receiver

    /// What it says to a request; nil = it hangs.
    var answer: (WebhookLine.Request, Int64) -> WebhookLine.Outcome?
    /// Positions as they first arrived.
    var arrived: [Int64] = []
    var arrivals: [Int64: Int] = [:]
    var requestCount = 0
    var mostInMemory = 0
    /// When a position last arrived.
    var arrivedAt: [Int64: Int64] = [:]

    // MARK: The gateway

    var line: WebhookLine
    /// The runner has ended; the next one begins then.
    var restingUntil: Int64?
    let pace: WebhookPace
    let eventsMax: Int
    var now = WebhookMoment(wall: 1_000_000_000, steady: 0)
    /// Requests that hang, and when they time out.
    var hanging: [(request: WebhookLine.Request, until: Int64)] = []
    /// Requests whose answers are under way.
    var underWay: [(request: WebhookLine.Request, outcome: WebhookLine.Outcome, at: Int64)] = []
    var answerTime: () -> Int64 = { 5 }

    init(
        pace: WebhookPace = WebhookPace(), eventsMax: Int = 1,
        answer: @escaping (WebhookLine.Request, Int64) -> WebhookLine.Outcome?
    ) {
        self.pace = pace
        self.eventsMax = eventsMax
        self.answer = answer
        line = WebhookLine(cursor: 0, eventsMax: eventsMax, pace: pace)
    }

    /// - Parameter account: 0 = nobody's.
    mutating func happen(_ account: Int64, message: Int64? = nil, isWanted: Bool = true) {
        let position = (events.last?.position ?? 0) + 1
        events.append(
            Candidate(
                position: position, account: account == 0 ? nil : AccountKey(rawValue: account),
                message: message.map(MessageKey.init(rawValue:)), at: now.wall, bytes: 600, isWanted: isWanted))
        line.wake()
    }

    /// Kill -9: what is on disk is what there is.
    mutating func crash() {
        hanging = []
        underWay = []
        restingUntil = nil
        line = WebhookLine(cursor: cursor, eventsMax: eventsMax, pace: pace)
    }

    /// The runner gives its place up and gets it back.
    mutating func rest() {
        line.isDraining = true
        while !line.requests.isEmpty { pass(1) }
        settle(isLast: true)
        line = WebhookLine(cursor: cursor, eventsMax: eventsMax, rest: line.rest(at: now), pace: pace)
    }

    mutating func pass(_ milliseconds: Int64) {
        let end = now.steady + milliseconds
        turn()
        while now.steady < end {
            let next = (hanging.map(\.until) + underWay.map(\.at)).min() ?? .max
            let own = restingUntil ?? line.nextMoment(after: now)
            let step = max(1, min(end, min(next, own)) - now.steady)
            now.steady += step
            now.wall += step
            turn()
        }
    }

    /// One round of the runner.
    mutating func turn() {
        // What is known of the endpoint counts until its settings change.
        if let until = restingUntil, until > now.steady, line.health.restUntil > now.steady { return }
        restingUntil = nil
        let isLate = { [now] (until: Int64) in until <= now.steady }
        for late in hanging where isLate(late.until) {
            line.finish(late.request.number, .failed(status: nil, reason: "timeout", retryAfter: nil), at: now)
        }
        for done in underWay where isLate(done.at) {
            line.finish(done.request.number, done.outcome, at: now)
        }
        hanging.removeAll { isLate($0.until) }
        underWay.removeAll { isLate($0.at) }
        line.tick(at: now)
        read()
        while let request = line.next(at: now) { send(request) }
        mostInMemory = max(mostInMemory, line.items.count)
        settle(isLast: line.requests.isEmpty)
        guard line.requests.isEmpty, line.isToRest(at: now, linger: 1000) else { return }
        let rest = line.rest(at: now)
        restingUntil = rest.until
        line = WebhookLine(cursor: cursor, eventsMax: eventsMax, rest: rest, pace: pace)
    }

    private mutating func send(_ request: WebhookLine.Request) {
        requestCount += 1
        guard let outcome = answer(request, now.steady) else {
            hanging.append((request, now.steady + 10_000))
            return
        }
        if outcome == .delivered {
            for position in request.positions {
                if arrivals[position] == nil { arrived.append(position) }
                arrivals[position, default: 0] += 1
                arrivedAt[position] = now.steady
            }
        }
        underWay.append((request, outcome, now.steady + answerTime()))
    }

    private mutating func read() {
        for _ in 0..<8 {
            guard let need = line.need(at: now) else { return }
            switch need {
            case .lanes(let after, let limit):
                let keys = Set(inLine.map { $0.account?.rawValue ?? 0 }).filter { $0 > after }.sorted().prefix(limit)
                line.admit(
                    lanes: keys.map { $0 == 0 ? nil : AccountKey(rawValue: $0) }, isAll: keys.count < limit)
            case .lane(let account, let after, let limit):
                let found = inLine.filter { $0.account == account && $0.position > after }
                    .sorted { $0.position < $1.position }.prefix(limit)
                line.admit(rows: found.map(returning), of: account, isAll: found.count < limit, at: now)
            case .due(let limit):
                let found = rows.values.filter { !$0.isAside && $0.notBefore > 0 && $0.notBefore <= now.wall }
                    .sorted { ($0.notBefore, $0.position) < ($1.notBefore, $1.position) }.prefix(limit)
                line.admit(due: found.map(returning), isAll: found.count < limit, at: now)
            case .tail(let after, let limit):
                let found = events.filter { $0.position > after }.prefix(limit)
                line.admit(tail: Array(found), isAll: found.count < limit, at: now)
            }
        }
    }

    private var inLine: [WebhookRetry] { rows.values.filter { !$0.isAside && $0.notBefore == 0 } }

    private func returning(_ row: WebhookRetry) -> WebhookLine.Returning {
        WebhookLine.Returning(row: row, event: events.first { $0.position == row.position })
    }

    mutating func settle(isLast: Bool) {
        guard let outcome = line.settlement(at: now, isLast: isLast) else { return }
        cursor = max(cursor, outcome.cursor ?? cursor)
        for position in outcome.delivered { rows[position] = nil }
        for row in outcome.retries { rows[row.position] = row }
        line.settled()
    }

    // MARK: What is to be true

    var aside: [Int64] { rows.values.filter(\.isAside).map(\.position).sorted() }
    /// Events that wait for a time of their own.
    var alone: [Int64] { rows.values.filter { !$0.isAside && $0.notBefore > 0 }.map(\.position).sorted() }

    /// What arrived of an account, in the order in which it first did.
    func arrived(of account: Int64) -> [Int64] {
        let own = Set(events.filter { $0.account?.rawValue == account }.map(\.position))
        return arrived.filter { own.contains($0) }
    }

    var wanted: Set<Int64> { Set(events.filter(\.isWanted).map(\.position)) }
    var isAllSettled: Bool { cursor == events.last?.position ?? 0 && rows.isEmpty }
}
