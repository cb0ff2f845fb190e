import Synchronization
import Testing

@testable import PushHTTP

@Suite struct AttemptLimiterTests {
    private final class Clock: Sendable {
        let instant = Mutex(ContinuousClock.Instant.now)
        func advance(_ duration: Duration) { instant.withLock { $0 += duration } }
    }

    private func limiter(perSecond: Int, addressesMax: Int = 10_000) -> (AttemptLimiter, Clock) {
        let clock = Clock()
        let limiter = AttemptLimiter(perSecond: perSecond, addressesMax: addressesMax) {
            clock.instant.withLock { $0 }
        }
        return (limiter, clock)
    }

    @Test func `tokens are used up and come back at their pace`() {
        let (limiter, clock) = limiter(perSecond: 5)
        for _ in 0..<5 { #expect(limiter.take(.v4(1)) == nil) }
        #expect(limiter.take(.v4(1)) == 1)
        clock.advance(.milliseconds(210))
        #expect(limiter.take(.v4(1)) == nil)
        #expect(limiter.take(.v4(1)) == 1)
        clock.advance(.seconds(60))
        for _ in 0..<5 { #expect(limiter.take(.v4(1)) == nil) }
        #expect(limiter.take(.v4(1)) == 1)
    }

    @Test func `addresses do not share tokens`() {
        let (limiter, _) = limiter(perSecond: 1)
        #expect(limiter.take(.v4(1)) == nil)
        #expect(limiter.take(.v4(1)) != nil)
        #expect(limiter.take(.v6(network: 1)) == nil)
    }

    @Test func `zero is no limit`() {
        let (limiter, _) = limiter(perSecond: 0)
        for _ in 0..<1000 { #expect(limiter.take(.unknown) == nil) }
    }

    @Test func `the table stays bounded`() {
        let (limiter, clock) = limiter(perSecond: 5, addressesMax: 100)
        for address in 0..<1000 { _ = limiter.take(.v4(UInt32(address))) }
        #expect(limiter.addressCount <= 100)
        clock.advance(.seconds(10))
        _ = limiter.take(.v4(5000))
        #expect(limiter.addressCount <= 100)
    }
}
