import DequeModule

/// Messages that were changed after they had been read from the archive, in a bounded memory. Delivery holds messages
/// as they were at their commit; it asks here whether that is still true, which costs nothing while nothing changes.
struct ChangedMessages {
    /// Grows with every change.
    private(set) var count: UInt64 = 0
    /// The last log position at which copies may have been read before the message's newest change.
    private var positions: [MessageKey: Int64] = [:]
    private var oldestFirst: Deque<MessageKey> = []
    /// Up to this position any message may have been changed.
    private var floor: Int64
    private let max: Int

    init(head: Int64, max: Int) {
        floor = head
        self.max = max
    }

    /// - Parameter position: the end of the log when the change was committed.
    mutating func note(_ message: MessageKey, through position: Int64) {
        count += 1
        if positions.updateValue(position, forKey: message) == nil { oldestFirst.append(message) }
        guard oldestFirst.count > max, let oldest = oldestFirst.popFirst() else { return }
        floor = Swift.max(floor, positions.removeValue(forKey: oldest) ?? 0)
    }

    /// More messages were changed than are worth naming.
    mutating func noteAny(through position: Int64) {
        count += 1
        floor = Swift.max(floor, position)
    }

    func mayHaveChanged(_ message: MessageKey, at position: Int64) -> Bool {
        position <= floor || (positions[message].map { position <= $0 } ?? false)
    }
}
