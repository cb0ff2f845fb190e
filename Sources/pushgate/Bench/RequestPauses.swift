import PushSimulators

/// Whether the pauses that a vendor asked for were kept, from the times at which its requests came.
///
/// Requests that were under way when the vendor said `Retry-After` cannot be taken back: the first
/// ``underWayMax`` that come within ``underWay`` after the first such answer belong to it. The next one may come
/// when the latest `Retry-After` among them has passed, and must come before a tenth of it more, with `lateFloor` for a busy machine.
struct RequestPauses: Sendable {
    static let underWay: Int64 = 1000
    static let underWayMax = 128

    /// How often the vendor asked and a request came afterwards.
    private(set) var count = 0
    /// Requests that came too early, by how many milliseconds at most.
    private(set) var early = 0
    private(set) var earliestBy: Int64 = 0
    /// Pauses that lasted too long.
    private(set) var late = 0
    /// The most that a request came after the time asked for, in milliseconds.
    private(set) var latestBy: Int64 = 0

    /// Those of another round.
    mutating func add(_ more: RequestPauses) {
        count += more.count
        early += more.early
        earliestBy = max(earliestBy, more.earliestBy)
        late += more.late
        latestBy = max(latestBy, more.latestBy)
    }

    /// - Parameters:
    ///   - requests: of one credential, in order.
    ///   - lateFloor: milliseconds by which a request may be late in any case.
    init(_ requests: [RecordedRequest], lateFloor: Int64 = 250) {
        var next = requests.startIndex
        while let first = requests[next...].firstIndex(where: { $0.retryAt != nil }) {
            let begin = requests[first].receivedAt
            let whole = requests[first...].prefix(Self.underWayMax)
            let end = whole.firstIndex { $0.receivedAt > begin + Self.underWay } ?? whole.endIndex
            guard let asker = requests[first..<end].max(by: { $0.retryAt ?? 0 < $1.retryAt ?? 0 }),
                let retryAt = asker.retryAt
            else { return }
            next = end
            while next < requests.endIndex, requests[next].receivedAt < retryAt {
                early += 1
                earliestBy = max(earliestBy, retryAt - requests[next].receivedAt)
                next += 1
            }
            guard next < requests.endIndex else { return }
            let over = requests[next].receivedAt - retryAt
            count += 1
            latestBy = max(latestBy, over)
            if over > (retryAt - asker.receivedAt) / 10 + lateFloor { late += 1 }
        }
    }
}

/// How many requests came within a second.
enum RequestRate {
    /// The most in any second that ends before `end`, of requests after `begin`; times in milliseconds.
    static func highest(_ times: [Int64], from begin: Int64, to end: Int64) -> Int {
        let inside = times.filter { $0 >= begin && $0 < end }.sorted()
        var (highest, first) = (0, 0)
        for (last, time) in inside.enumerated() {
            while inside[first] <= time - 1000 { first += 1 }
            highest = max(highest, last - first + 1)
        }
        return highest
    }
}
