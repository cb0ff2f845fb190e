/// How many pushes a second a credential may send. A tenth of a second's worth may go at once, so that no second holds
/// much more than it should.
struct LanePace: Sendable {
    private let perSecond: Double?
    private let burst: Double
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant?

    init(perSecond: Int64?) {
        self.perSecond = perSecond.map { Double(max(1, $0)) }
        burst = max(1, (self.perSecond ?? 0) / 10)
        tokens = burst
    }

    /// How many pushes may go now.
    mutating func available(now: ContinuousClock.Instant) -> Int {
        guard let perSecond else { return .max }
        if let filledAt { tokens = min(burst, tokens + max(0, (now - filledAt) / .seconds(1)) * perSecond) }
        filledAt = now
        return max(0, Int(tokens))
    }

    mutating func take(_ count: Int) {
        if perSecond != nil { tokens -= Double(count) }
    }

    mutating func giveBack(_ count: Int) {
        if perSecond != nil { tokens = min(burst, tokens + Double(count)) }
    }

    /// When the next push may go.
    func next(now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        guard let perSecond, tokens < 1 else { return now }
        return now + .seconds((1 - tokens) / perSecond)
    }
}
