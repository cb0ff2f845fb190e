import NIOCore
import PushCore
import Synchronization
import Testing

@testable import PushVendors

@Suite struct AccessTokenCacheTests {
    /// A login that says what the test wants, and counts.
    private final class Login: Sendable {
        let calls = Counter()
        let isDown = Mutex(false)
        let clock: HandClock

        init(_ clock: HandClock) { self.clock = clock }

        var cache: AccessTokenCache {
            AccessTokenCache(clock: clock.wall) {
                let number = self.calls.next()
                if self.isDown.withLock({ $0 }) { return .failure(Self.failure) }
                return .success(
                    AccessToken(text: "t\(number)", issuedAt: self.clock.wall.now, lifetimeSeconds: 3600))
            }
        }

        static let failure = LoginFailure(answer: .auth(VendorReply(code: "invalid_grant")))
    }

    private func text(_ result: Result<AccessToken, LoginFailure>) -> String? { try? result.get().text }

    @Test func `a renewal that fails early leaves the old token, and is tried again after a minute`() async throws {
        let clock = HandClock()
        let login = Login(clock)
        let cache = login.cache
        #expect(text(await cache.current()) == "t1")
        login.isDown.withLock { $0 = true }
        clock.advance(minutes: 55)
        for _ in 0..<5 { #expect(text(await cache.current()) == "t1") }
        #expect(login.calls.value == 2)
        clock.advance(minutes: 1)
        for _ in 0..<5 { #expect(text(await cache.current()) == "t1") }
        #expect(login.calls.value == 3)
        login.isDown.withLock { $0 = false }
        clock.advance(minutes: 1)
        #expect(text(await cache.current()) == "t4")
    }

    @Test func `a token that has ended, or was refused, is not used`() async throws {
        let clock = HandClock()
        let login = Login(clock)
        let cache = login.cache
        let first = try await cache.current().get()
        login.isDown.withLock { $0 = true }
        clock.advance(minutes: 56)
        #expect(text(await cache.current()) == "t1")
        await cache.invalidate(first)
        #expect(await cache.current() == .failure(Login.failure))
        let other = Login(clock)
        let ended = other.cache
        _ = await ended.current()
        other.isDown.withLock { $0 = true }
        clock.advance(minutes: 60)
        #expect(await ended.current() == .failure(Login.failure))
    }

    @Test func `nobody waits for a login longer than until the deadline`() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let cache = AccessTokenCache(clock: HandClock().wall) {
            for await _ in gate { break }
            return .success(AccessToken(text: "late", issuedAt: exampleNow, lifetimeSeconds: 3600))
        }
        let slow = LoginFailure(answer: .retry(VendorReply(code: "login_slow")))
        #expect(await cache.current(until: .now() + .milliseconds(50)) == .failure(slow))
        #expect(await cache.current(until: .now() - .milliseconds(1)) == .failure(slow))
        open.yield()
        #expect(text(await cache.current(until: .now() + .seconds(5))) == "late")
    }

    @Test func `a token may be renewed long before it ends`() {
        let token = AccessToken(text: "t", issuedAt: 0, lifetimeSeconds: 86_400, renewedAfterSeconds: 3300)
        #expect(token.renewAt == 3_300_000 && token.expiresAt == 86_400_000)
        let short = AccessToken(text: "t", issuedAt: 0, lifetimeSeconds: 600, renewedAfterSeconds: 3300)
        #expect(short.renewAt == 300_000 && short.expiresAt == 600_000)
    }
}
