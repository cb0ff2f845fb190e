import Synchronization

/// What was sent, what was accepted, and what arrived at which device: the count that says whether a message was lost
/// or doubled. Messages are numbered 0, 1, 2 …, receivers too.
final class DeliveryLedger: Sendable {
    enum Audience: Equatable {
        case one(Int)
        /// Every receiver.
        case all
    }

    /// Copies, one for each message and receiver.
    struct Totals: Equatable {
        /// Arrived, each counted once.
        var delivered = 0
        /// Of accepted messages, not arrived.
        var lost = 0
        /// Arrived again, or at somebody it was not for.
        var doubled = 0
        var accepted = 0
        /// Messages that were refused, or whose answer is not known.
        var refused = 0
    }

    struct Times {
        /// From sending to the answer, of accepted messages, in nanoseconds.
        var answer: [Int64] = []
        /// From sending to the arrival of each copy.
        var arrival: [Int64] = []
        var firstSent: Int64 = 0
        var lastArrival: Int64 = 0
    }

    private enum Status { case open, accepted, refused }

    private struct Sent {
        let at: Int64
        /// -1: everyone.
        let receiver: Int32
        var status = Status.open
    }

    private struct State {
        var messages: [Sent?] = []
        /// A bit for each receiver of each message.
        var arrived: [UInt64] = []
        var times = Times()
        var expected = 0
        var delivered = 0
        var doubled = 0
        var kept = 0
    }

    private let state = Mutex(State())
    private let receivers: Int
    private let words: Int

    init(receivers: Int, isToAll: Bool) {
        self.receivers = receivers
        words = isToAll ? (receivers + 63) / 64 : 1
    }

    func sent(_ numbers: Range<Int>, at time: Int64 = Monotonic.now, to audience: (Int) -> Audience) {
        state.withLock { state in
            for number in numbers {
                while state.messages.count <= number {
                    state.messages.append(nil)
                    state.arrived.append(contentsOf: repeatElement(0, count: words))
                }
                let receiver: Int32
                switch audience(number) {
                case .one(let one):
                    receiver = Int32(one)
                    state.expected += 1
                case .all:
                    receiver = -1
                    state.expected += receivers
                }
                state.messages[number] = Sent(at: time, receiver: receiver)
            }
            if state.times.firstSent == 0 { state.times.firstSent = time }
        }
    }

    func answered(_ numbers: Range<Int>, isAccepted: Bool) {
        let now = Monotonic.now
        state.withLock { state in
            for number in numbers {
                guard state.messages.indices.contains(number), let sent = state.messages[number], sent.status == .open
                else { continue }
                state.messages[number]?.status = isAccepted ? .accepted : .refused
                if isAccepted {
                    state.times.answer.append(now - sent.at)
                } else {
                    state.expected -= sent.receiver < 0 ? receivers : 1
                }
            }
        }
    }

    func received(_ number: Int, by receiver: Int) {
        let now = Monotonic.now
        state.withLock { state in
            guard state.messages.indices.contains(number), let sent = state.messages[number],
                sent.receiver < 0 ? receiver < receivers : receiver == Int(sent.receiver)
            else {
                state.doubled += 1
                return
            }
            let bit = sent.receiver < 0 ? receiver : 0
            let word = number * words + bit / 64
            let mask: UInt64 = 1 << UInt64(bit % 64)
            guard state.arrived[word] & mask == 0 else {
                state.doubled += 1
                return
            }
            state.arrived[word] |= mask
            state.delivered += 1
            state.times.arrival.append(now - sent.at)
            state.times.lastArrival = now
        }
    }

    /// One arrived and is kept from the count (``Miscount/lost``): there is no use in waiting for it.
    func keptFromCount() { state.withLock { $0.kept += 1 } }

    /// Copies on their way, about: refused messages that arrived all the same are not taken into account.
    var outstanding: Int { state.withLock { $0.expected - $0.delivered } }

    var delivered: Int { state.withLock { $0.delivered } }

    var times: Times { state.withLock { $0.times } }

    var totals: Totals {
        state.withLock { state in
            var totals = Totals()
            totals.delivered = state.delivered
            totals.doubled = state.doubled
            for (number, sent) in state.messages.enumerated() {
                guard let sent else { continue }
                guard sent.status == .accepted else {
                    totals.refused += 1
                    continue
                }
                totals.accepted += 1
                let arrived = state.arrived[number * words..<(number + 1) * words].reduce(0) { $0 + $1.nonzeroBitCount }
                totals.lost += (sent.receiver < 0 ? receivers : 1) - arrived
            }
            return totals
        }
    }

    /// Waits until nothing is on its way, or nothing has arrived for `quiet`.
    /// - Parameter missing: copies that an earlier wait has given up.
    /// - Returns: copies that are missing.
    @discardableResult
    func waitForArrivals(besides missing: Int = 0, quiet: Duration = .seconds(5)) async throws -> Int {
        var last = -1
        var quietSince = ContinuousClock.now
        while outstanding > max(missing, state.withLock { $0.kept }) {
            let delivered = delivered
            if delivered != last { (last, quietSince) = (delivered, .now) }
            if ContinuousClock.now - quietSince > quiet { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        return outstanding
    }
}
