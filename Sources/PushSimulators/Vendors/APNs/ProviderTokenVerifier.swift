import Crypto
import Foundation
import Synchronization

/// A team that may push: who signs, and for which apps.
public struct APNsTeam: Sendable {
    /// 10 characters.
    public let teamId: String
    /// 10 characters.
    public let keyId: String
    /// Bundle ids, without the suffixes of special push types.
    public let topics: Set<String>
    /// The P-256 public key, SubjectPublicKeyInfo as PEM.
    public let publicKeyPEM: String

    public init(teamId: String, keyId: String, topics: Set<String>, publicKeyPEM: String) {
        self.teamId = teamId
        self.keyId = keyId
        self.topics = topics
        self.publicKeyPEM = publicKeyPEM
    }
}

/// A provider token whose signature was checked. Its age has to be looked at for each request.
struct ProviderToken: Sendable {
    let teamId: String
    let keyId: String
    /// Epoch seconds.
    let issuedAt: Int64
    let topics: Set<String>
}

/// Checks provider tokens (ES256 JWTs) against the registered teams. Each text is verified once and remembered.
final class ProviderTokenVerifier: Sendable {
    private struct Team {
        let key: P256.Signing.PublicKey
        let team: APNsTeam
    }

    /// The newest token of a key, and when it was first seen.
    private struct Newest {
        let issuedAt: Int64
        let seenAt: Int64
    }

    private struct State {
        var teams: [String: Team] = [:]
        var verified: [String: ProviderToken] = [:]
        var newest: [String: Newest] = [:]
    }

    private static let mostRemembered = 10_000
    private static let mostSecondsOld: Int64 = 3600
    private let updateSeconds: Int64
    private let state = Mutex(State())

    /// - Parameter updateSeconds: how long a key has to stay with a token before it may come with a new one.
    init(updateSeconds: Int64) { self.updateSeconds = updateSeconds }

    /// - Throws: when the key is not a P-256 public key.
    func register(_ team: APNsTeam) throws {
        let key = try P256.Signing.PublicKey(pemRepresentation: team.publicKeyPEM)
        state.withLock { $0.teams["\(team.teamId).\(team.keyId)"] = Team(key: key, team: team) }
    }

    /// Verifies a token that this connection has not seen yet.
    ///
    /// - Parameter now: epoch seconds.
    func verify(_ text: String, now: Int64) throws(APNsReason) -> ProviderToken {
        let known = state.withLock { $0.verified[text] }
        let token: ProviderToken
        if let known { token = known } else { token = try verifySignature(text) }
        try checkAge(token, now: now)
        let isTooSoon = state.withLock { state in
            let key = "\(token.teamId).\(token.keyId)"
            if known == nil, let newest = state.newest[key], newest.issuedAt != token.issuedAt,
                now - newest.seenAt < updateSeconds
            {
                return true
            }
            if state.newest[key].map({ $0.issuedAt < token.issuedAt }) ?? true {
                state.newest[key] = Newest(issuedAt: token.issuedAt, seenAt: now)
            }
            if state.verified.count >= Self.mostRemembered { state.verified = [:] }
            state.verified[text] = token
            return false
        }
        if isTooSoon { throw .tooManyProviderTokenUpdates }
        return token
    }

    /// At most one hour old, and not from the future.
    func checkAge(_ token: ProviderToken, now: Int64) throws(APNsReason) {
        if token.issuedAt > now + 1 { throw .invalidProviderToken }
        if now - token.issuedAt > Self.mostSecondsOld {
            allowUpdate()
            throw .expiredProviderToken
        }
    }

    /// Whoever was told that a token has expired may come with a new one at once.
    func allowUpdate() { state.withLock { $0.newest = [:] } }

    private func verifySignature(_ text: String) throws(APNsReason) -> ProviderToken {
        guard let token = JSONWebToken(text), token.header["alg"]?.string == "ES256",
            let keyId = token.header["kid"]?.string, let teamId = token.claims["iss"]?.string,
            let issuedAt = token.claims["iat"]?.integer,
            let team = state.withLock({ $0.teams["\(teamId).\(keyId)"] }),
            token.signature.count == 64,
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: token.signature),
            team.key.isValidSignature(signature, for: token.signedText)
        else { throw .invalidProviderToken }
        return ProviderToken(teamId: teamId, keyId: keyId, issuedAt: issuedAt, topics: team.team.topics)
    }
}
