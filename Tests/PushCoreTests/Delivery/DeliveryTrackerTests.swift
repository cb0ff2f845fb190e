import PushTestSupport
import Testing

@testable import PushCore

@Suite struct DeliveryTrackerTests {
    private let phone = DeviceKey(rawValue: 1)
    private let tablet = DeviceKey(rawValue: 2)
    private let account = AccountKey(rawValue: 9)

    private func entry(_ position: Int64) -> InboxEntry {
        InboxEntry(
            position: position, account: account, seq: position, message: MessageKey(rawValue: position), flags: [])
    }

    @Test func `an acknowledgement in time leaves nothing to decide`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        #expect(tracker.archived(entry(1), waiting: [.init(device: phone, deadline: 40)], due: []).isEmpty)
        #expect(tracker.mark == 0)
        tracker.acknowledged(phone, account: account, seq: 1)
        #expect(tracker.mark == 1)
        #expect(tracker.turned(to: 100).isEmpty)
    }

    @Test func `a long inbox that nobody acknowledges is worked off in time that grows with its length`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        let count: Int64 = 60_000
        for position in 1...count {
            _ = tracker.archived(entry(position), waiting: [.init(device: phone, deadline: 40)], due: [])
        }
        var due: [DeliveryTracker.Due] = []
        let took = ContinuousClock().measure { due = tracker.turned(to: 40) }
        #expect(due.map(\.position) == Array(1...count))
        #expect(took < .seconds(5), "with a copy of the rest for each entry it takes minutes")
        tracker.decided(due)
        #expect(tracker.mark == count)
    }

    @Test func `the deadline makes a device due once`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        _ = tracker.archived(entry(1), waiting: [.init(device: phone, deadline: 40)], due: [])
        #expect(tracker.turned(to: 39).isEmpty)
        let due = tracker.turned(to: 40)
        #expect(due.map(\.device) == [phone])
        #expect(tracker.mark == 0, "it is not decided before the store says so")
        #expect(tracker.turned(to: 400).isEmpty)
        tracker.decided(due)
        #expect(tracker.mark == 1)
    }

    @Test func `a late acknowledgement of something due changes nothing here`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        _ = tracker.archived(entry(1), waiting: [.init(device: phone, deadline: 4)], due: [])
        let due = tracker.turned(to: 4)
        tracker.acknowledged(phone, account: account, seq: 1)
        #expect(tracker.mark == 0)
        tracker.decided(due)
        #expect(tracker.mark == 1)
    }

    @Test func `acknowledgements are cumulative and per device`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        for position in 1...3 as ClosedRange<Int64> {
            _ = tracker.archived(
                entry(position),
                waiting: [.init(device: phone, deadline: 40), .init(device: tablet, deadline: 40)], due: [])
        }
        tracker.acknowledged(phone, account: account, seq: 3)
        #expect(tracker.mark == 0)
        tracker.acknowledged(tablet, account: account, seq: 2)
        #expect(tracker.mark == 2)
        #expect(tracker.turned(to: 40).map(\.device) == [tablet])
    }

    @Test func `a closed connection makes everything it had not acknowledged due at once`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        for position in 1...3 as ClosedRange<Int64> {
            _ = tracker.archived(entry(position), waiting: [.init(device: phone, deadline: 400)], due: [])
        }
        tracker.acknowledged(phone, account: account, seq: 1)
        let due = tracker.disconnected(phone, account: account)
        #expect(due.map(\.position) == [2, 3])
        #expect(tracker.turned(to: 400).isEmpty)
    }

    @Test func `devices that are away are due from the start and the mark waits for them`() {
        var tracker = DeliveryTracker(mark: 10, now: 0)
        let due = tracker.archived(entry(11), waiting: [], due: [.init(device: phone, notBefore: 77)])
        #expect(due.map(\.notBefore) == [77])
        #expect(tracker.archived(entry(12), waiting: [], due: []).isEmpty)
        #expect(tracker.mark == 10)
        tracker.decided(due)
        #expect(tracker.mark == 12)
    }

    @Test func `after a doubt only those that are away are due`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        _ = tracker.archived(
            entry(1), waiting: [.init(device: phone, deadline: 40), .init(device: tablet, deadline: 40)], due: [])
        #expect(tracker.reviewed { $0 == tablet }.map(\.device) == [tablet])
        #expect(tracker.turned(to: 40).map(\.device) == [phone])
    }

    @Test func `a clock that jumps far ahead fires everything once`() {
        var tracker = DeliveryTracker(mark: 0, now: 0)
        for position in 1...5 as ClosedRange<Int64> {
            _ = tracker.archived(entry(position), waiting: [.init(device: phone, deadline: position * 10)], due: [])
        }
        #expect(tracker.turned(to: 1_000_000_000).map(\.position) == [1, 2, 3, 4, 5])
    }

    @Test(arguments: 0..<50)
    func `random histories lose nothing and decide nothing twice`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var tracker = DeliveryTracker(mark: 0, now: 0)
        var now: Int64 = 0
        var last: Int64 = 0
        var acknowledged: [DeviceKey: Int64] = [:]
        var dueOnce: Set<String> = []
        func note(_ due: [DeliveryTracker.Due]) {
            for one in due { #expect(dueOnce.insert("\(one.device.rawValue)/\(one.position)").inserted) }
            tracker.decided(due)
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4:
                last += 1
                let deadline = now + Int64.random(in: 1...20, using: &random)
                note(
                    tracker.archived(
                        entry(last),
                        waiting: [.init(device: phone, deadline: deadline), .init(device: tablet, deadline: deadline)],
                        due: []))
            case 5...6:
                let device = Bool.random(using: &random) ? phone : tablet
                let seq = Int64.random(in: 0...last, using: &random)
                tracker.acknowledged(device, account: account, seq: seq)
                acknowledged[device] = max(acknowledged[device] ?? 0, seq)
            case 7: note(tracker.disconnected(Bool.random(using: &random) ? phone : tablet, account: account))
            default:
                now += Int64.random(in: 1...8, using: &random)
                note(tracker.turned(to: now))
            }
        }
        note(tracker.turned(to: now + 1000))
        #expect(tracker.mark == last)
        for position in stride(from: 1, through: last, by: 1) {
            for device in [phone, tablet] where position > acknowledged[device] ?? 0 {
                #expect(dueOnce.contains("\(device.rawValue)/\(position)"))
            }
        }
    }
}

/// A generator whose course is its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
