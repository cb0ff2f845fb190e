import Crypto
import PushCore
import Synchronization

/// The JWT that proves the team (Apple: "Establishing a token-based connection to APNs"). Apple refuses tokens older
/// than an hour and a provider that makes them more often than every 20 minutes.
final class APNsProviderToken: Sendable {
    private struct State {
        var text: String?
        var issuedAt: Milliseconds = 0
        var forcedAt: Milliseconds?
        /// The token before this one.
        var previous: (text: String, issuedAt: Milliseconds)?
        /// Apple has had too many: no token is signed before.
        var quietUntil: Milliseconds?

        /// A clock that was set back ends it as well.
        func isQuiet(now: Milliseconds) -> Bool {
            quietUntil.map { (0..<APNsProviderToken.forcedApart).contains($0 - now - 1) } ?? false
        }
    }

    static let renewAfter: Milliseconds = 50 * 60 * 1000
    static let forcedApart: Milliseconds = 20 * 60 * 1000
    static let validFor: Milliseconds = 60 * 60 * 1000

    private let keyID: String
    private let teamID: String
    private let key: P256.Signing.PrivateKey
    private let clock: WallClock
    private let state = Mutex(State())

    init(keyID: String, teamID: String, key: P256.Signing.PrivateKey, clock: WallClock) {
        self.keyID = keyID
        self.teamID = teamID
        self.key = key
        self.clock = clock
    }

    /// The token, signed anew when it is 50 minutes old. Signing takes less than a network round trip, so those who
    /// come meanwhile wait for the lock and get the same token.
    func current() throws -> String {
        let now = clock.now
        return try state.withLock { state in
            // A clock that was set back would make the token look young for ever.
            let isYoung = (0..<Self.renewAfter).contains(now - state.issuedAt)
            if let text = state.text, isYoung || state.isQuiet(now: now) { return text }
            return try renew(&state, now: now)
        }
    }

    /// Another token than the one Apple refused. `isNew` for the one caller it was made for.
    struct Replacement: Sendable, Equatable {
        let text: String
        let isNew: Bool
    }

    /// Apple called this token expired. The token to try once more, or nil when there may be no new one yet: the last
    /// such call is less than 20 minutes ago, so the cause is not age but a clock.
    func replacement(for expired: String) throws -> Replacement? {
        let now = clock.now
        return try state.withLock { state in
            if let text = state.text, text != expired { return Replacement(text: text, isNew: false) }
            if let forcedAt = state.forcedAt, (0..<Self.forcedApart).contains(now - forcedAt) { return nil }
            if state.isQuiet(now: now) { return nil }
            state.forcedAt = now
            return Replacement(text: try renew(&state, now: now), isNew: true)
        }
    }

    /// Apple called this token one too many. For 20 minutes none is signed; until then the one before it is used, where
    /// it is still valid. Returns that token, or nil when there is nothing better than the refused one.
    func predecessor(of refused: String) -> String? {
        let now = clock.now
        return state.withLock { state in
            // Others were told the same, and it is done.
            if let text = state.text, text != refused { return text }
            guard !state.isQuiet(now: now) else { return nil }
            state.quietUntil = now + Self.forcedApart
            guard let previous = state.previous, (0..<Self.validFor).contains(now - previous.issuedAt) else {
                return nil
            }
            (state.text, state.issuedAt) = previous
            state.previous = nil
            return previous.text
        }
    }

    private func renew(_ state: inout State, now: Milliseconds) throws -> String {
        let text = try CompactJWT.es256(
            header: { header in
                header.member("alg", "ES256")
                header.member("kid", keyID)
            },
            claims: { claims in
                claims.member("iss", teamID)
                claims.member("iat", now / 1000)
            }, key: key)
        state.previous = state.text.map { ($0, state.issuedAt) }
        state.text = text
        state.issuedAt = now
        return text
    }
}
