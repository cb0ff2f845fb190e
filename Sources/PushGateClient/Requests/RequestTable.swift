/// Requests without a reply. It never sends or reads a clock: it says what is due.
struct RequestTable {
    typealias Completion = @Sendable (Result<JSONValue, any Error>) -> Void

    enum Purpose: Sendable {
        case call(Completion)
        case acknowledge(Acknowledgement)
        /// Asked after these positions.
        case sync(after: Int64, broadcastAfter: Int64)
    }

    struct Request: Sendable {
        let operation: String
        /// The same bytes each time, and so the same `requestId`.
        let payload: [UInt8]
        let purpose: Purpose
        /// `nil`: repeated for ever.
        let deadline: ContinuousClock.Instant?
        var repeatAt: ContinuousClock.Instant
        var repeatAfter: Duration
    }

    static let repeatAfterMax: Duration = .seconds(60)

    private(set) var requests: [String: Request] = [:]

    var count: Int { requests.count }

    mutating func add(_ id: String, _ request: Request) { requests[id] = request }

    mutating func remove(_ id: String) -> Request? { requests.removeValue(forKey: id) }

    /// Takes out what serves the connection that just ended.
    mutating func removeOwn() {
        guard !requests.isEmpty else { return }
        requests = requests.filter { if case .call = $0.value.purpose { true } else { false } }
    }

    /// When to look again.
    func nextDue(isConnected: Bool) -> ContinuousClock.Instant? {
        requests.values.lazy
            .compactMap { isConnected ? [$0.repeatAt, $0.deadline].compactMap { $0 }.min() : $0.deadline }
            .min()
    }

    mutating func takeExpired(now: ContinuousClock.Instant) -> [Request] {
        let ids = requests.filter { _, request in request.deadline.map { $0 <= now } ?? false }.keys
        return ids.compactMap { requests.removeValue(forKey: $0) }
    }

    /// Puts the next repeat of what is due twice as far ahead.
    mutating func takeDue(now: ContinuousClock.Instant) -> [Request] {
        var due: [Request] = []
        for (id, request) in requests where request.repeatAt <= now {
            due.append(request)
            requests[id]?.repeatAfter = min(request.repeatAfter * 2, Self.repeatAfterMax)
            requests[id]?.repeatAt = now + request.repeatAfter
        }
        return due
    }

    /// All of them, for a new connection.
    mutating func takeAll(now: ContinuousClock.Instant, repeatAfter: Duration) -> [Request] {
        for id in requests.keys {
            requests[id]?.repeatAfter = repeatAfter
            requests[id]?.repeatAt = now + repeatAfter
        }
        return Array(requests.values)
    }
}

/// Up to where everything is stored on the device.
struct Acknowledgement: Sendable, Hashable {
    var seq: Int64 = 0
    var broadcastSeq: Int64 = 0

    mutating func raise(to other: Acknowledgement) {
        seq = max(seq, other.seq)
        broadcastSeq = max(broadcastSeq, other.broadcastSeq)
    }

    func isBeyond(_ other: Acknowledgement) -> Bool { seq > other.seq || broadcastSeq > other.broadcastSeq }
}
