import Crypto
import PushCore
import PushCredentials
import Synchronization

/// What a sender remembers of each push service: its VAPID token (RFC 8292), when it last accepted a push, and how long
/// it asked to be left alone. Bounded; the service that was not used for longest is forgotten.
final class WebPushOrigins: Sendable {
    /// Services a sender remembers.
    static let originsMax = 256
    /// Seconds a VAPID token is valid; RFC 8292 allows a day.
    static let tokenLifeSeconds: Int64 = 12 * 3600
    /// For how long an accepted push proves that the key is good.
    static let proofMilliseconds: Milliseconds = 10 * 60_000
    /// Longest time for which one subscription's 429 keeps a whole service waiting.
    static let pauseMax = Duration.seconds(600)
    /// So many subscriptions that known services refuse, while none takes a push, say that the key is bad.
    static let refusalsMax = 3
    /// After so many rounds of faults a service that nobody vouches for is left alone for a while as a whole.
    static let faultsMax = 3

    private struct Origin {
        var authorization: (text: String, issuedAt: Milliseconds)?
        var acceptedAt: Milliseconds?
        var pausedUntil: Milliseconds?
        var faults = 0
        var failedAt: Milliseconds?
        var usedAt: UInt64 = 0
    }

    private struct State {
        var origins: [String: Origin] = [:]
        var uses: UInt64 = 0
        /// When a known service last took a push.
        var provedAt: Milliseconds?
        /// Subscriptions that known services refused since then, and when.
        var refused: [String: Milliseconds] = [:]
    }

    private let subject: String
    private let key: P256.Signing.PrivateKey
    private let clock: WallClock
    private let state = Mutex(State())

    init(subject: String, key: P256.Signing.PrivateKey, clock: WallClock) {
        self.subject = subject
        self.key = key
        self.clock = clock
    }

    /// The value of `Authorization` for this origin: one for many pushes, renewed at half its life.
    /// - Parameter refused: a value that the service did not accept; it is not used again.
    func authorization(for origin: String, refused: String? = nil) throws -> String {
        let now = clock.now
        return try change(origin) { known in
            if let current = known.authorization, current.text != refused, current.issuedAt <= now,
                now - current.issuedAt < Self.tokenLifeSeconds * 500
            {
                return current.text
            }
            let text = try makeAuthorization(for: origin, now: now)
            known.authorization = (text, now)
            return text
        }
    }

    /// - Parameter isKnown: a browser maker's service. What any other host takes proves nothing of the key: it may
    ///   take everything.
    func accepted(by origin: String, isKnown: Bool) {
        let now = clock.now
        change(origin) { $0.acceptedAt = now }
        guard isKnown else { return }
        state.withLock { state in
            state.provedAt = now
            state.refused = [:]
        }
    }

    /// Notes that a known service refused this subscription. Whether that makes the key bad: several subscriptions
    /// were refused, and none was taken.
    func isKeyRefused(for subscription: String) -> Bool {
        let now = clock.now
        return state.withLock { state in
            state.refused = state.refused.filter { abs(now - $0.value) < Self.proofMilliseconds }
            if state.refused.count < Self.refusalsMax || state.refused[subscription] != nil {
                state.refused[subscription] = now
            }
            if let provedAt = state.provedAt, now - provedAt < Self.proofMilliseconds { return false }
            return state.refused.count >= Self.refusalsMax
        }
    }

    /// Counts rounds of faults of a service in a row, where faults of requests that were under way together are one
    /// round, and says how long to wait: a second, and twice as long each time. After some rounds the service is left
    /// alone, so that a host that never answers does not keep all connections busy.
    func failed(_ origin: String) -> Duration {
        let now = clock.now
        let (rounds, wait) = change(origin) { known in
            let isSameRound = known.failedAt.map { abs(now - $0) < Self.backoff(known.faults) / 2 } ?? false
            if known.faults == 0 || !isSameRound {
                known.faults += 1
                known.failedAt = now
            }
            return (known.faults, Duration.milliseconds(Self.backoff(known.faults)))
        }
        if rounds >= Self.faultsMax { pause(origin, for: wait) }
        return wait
    }

    private static func backoff(_ rounds: Int) -> Milliseconds {
        min(1000 << Milliseconds(min(max(rounds - 1, 0), 10)), milliseconds(pauseMax))
    }

    func answered(_ origin: String) { change(origin) { $0.faults = 0 } }

    /// Whether the service has just accepted a push with the same key: a refusal then is about one subscription.
    func hasJustAccepted(_ origin: String) -> Bool {
        let now = clock.now
        return change(origin) { known in known.acceptedAt.map { now - $0 < Self.proofMilliseconds } ?? false }
    }

    func pause(_ origin: String, for time: Duration) {
        let until = clock.now + Self.milliseconds(min(time, Self.pauseMax))
        change(origin) { $0.pausedUntil = max(until, $0.pausedUntil ?? until) }
    }

    /// How long the service still wants to be left alone.
    func pauseLeft(of origin: String) -> Duration? {
        let now = clock.now
        return change(origin) { known in
            guard let until = known.pausedUntil, until > now else { return nil }
            // The clock was set back: a pause never grows.
            return min(.milliseconds(until - now), Self.pauseMax)
        }
    }

    private func makeAuthorization(for origin: String, now: Milliseconds) throws -> String {
        let token = try CompactJWT.es256(
            header: { header in
                header.member("typ", "JWT")
                header.member("alg", "ES256")
            },
            claims: { claims in
                claims.member("aud", origin)
                claims.member("exp", now / 1000 + Self.tokenLifeSeconds)
                claims.member("sub", subject)
            }, key: key)
        return "vapid t=\(token), k=\(Base64URL.encode(key.publicKey.x963Representation))"
    }

    private func change<Result>(_ name: String, _ body: (inout Origin) throws -> Result) rethrows -> Result {
        try state.withLock { state in
            if state.origins[name] == nil, state.origins.count >= Self.originsMax,
                let oldest = state.origins.min(by: { $0.value.usedAt < $1.value.usedAt })
            {
                state.origins[oldest.key] = nil
            }
            state.uses += 1
            var origin = state.origins[name] ?? Origin()
            origin.usedAt = state.uses
            defer { state.origins[name] = origin }
            return try body(&origin)
        }
    }

    private static func milliseconds(_ time: Duration) -> Milliseconds {
        time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
    }
}
