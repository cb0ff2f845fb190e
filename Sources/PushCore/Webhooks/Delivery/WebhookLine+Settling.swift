import DequeModule

extension WebhookLine {
    /// What is not on disk yet.
    struct Settling: Sendable {
        /// Positions after the cursor that were read, in their order. Those that are not in memory are done.
        var tail: Deque<Int64> = []
        /// Since when something after the first event that is not done is done.
        var gapSince: Int64?
        /// The cursor has to come here: what is not done up to here gets rows.
        var through: Int64 = .min
        /// Delivered ones that have rows.
        var delivered: [Int64] = []
        /// Durable ones whose rows are old.
        var changed: Set<Int64> = []
        /// Rows of events that are not in memory any more: set aside, or left alone.
        var leaving: [WebhookRetry] = []
        /// A settlement is being written.
        var isUnderWay = false
        /// Those of it that are in memory for their rows alone.
        var parked: [Int64] = []

        /// Nothing of what rows say has changed since they were written.
        var isRowsClear: Bool { !isUnderWay && delivered.isEmpty && leaving.isEmpty }
    }

    static func row(of item: Item) -> WebhookRetry {
        WebhookRetry(
            position: item.position, account: item.account, attempts: item.attempts, notBefore: 0,
            status: item.status, reason: item.reason)
    }

    /// Its row is to be written, by and by together with those before it.
    mutating func makeDurable(_ position: Int64) {
        if items[position]?.isDurable == true {
            settling.changed.insert(position)
        } else {
            settling.through = max(settling.through, position)
        }
    }

    /// What is to be written now, if anything. To be written until that succeeds, and then ``settled()`` called.
    ///
    /// - Parameter isLast: the line ends; nothing of what was done may be lost.
    mutating func settlement(at now: WebhookMoment, isLast: Bool = false) -> WebhookSettlement? {
        guard !settling.isUnderWay else { return nil }
        var outcome = WebhookSettlement()
        if let gap = settling.gapSince, isLast || now.steady - gap >= pace.gapMax,
            let done = settling.tail.last(where: { items[$0] == nil })
        {
            settling.through = max(settling.through, done)
        }
        while let first = settling.tail.first {
            if items[first]?.isDurable == false {
                guard first <= settling.through else { break }
                items[first]?.isDurable = true
                settling.changed.insert(first)
            }
            settling.tail.removeFirst()
            outcome.cursor = first
        }
        settling.through = .min
        settling.gapSince = settling.tail.contains { items[$0] == nil } ? settling.gapSince ?? now.steady : nil
        let changed = settling.changed.compactMap { items[$0] }
        outcome.delivered = settling.delivered
        outcome.retries = settling.leaving + changed.map(Self.row)
        settling.parked = changed.filter(\.isParking).map(\.position)
        (settling.delivered, settling.leaving, settling.changed) = ([], [], [])
        guard outcome.cursor != nil || !outcome.delivered.isEmpty || !outcome.retries.isEmpty else { return nil }
        settling.isUnderWay = true
        return outcome
    }

    /// The last settlement is on disk.
    mutating func settled() {
        settling.isUnderWay = false
        if reading.hasMoreDue { reading.lookForDueAt = .min }
        for position in settling.parked {
            guard let item = items[position], item.isParking else { continue }
            items[position] = nil
            lanes[item.lane]?.parking -= 1
        }
        settling.parked = []
    }
}
