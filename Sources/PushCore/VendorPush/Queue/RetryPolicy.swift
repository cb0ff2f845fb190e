/// When a push that did not go through is tried again (vendor-push reference, 0.2): exponential with full jitter, from
/// one second after a fault and a minute after a refusal for pace; a vendor's own `Retry-After` wins. Expiry ends it.
struct RetryPolicy: Sendable {
    let first: Duration
    let max: Duration
    /// A number from 0 to 1.
    let random: @Sendable () -> Double

    static let slowFirst: Duration = .seconds(60)

    init(limits: Limits, random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }) {
        first = limits.pushRetryFirst
        max = limits.pushRetryMax
        self.random = random
    }

    init(limits: Limits, runtime: Runtime) {
        self.init(limits: limits) {
            var generator = runtime.generator
            return Double.random(in: 0...1, using: &generator)
        }
    }

    /// The time of the next try after `attempts` failed ones.
    func next(
        afterAttempts attempts: Int, asked: Duration?, isPace: Bool, now: Milliseconds
    ) -> Milliseconds {
        // No pause at all, or a date that has passed by this clock, is no reason to come back at once for ever.
        if let asked, asked > .zero { return now + asked.milliseconds }
        let base = isPace ? Swift.max(first, Self.slowFirst) : first
        let doubled = Double(base.milliseconds) * Double(1 << Swift.min(Swift.max(attempts - 1, 0), 20))
        let ceiling = Swift.min(doubled, Double(Swift.max(max, base).milliseconds))
        // Half of it for certain, so that a burst of failures does not come back at once.
        return now + Int64(ceiling / 2 + ceiling / 2 * random())
    }
}
