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
    /// No repeat is due before this, and no deadline before that. Earlier than needed when what was due first has had its
    /// reply: looked for again only when its time has come, since a busy client asks at each message.
    private var firstRepeat: ContinuousClock.Instant?
    private var firstDeadline: ContinuousClock.Instant?

    var count: Int { requests.count }

    mutating func add(_ id: String, _ request: Request) {
        requests[id] = request
        firstRepeat = [firstRepeat, request.repeatAt].compactMap { $0 }.min()
        firstDeadline = [firstDeadline, request.deadline].compactMap { $0 }.min()
    }

    mutating func remove(_ id: String) -> Request? {
        defer { if requests.isEmpty { (firstRepeat, firstDeadline) = (nil, nil) } }
        return requests.removeValue(forKey: id)
    }

    /// Takes out what serves the connection that just ended.
    mutating func removeOwn() {
        guard !requests.isEmpty else { return }
        requests = requests.filter { if case .call = $0.value.purpose { true } else { false } }
        findFirst()
    }

    /// When to look again; then there may be nothing to do.
    func nextDue(isConnected: Bool) -> ContinuousClock.Instant? {
        isConnected ? [firstRepeat, firstDeadline].compactMap { $0 }.min() : firstDeadline
    }

    private mutating func findFirst() {
        firstRepeat = requests.values.lazy.map(\.repeatAt).min()
        firstDeadline = requests.values.lazy.compactMap(\.deadline).min()
    }

    mutating func takeExpired(now: ContinuousClock.Instant) -> [Request] {
        guard let firstDeadline, firstDeadline <= now else { return [] }
        let ids = requests.filter { _, request in request.deadline.map { $0 <= now } ?? false }.keys
        let expired = ids.compactMap { requests.removeValue(forKey: $0) }
        findFirst()
        return expired
    }

    /// Puts the next repeat of what is due twice as far ahead.
    mutating func takeDue(now: ContinuousClock.Instant) -> [Request] {
        guard let firstRepeat, firstRepeat <= now else { return [] }
        var due: [Request] = []
        for (id, request) in requests where request.repeatAt <= now {
            due.append(request)
            requests[id]?.repeatAfter = min(request.repeatAfter * 2, Self.repeatAfterMax)
            requests[id]?.repeatAt = now + request.repeatAfter
        }
        findFirst()
        return due
    }

    /// All of them, for a new connection.
    mutating func takeAll(now: ContinuousClock.Instant, repeatAfter: Duration) -> [Request] {
        for id in requests.keys {
            requests[id]?.repeatAfter = repeatAfter
            requests[id]?.repeatAt = now + repeatAfter
        }
        findFirst()
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
