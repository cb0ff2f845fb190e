/// What vendors answered since the start, and how soon pushes reached them.
public struct PushCounters: Sendable {
    /// ``VendorAnswer`` without its details. The raw value is public.
    public enum Outcome: String, Sendable, CaseIterable {
        case sent, dead, retry, unknown, auth, drop, slow

        init(_ answer: VendorAnswer) {
            switch answer {
            case .sent: self = .sent
            case .dead: self = .dead
            case .retry: self = .retry
            case .unknown: self = .unknown
            case .auth: self = .auth
            case .drop: self = .drop
            case .slow: self = .slow
            }
        }
    }

    /// Answers, one a push.
    public private(set) var answers: [Vendor: [Outcome: Int64]] = [:]
    /// From the time a push was due (its next try, if it is one) to the beginning of its vendor request.
    public private(set) var latency: [Vendor: LatencyHistogram] = [:]

    public init() {}

    mutating func count(_ answer: VendorAnswer, of vendor: Vendor) {
        answers[vendor, default: [:]][Outcome(answer), default: 0] += 1
    }

    mutating func began(after milliseconds: Milliseconds, vendor: Vendor) {
        latency[vendor, default: LatencyHistogram()].add(milliseconds)
    }
}

/// Counts of durations by upper bound.
public struct LatencyHistogram: Sendable {
    /// Upper bounds, inclusive, in milliseconds; what is longer is in ``count`` alone.
    public static let bounds: [Milliseconds] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000]

    /// How many were at most as long as the bound at the same place and longer than the one before.
    public private(set) var buckets = [Int64](repeating: 0, count: bounds.count)
    public private(set) var count: Int64 = 0
    public private(set) var sumMilliseconds: Milliseconds = 0

    public init() {}

    public mutating func add(_ milliseconds: Milliseconds) {
        let value = max(0, milliseconds)
        count += 1
        sumMilliseconds += value
        if let place = Self.bounds.firstIndex(where: { value <= $0 }) { buckets[place] += 1 }
    }
}
