import Synchronization
import Testing

@testable import PushCore

@Suite struct TokenBucketsTests {
    private final class Clock: Sendable {
        let instant = Mutex(ContinuousClock.Instant.now)
        func advance(_ duration: Duration) { instant.withLock { $0 += duration } }
    }

    private let clock = Clock()

    private func buckets(max: Int = 100) -> TokenBuckets<Int> {
        TokenBuckets(bucketsMax: max) { [clock] in clock.instant.withLock { $0 } }
    }

    private let five = TokenRate(perSecond: 5, burst: 5)

    @Test func `tokens are used up and come back at their pace`() {
        let buckets = buckets()
        for left in (0..<5).reversed() {
            let balance = buckets.take(1, at: five)
            #expect(balance.isGranted && balance.remaining == left)
        }
        let refused = buckets.take(1, at: five)
        #expect(!refused.isGranted && refused.remaining == 0)
        #expect(refused.retryAfterSeconds == 1 && refused.secondsToFull == 1)
        clock.advance(.milliseconds(210))
        #expect(buckets.take(1, at: five).isGranted)
        #expect(!buckets.take(1, at: five).isGranted)
        // However long it waits, a bucket holds its burst only.
        clock.advance(.seconds(60))
        for _ in 0..<5 { #expect(buckets.take(1, at: five).isGranted) }
        #expect(!buckets.take(1, at: five).isGranted)
    }

    @Test func `a burst is granted at once and the mean holds afterwards`() {
        let buckets = buckets()
        let rate = TokenRate(perSecond: 50, burst: 200)
        for _ in 0..<200 { #expect(buckets.take(1, at: rate).isGranted) }
        let refused = buckets.take(1, at: rate)
        #expect(!refused.isGranted && refused.secondsToFull == 4)
        var granted = 0
        for _ in 0..<1000 {
            clock.advance(.milliseconds(10))
            if buckets.take(1, at: rate).isGranted { granted += 1 }
        }
        #expect((498...500).contains(granted))
    }

    @Test func `keys do not share tokens`() {
        let buckets = buckets()
        let one = TokenRate(perSecond: 1, burst: 1)
        #expect(buckets.take(1, at: one).isGranted)
        #expect(!buckets.take(1, at: one).isGranted)
        #expect(buckets.take(2, at: one).isGranted)
    }

    @Test func `zero is no limit and keeps nothing`() {
        let buckets = buckets()
        for _ in 0..<1000 { #expect(buckets.take(1, at: TokenRate(perSecond: 0, burst: 0)).isGranted) }
        #expect(buckets.count == 0)
    }

    @Test func `a smaller rate counts at once`() {
        let buckets = buckets()
        #expect(buckets.take(1, at: TokenRate(perSecond: 100, burst: 100)).remaining == 99)
        let smaller = buckets.take(1, at: TokenRate(perSecond: 2, burst: 3))
        #expect(smaller.isGranted && smaller.remaining == 2)
    }

    @Test func `the table stays bounded and forgets full buckets first`() {
        let buckets = buckets()
        for key in 0..<1000 { _ = buckets.take(key, at: five) }
        #expect(buckets.count <= 100)
        clock.advance(.seconds(10))
        for key in 0..<20 { for _ in 0..<5 { _ = buckets.take(key, at: five) } }
        for key in 2000..<2080 { _ = buckets.take(key, at: five) }
        clock.advance(.milliseconds(250))
        // Those with one token missing are full again by now, those that are empty are not.
        for key in 3000..<3050 { _ = buckets.take(key, at: five) }
        #expect(buckets.count <= 100)
        for key in 0..<20 {
            #expect(buckets.take(key, at: five).isGranted)
            #expect(!buckets.take(key, at: five).isGranted, "forgotten: \(key)")
        }
    }
}
