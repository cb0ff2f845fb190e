import DequeModule

/// Which devices still owe an acknowledgement for which entries, and until when. A value that is told what happened and
/// returns what is to be decided; it never sleeps, sends or reads a clock.
///
/// It only saves work: what it returns is decided in the store against the cursors on disk. Devices that acknowledge in
/// time leave nothing behind.
struct DeliveryTracker {
    /// Ticks of a quarter of a second on a monotonic clock.
    typealias Tick = Int64
    static let ticksPerSecond: Int64 = 4

    /// A device that is due for a decision about one entry.
    struct Due: Equatable {
        let device: DeviceKey
        let account: AccountKey
        let message: MessageKey
        let seq: Int64
        let position: Int64
        /// When a push may go out at the earliest; nil = at once.
        var notBefore: Milliseconds?
    }

    /// A device that is due from the start.
    struct DueDevice {
        let device: DeviceKey
        let notBefore: Milliseconds?
    }

    /// A device that got an entry, and when it has to have acknowledged it.
    struct Waiting {
        let device: DeviceKey
        let deadline: Tick
    }

    private struct Pending {
        let position: Int64
        let seq: Int64
        let message: MessageKey
        var devices: [DeviceKey]
    }

    private struct Slot {
        let account: AccountKey
        let position: Int64
        let device: DeviceKey
    }

    private var window: PositionWindow
    private var pending: [AccountKey: Deque<Pending>] = [:]
    private var wheel: [Tick: [Slot]] = [:]
    private var turnedTo: Tick

    init(mark: Int64, now: Tick) {
        window = PositionWindow(mark: mark)
        turnedTo = now
    }

    /// Everything up to here is decided.
    var mark: Int64 { window.mark }
    /// The last entry that was told.
    var last: Int64 { window.last }
    var openCount: Int { window.count }

    /// A new entry: `waiting` may still acknowledge, `due` are to be decided at once.
    mutating func archived(_ entry: InboxEntry, waiting: [Waiting], due: [DueDevice]) -> [Due] {
        window.append(entry.position, waitingFor: waiting.count + due.count)
        if !waiting.isEmpty {
            pending[entry.account, default: []].append(
                Pending(
                    position: entry.position, seq: entry.seq, message: entry.message, devices: waiting.map(\.device)))
            for wait in waiting {
                wheel[max(wait.deadline, turnedTo + 1), default: []].append(
                    Slot(account: entry.account, position: entry.position, device: wait.device))
            }
        }
        return due.map {
            Due(
                device: $0.device, account: entry.account, message: entry.message, seq: entry.seq,
                position: entry.position, notBefore: $0.notBefore)
        }
    }

    /// The device has stored everything up to `seq`.
    mutating func acknowledged(_ device: DeviceKey, account: AccountKey, seq: Int64) {
        guard var entries = pending.removeValue(forKey: account) else { return }
        for index in entries.indices {
            guard entries[index].seq <= seq else { break }
            if let found = entries[index].devices.firstIndex(of: device) {
                entries[index].devices.remove(at: found)
                window.settle(entries[index].position)
            }
        }
        keep(&entries, account: account)
    }

    /// The device's connection is closed: what it has not acknowledged is due.
    mutating func disconnected(_ device: DeviceKey, account: AccountKey) -> [Due] {
        takeDue(account: account) { $0 == device }
    }

    /// Devices are looked at again, all of them: those that `isAway` says are gone are due.
    mutating func reviewed(isAway: (DeviceKey) -> Bool) -> [Due] {
        pending.keys.sorted { $0.rawValue < $1.rawValue }.flatMap { takeDue(account: $0, where: isAway) }
    }

    private mutating func takeDue(account: AccountKey, where isDue: (DeviceKey) -> Bool) -> [Due] {
        guard var entries = pending.removeValue(forKey: account) else { return [] }
        var found: [Due] = []
        for index in entries.indices {
            let entry = entries[index]
            guard entry.devices.contains(where: isDue) else { continue }
            for device in entry.devices where isDue(device) {
                found.append(
                    Due(
                        device: device, account: account, message: entry.message, seq: entry.seq,
                        position: entry.position))
            }
            entries[index].devices.removeAll(where: isDue)
        }
        keep(&entries, account: account)
        return found
    }

    /// Deadlines up to `now` have passed.
    mutating func turned(to now: Tick) -> [Due] {
        guard now > turnedTo else { return [] }
        var found: [Due] = []
        // After a long pause (the machine slept) the slots that exist are fewer than the ticks that passed.
        let passed =
            now - turnedTo > Int64(wheel.count)
            ? wheel.keys.filter { $0 <= now }.sorted() : Array((turnedTo + 1)...now)
        turnedTo = now
        for tick in passed {
            for slot in wheel.removeValue(forKey: tick) ?? [] {
                guard let due = take(slot) else { continue }
                found.append(due)
            }
        }
        return found
    }

    private mutating func take(_ slot: Slot) -> Due? {
        guard var entries = pending.removeValue(forKey: slot.account) else { return nil }
        defer { keep(&entries, account: slot.account) }
        guard let index = Self.index(of: slot.position, in: entries),
            let found = entries[index].devices.firstIndex(of: slot.device)
        else { return nil }
        entries[index].devices.remove(at: found)
        return Due(
            device: slot.device, account: slot.account, message: entries[index].message, seq: entries[index].seq,
            position: slot.position)
    }

    /// What was due has been decided, on disk.
    mutating func decided(_ due: [Due]) {
        for one in due { window.settle(one.position) }
    }

    /// Entries of an account stand in the order of positions. There may be many when nobody acknowledges.
    private static func index(of position: Int64, in entries: Deque<Pending>) -> Int? {
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low < entries.endIndex && entries[low].position == position ? low : nil
    }

    /// `inout`, so that taking off the front does not copy the rest.
    private mutating func keep(_ entries: inout Deque<Pending>, account: AccountKey) {
        while let first = entries.first, first.devices.isEmpty { entries.removeFirst() }
        if !entries.isEmpty { pending[account] = entries }
    }
}
