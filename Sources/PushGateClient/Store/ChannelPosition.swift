/// How far one channel is. Entries are numbered 1, 2, 3 … without gaps, so a device that has seen them up to a number
/// one after the other has everything up to it.
struct ChannelPosition {
    /// Every entry up to here has been handed over.
    private(set) var last: Int64
    /// The highest number heard of.
    private(set) var highest: Int64
    /// Entries that came too early, until those before them are here.
    private var early: [Int64: Entry] = [:]
    /// What is missing has been noticed, and not been found yet.
    private(set) var hasGap = false

    /// Beyond this an early entry is only remembered by its number, and fetched again.
    static let earlyMax = 128

    init(last: Int64) {
        self.last = last
        highest = last
    }

    enum Place { case next, repeated, early }

    func place(of seq: Int64) -> Place {
        if seq <= last { return .repeated }
        return seq == last + 1 ? .next : .early
    }

    var isBehind: Bool { last < highest }

    mutating func keep(_ entry: Entry, at seq: Int64) {
        hasGap = true
        highest = max(highest, seq)
        if early.count < Self.earlyMax { early[seq] = entry }
    }

    mutating func heard(of head: Int64) { highest = max(highest, head) }

    /// The entry that follows, if it came early. It stays until ``advance(to:)``.
    var next: Entry? { early.isEmpty ? nil : early[last + 1] }

    /// - Returns: whether this closed a gap.
    mutating func advance(to seq: Int64) -> Bool {
        guard seq > last else { return false }
        last = seq
        highest = max(highest, seq)
        if !early.isEmpty { early = early.filter { $0.key > seq } }
        guard hasGap, !isBehind else { return false }
        hasGap = false
        return true
    }

    /// The gateway has fewer entries than this device was told of: it was restored from an older copy.
    mutating func rewind(to head: Int64) { self = ChannelPosition(last: head) }
}
