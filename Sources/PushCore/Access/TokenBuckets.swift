import Synchronization

/// How fast a bucket fills, and how much it holds.
public struct TokenRate: Sendable, Equatable {
    /// Tokens that come back in a second; 0 = unlimited.
    public let perSecond: Int64
    /// Tokens of a full bucket, at least 1.
    public let burst: Int64

    public init(perSecond: Int64, burst: Int64) {
        self.perSecond = perSecond
        self.burst = max(1, burst)
    }
}

/// What a caller is told of its bucket.
public struct TokenBalance: Sendable, Equatable {
    public let rate: TokenRate
    /// Whether the tokens that were asked for were there.
    public let isGranted: Bool
    /// Whole tokens left; 0 while the bucket is in debt.
    public let remaining: Int64
    /// Whole seconds until the bucket is full.
    public let secondsToFull: Int64
    /// Whole seconds until there is a token, at least 1; of use where none was granted.
    public let retryAfterSeconds: Int
}

/// A token bucket per key, for a bounded number of keys.
///
/// A bucket that is full says nothing that a new one would not say, so full ones are forgotten first. Where that frees
/// too little all are forgotten: for a moment too much is let through, which is better than work that grows with the
/// number of callers.
public final class TokenBuckets<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: ContinuousClock.Instant
        var rate: TokenRate

        func filled(_ now: ContinuousClock.Instant) -> Double {
            min(Double(rate.burst), tokens + (now - at) / .seconds(1) * Double(rate.perSecond))
        }
    }

    private let bucketsMax: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    private let buckets = Mutex<[Key: Bucket]>([:])

    public init(bucketsMax: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.bucketsMax = max(1, bucketsMax)
        self.now = now
    }

    /// Takes a token if there is one.
    ///
    /// - Parameter rate: as it is now; a bucket keeps at most the new burst.
    public func take(_ key: Key, at rate: TokenRate) -> TokenBalance {
        guard rate.perSecond > 0 else {
            return TokenBalance(
                rate: rate, isGranted: true, remaining: rate.burst, secondsToFull: 0, retryAfterSeconds: 1)
        }
        let now = now()
        return buckets.withLock { buckets in
            var bucket = buckets[key]
            if bucket == nil, buckets.count >= bucketsMax { Self.makeRoom(in: &buckets, max: bucketsMax, now: now) }
            bucket?.rate = rate
            var tokens = bucket?.filled(now) ?? Double(rate.burst)
            let isGranted = tokens >= 1
            if isGranted { tokens -= 1 }
            buckets[key] = Bucket(tokens: tokens, at: now, rate: rate)
            let perSecond = Double(rate.perSecond)
            return TokenBalance(
                rate: rate, isGranted: isGranted, remaining: Int64(max(0, tokens)),
                secondsToFull: Int64(((Double(rate.burst) - tokens) / perSecond).rounded(.up)),
                retryAfterSeconds: max(1, Int(((1 - tokens) / perSecond).rounded(.up))))
        }
    }

    private static func makeRoom(in buckets: inout [Key: Bucket], max: Int, now: ContinuousClock.Instant) {
        buckets = buckets.filter { $0.value.filled(now) < Double($0.value.rate.burst) }
        // Freeing a few at a time would mean a walk over all for every new key.
        if buckets.count > max / 4 * 3 || buckets.count >= max { buckets.removeAll(keepingCapacity: true) }
    }

    var count: Int { buckets.withLock { $0.count } }
}
