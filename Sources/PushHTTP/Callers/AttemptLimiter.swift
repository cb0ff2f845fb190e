import Synchronization

/// A token bucket per address, for a bounded number of addresses.
final class AttemptLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: ContinuousClock.Instant
    }

    private let perSecond: Double
    private let addressesMax: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    private let buckets = Mutex<[RemoteAddress: Bucket]>([:])

    /// - Parameters:
    ///   - perSecond: tokens that come back in a second, and the most there are; 0 = unlimited.
    ///   - addressesMax: beyond it those are forgotten that have all their tokens, and if there are none, all.
    init(
        perSecond: Int, addressesMax: Int = 10_000,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.perSecond = Double(perSecond)
        self.addressesMax = addressesMax
        self.now = now
    }

    /// Takes one token. Returns nil when there was one, else the whole seconds until there is.
    func take(_ address: RemoteAddress) -> Int? {
        guard perSecond > 0 else { return nil }
        let now = now()
        return buckets.withLock { buckets in
            if buckets.count >= addressesMax, buckets[address] == nil { makeRoom(in: &buckets, now: now) }
            var bucket = buckets[address] ?? Bucket(tokens: perSecond, at: now)
            bucket.tokens = filled(bucket, now: now)
            bucket.at = now
            defer { buckets[address] = bucket }
            guard bucket.tokens >= 1 else { return max(1, Int(((1 - bucket.tokens) / perSecond).rounded(.up))) }
            bucket.tokens -= 1
            return nil
        }
    }

    private func filled(_ bucket: Bucket, now: ContinuousClock.Instant) -> Double {
        min(perSecond, bucket.tokens + (now - bucket.at) / .seconds(1) * perSecond)
    }

    private func makeRoom(in buckets: inout [RemoteAddress: Bucket], now: ContinuousClock.Instant) {
        buckets = buckets.filter { filled($0.value, now: now) < perSecond }
        if buckets.count >= addressesMax { buckets.removeAll(keepingCapacity: true) }
    }

    var addressCount: Int { buckets.withLock { $0.count } }
}
