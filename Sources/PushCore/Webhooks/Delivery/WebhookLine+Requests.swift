extension WebhookLine {
    /// Bytes of events in one request, about; one event may be larger.
    static let requestBytesMax = 1 << 19
    /// Statuses that speak of what was sent, and not of the service.
    static let statusesOfEvent: Set<Int> = [400, 413, 415, 422]

    // MARK: What goes out

    /// The next request, if one may begin.
    mutating func next(at now: WebhookMoment) -> Request? {
        guard !isDraining, now.steady >= health.restUntil, requests.count < pace.requestsMax else { return nil }
        return health.isDown ? nextProbe() : nextBatch()
    }

    private mutating func nextBatch() -> Request? {
        var positions: [Int64] = []
        var most = eventsMax
        var bytes = 0
        while positions.count < most, let key = popReady(), let queue = lanes[key]?.queue {
            var taken = 0
            for position in queue {
                guard let item = items[position], positions.count < min(most, item.companyMax),
                    positions.isEmpty || bytes + item.bytes <= Self.requestBytesMax
                else { break }
                most = min(most, item.companyMax)
                bytes += item.bytes
                positions.append(item.position)
                taken += 1
            }
            guard taken > 0 else {
                lanes[key]?.isListed = true
                ready.prepend(key)
                break
            }
            lanes[key]?.underWay = taken
        }
        return begin(positions, isProbe: false)
    }

    private mutating func popReady() -> LaneKey? {
        while let key = ready.popFirst() {
            guard let lane = lanes[key], lane.isListed else { continue }
            lanes[key]?.isListed = false
            if lane.underWay == 0, !lane.queue.isEmpty, lane.heldUntil == nil { return key }
        }
        return nil
    }

    /// An endpoint that is down is tried with one event: of the accounts' first ones that which was tried least, so that
    /// one event that is never taken does not keep all others from being tried.
    private mutating func nextProbe() -> Request? {
        guard !requests.values.contains(where: \.isProbe) else { return nil }
        let firsts = lanes.values.compactMap { $0.underWay == 0 ? $0.queue.first : nil }
        let chosen = firsts.compactMap { items[$0] }
            .min { ($0.attempts, $0.position) < ($1.attempts, $1.position) }
        guard let chosen else { return nil }
        lanes[chosen.lane]?.underWay = 1
        return begin([chosen.position], isProbe: true)
    }

    private mutating func begin(_ positions: [Int64], isProbe: Bool) -> Request? {
        guard !positions.isEmpty else { return nil }
        lastNumber += 1
        let chosen = positions.compactMap { items[$0] }
        let request = Request(
            number: lastNumber, positions: positions.sorted(), lanes: Set(chosen.map(\.lane)), isProbe: isProbe,
            attempt: (chosen.map(\.attempts).max() ?? 0) + 1)
        requests[request.number] = request
        return request
    }

    // MARK: What came of it

    mutating func finish(_ number: Int, _ outcome: Outcome, at now: WebhookMoment) {
        guard let request = requests.removeValue(forKey: number) else { return }
        switch outcome {
        case .delivered:
            for position in request.positions { complete(position, at: now) }
            if health.succeeded() { freeHeld() }
        case .needless: for position in request.positions { complete(position, at: now) }
        case .unread: for key in request.lanes { hold(key, until: now.steady + 1000) }
        case .failed(let status, let reason, let retryAfter):
            health.failed(isProbe: request.isProbe, retryAfter: retryAfter, at: now.steady, pace: pace)
            for position in request.positions { note(position, status: status, reason: reason) }
            if request.positions.count > 1 {
                split(request, isRefused: status != nil && retryAfter == nil, at: now)
            } else {
                strike(request, status: status, isPaused: retryAfter != nil, at: now)
            }
            expire(request.positions, at: now)
        }
        for key in request.lanes {
            lanes[key]?.underWay = 0
            list(key)
        }
    }

    /// Out of memory; its row, if it has one, goes with the next settlement.
    mutating func complete(_ position: Int64, at now: WebhookMoment) {
        guard let item = items[position] else { return }
        if item.isDurable {
            settling.delivered.append(position)
        } else if settling.gapSince == nil {
            settling.gapSince = now.steady
        }
        remove(item)
    }

    private mutating func note(_ position: Int64, status: Int?, reason: String?) {
        items[position]?.attempts += 1
        items[position]?.status = status
        items[position]?.reason = reason
        makeDurable(position)
    }

    /// A request of many events that failed is tried again in halves: one of them may be what the service does not take.
    private mutating func split(_ request: Request, isRefused: Bool, at now: WebhookMoment) {
        for position in request.positions { items[position]?.companyMax = request.positions.count / 2 }
        if isRefused { return }
        for key in request.lanes { hold(key, until: now.steady + pace.probePause(0)) }
    }

    /// While others succeed, three failures of an event let its account go on without it.
    private mutating func strike(_ request: Request, status: Int?, isPaused: Bool, at now: WebhookMoment) {
        guard let position = request.positions.first, var item = items[position] else { return }
        let isOfEvent = status.map(Self.statusesOfEvent.contains) ?? false
        if isOfEvent || (health.successes > item.successesSeen && !isPaused) { item.strikes += 1 }
        item.successesSeen = health.successes
        items[position] = item
        if item.isAlone || item.strikes >= pace.strikesMax { return leaveAlone(item, at: now) }
        let tries = lanes[item.lane]?.tries ?? 0
        lanes[item.lane]?.tries = tries + 1
        hold(item.lane, until: now.steady + pace.probePause(tries))
    }

    // MARK: What is not tried now

    /// It is read again when its time has come.
    private mutating func leaveAlone(_ item: Item, at now: WebhookMoment) {
        let last = item.since + pace.triedFor
        guard now.wall < last else { return leave(item, notBefore: 0, isAside: true) }
        leave(item, notBefore: min(now.wall + pace.alonePause(age: now.wall - item.since), last))
    }

    /// What was tried for a day is given up.
    mutating func expire(_ positions: [Int64], at now: WebhookMoment) {
        for position in positions {
            guard let item = items[position], !item.isParking, isTooOld(item, at: now) else { continue }
            leave(item, notBefore: 0, isAside: true)
        }
    }

    func isTooOld(_ item: Item, at now: WebhookMoment) -> Bool {
        now.wall - item.since >= pace.triedFor
    }

    mutating func leave(_ item: Item, notBefore: Milliseconds, isAside: Bool = false) {
        var row = Self.row(of: item)
        row.notBefore = notBefore
        row.isAside = isAside
        settling.leaving.append(row)
        if isAside {
            reading.isGivingUp = true
            reading.hasLookedForOld = false
        }
        if !item.isDurable { settling.through = max(settling.through, item.position) }
        remove(item)
        list(item.lane)
    }
}
