/// How long to wait before connecting again: doubles with each failure up to a bound, and is spread by chance so that
/// thousands of sessions do not come back in the same instant.
public struct ReconnectDelay: Sendable, Hashable {
    public var initial: Duration
    public var maximum: Duration

    public init(initial: Duration = .milliseconds(200), maximum: Duration = .seconds(10)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// - Parameters:
    ///   - attempt: failures in a row before this one, from 0.
    ///   - chance: in 0..<1.
    /// - Returns: between one half and the whole of `min(initial · 2^attempt, maximum)`.
    public func delay(attempt: Int, chance: Double) -> Duration {
        let doublings = min(max(attempt, 0), 20)
        let full = min(initial * (1 << doublings), maximum)
        return full * (0.5 + 0.5 * chance)
    }
}
