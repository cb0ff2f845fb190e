/// The last entries handed over, in a bounded memory.
struct SeenEntries {
    private(set) var keys: Set<EntryKey> = []
    /// A ring: `order[oldest]` is replaced next once it is full.
    private var order: [EntryKey] = []
    private var oldest = 0
    private let max: Int

    init(max: Int, keys: [EntryKey] = []) {
        self.max = Swift.max(1, max)
        for key in keys.suffix(self.max) { insert(key) }
    }

    func contains(_ key: EntryKey) -> Bool { keys.contains(key) }

    mutating func insert(_ key: EntryKey) {
        guard keys.insert(key).inserted else { return }
        if order.count < max {
            order.append(key)
        } else {
            keys.remove(order[oldest])
            order[oldest] = key
            oldest = (oldest + 1) % max
        }
    }

    mutating func remove(_ key: EntryKey) {
        guard keys.remove(key) != nil else { return }
        let rest = oldestFirst.filter { $0 != key }
        order = rest
        oldest = 0
    }

    var oldestFirst: [EntryKey] { Array(order[oldest...] + order[..<oldest]) }
}
