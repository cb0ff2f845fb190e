extension WebhookLine {
    /// An event as far as the order is concerned.
    struct Candidate: Sendable, Equatable {
        let position: Int64
        let account: AccountKey?
        var message: MessageKey?
        let at: Milliseconds
        /// Of its text, about.
        var bytes = 0
        /// False for what the tenant does not want to be told: it counts as delivered.
        var isWanted = true

        var lane: LaneKey {
            if let account { return account.rawValue }
            return message.map { .min + $0.rawValue } ?? -position
        }
    }

    /// A row, and its event if that is still there.
    struct Returning: Sendable {
        let row: WebhookRetry
        let event: Candidate?
    }

    /// What is to be read from disk.
    enum Need: Sendable, Equatable {
        /// Accounts with rows in line, after one (``LaneKey``).
        case lanes(after: LaneKey, limit: Int)
        /// Rows in line of one account; nil = of nobody.
        case lane(AccountKey?, after: Int64, limit: Int)
        /// Rows that wait for a time that has come.
        case due(limit: Int)
        case tail(after: Int64, limit: Int)
    }

    struct Reading: Sendable {
        /// The tail is in memory, or has been, up to here.
        var through: Int64
        var hasReadTail = false
        /// All accounts with rows in line are in ``WebhookLine/lanes``.
        var areLanesKnown = false
        var lanesAfter: LaneKey = -1
        var onDisk: Set<LaneKey> = []
        var lookForDueAt: Int64 = .min
        /// The last look for due rows found none.
        var isNothingDue = false
        /// There are more due rows than were read: the next look is when some of those are settled.
        var hasMoreDue = false
        /// Of an endpoint that is down: due rows were looked at for those that are too old.
        var hasLookedForOld = false
        /// This round gave events up: there may be more that are too old.
        var isGivingUp = false

        init(through cursor: Int64) { through = cursor }

        var isDone: Bool { hasReadTail && areLanesKnown && onDisk.isEmpty && isNothingDue }
    }

    private static let lanesMax = 1000

    /// There may be new events or rows.
    mutating func wake() {
        reading.hasReadTail = false
        reading.lookForDueAt = .min
    }

    /// How many more events fit into memory.
    private var room: Int { pace.itemsMax - max(items.count, settling.tail.count) }
    private var isScarce: Bool { room < pace.itemsMax / 4 }

    func need(at now: WebhookMoment) -> Need? {
        guard !isDraining, room > 0 else { return nil }
        // What is delivered and still has a row must not be read again.
        if settling.isRowsClear {
            if health.isDown, !reading.hasLookedForOld { return .due(limit: min(pace.pageMax, room)) }
            if !reading.areLanesKnown, reading.onDisk.isEmpty {
                return .lanes(after: reading.lanesAfter, limit: Self.lanesMax)
            }
            if let key = reading.onDisk.first(where: { isLoadable($0) }) {
                let after = lanes[key]?.loadedThrough ?? 0
                return .lane(
                    key == 0 ? nil : AccountKey(rawValue: key), after: after, limit: min(pace.pageMax, room))
            }
            if now.steady >= reading.lookForDueAt, !health.isDown || items.isEmpty {
                return .due(limit: min(pace.pageMax, room))
            }
        }
        // Nobody's rows may tell of the same message as what follows.
        guard reading.areLanesKnown, !reading.onDisk.contains(0), !reading.hasReadTail,
            room >= pace.pageMax / 2 || ready.isEmpty
        else {
            return nil
        }
        return .tail(after: reading.through, limit: min(pace.pageMax, room))
    }

    private func isLoadable(_ key: LaneKey) -> Bool {
        guard let lane = lanes[key] else { return false }
        return lane.queue.isEmpty && lane.parking == 0
    }

    // MARK: Answers

    mutating func admit(lanes accounts: [AccountKey?], isAll: Bool) {
        for account in accounts {
            let key = account?.rawValue ?? 0
            lanes[key, default: Lane()].hasRowsOnDisk = true
            reading.onDisk.insert(key)
            reading.lanesAfter = max(reading.lanesAfter, key)
        }
        reading.areLanesKnown = isAll
    }

    /// Rows in line of one account, in their order.
    mutating func admit(rows: [Returning], of account: AccountKey?, isAll: Bool, at now: WebhookMoment) {
        let key = account?.rawValue ?? 0
        for returning in rows {
            lanes[key]?.loadedThrough = returning.row.position
            admit(returning, isAlone: false, at: now)
        }
        guard isAll, lanes[key]?.parking == 0 else { return }
        lanes[key]?.hasRowsOnDisk = false
        reading.onDisk.remove(key)
        dropIfIdle(key)
    }

    /// Rows whose time has come: those that wait alone, and those that are told once more.
    mutating func admit(due rows: [Returning], isAll: Bool, at now: WebhookMoment) {
        for returning in rows {
            admit(returning, isAlone: returning.row.attempts > 0, at: now)
        }
        reading.hasLookedForOld = isAll || settling.leaving.isEmpty
        reading.isNothingDue = rows.isEmpty
        reading.hasMoreDue = !isAll
        reading.lookForDueAt = now.steady + 1000
    }

    private mutating func admit(_ returning: Returning, isAlone: Bool, at now: WebhookMoment) {
        let row = returning.row
        guard items[row.position] == nil else { return }
        guard let event = returning.event, event.isWanted else { return settling.delivered.append(row.position) }
        var item = Item(
            position: row.position, account: row.account, lane: isAlone ? -row.position : event.lane,
            bytes: event.bytes,
            since: row.attempts == 0 ? max(event.at, row.notBefore) : event.at, attempts: row.attempts)
        item.isAlone = isAlone
        item.isDurable = true
        item.status = row.status
        item.reason = row.reason
        put(item, at: now)
    }

    /// Events after the cursor, in their order.
    mutating func admit(tail events: [Candidate], isAll: Bool, at now: WebhookMoment) {
        for event in events {
            reading.through = max(reading.through, event.position)
            guard items[event.position] == nil else { continue }
            settling.tail.append(event.position)
            guard event.isWanted else { continue }
            let key = event.lane
            var item = Item(
                position: event.position, account: event.account, lane: key, bytes: event.bytes, since: event.at)
            item.isParking = lanes[key]?.hasRowsOnDisk ?? false
            put(item, at: now)
        }
        reading.hasReadTail = isAll
        parkWhenFull()
    }

    private mutating func put(_ new: Item, at now: WebhookMoment) {
        var item = new
        if health.isDown, now.steady < health.restUntil, !item.isParking, isTooOld(item, at: now) {
            return leave(item, notBefore: 0, isAside: true)
        }
        item.successesSeen = health.successes
        item.strikes = knownStrikes.removeValue(forKey: item.position) ?? 0
        items[item.position] = item
        if item.isParking {
            lanes[item.lane]?.parking += 1
            makeDurable(item.position)
            return
        }
        var lane = lanes[item.lane] ?? Lane()
        // What is told once more may belong before what waits; never before what is under way.
        var index = lane.queue.endIndex
        while index > lane.underWay, lane.queue[index - 1] > item.position { index -= 1 }
        lane.queue.insert(item.position, at: index)
        lanes[item.lane] = lane
        list(item.lane)
    }

    // MARK: Room

    /// When memory is short, what stands behind a held event waits on disk, so that other accounts' events have room.
    mutating func parkWhenFull() {
        guard isScarce else { return }
        for key in held { park(key) }
        // Down, and nothing but accounts whose first events have failed for long: others behind them have to be tried.
        guard room == 0, health.isDown, !reading.hasReadTail else { return }
        let firsts = lanes.values.compactMap { $0.queue.first }.compactMap { items[$0] }
        guard firsts.allSatisfy({ $0.attempts >= pace.strikesMax }) else { return }
        for key in Array(lanes.keys) { park(key) }
    }

    private mutating func park(_ key: LaneKey) {
        guard var lane = lanes[key], lane.underWay == 0, lane.queue.count > 1, key > 0 else { return }
        let behind = lane.queue.dropFirst()
        lane.queue = Array(lane.queue.prefix(1))
        lane.loadedThrough = lane.queue[0]
        lane.hasRowsOnDisk = true
        lane.parking += behind.count { items[$0]?.isDurable == false }
        lanes[key] = lane
        reading.onDisk.insert(key)
        for position in behind {
            if items[position]?.isDurable == true {
                items[position] = nil
                settling.changed.remove(position)
            } else {
                items[position]?.isParking = true
                makeDurable(position)
            }
        }
    }
}
