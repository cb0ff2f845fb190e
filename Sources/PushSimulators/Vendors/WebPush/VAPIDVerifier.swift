import Crypto
import Foundation
import Synchronization

/// What was wrong with the authorization of a Web Push request.
struct VAPIDRefusal: Error {
    let status: Int
    let detail: String
}

/// Voluntary application server identification (RFC 8292), with what push services ask beside it: it has to be there,
/// and `sub` has to be a contact that is no `localhost`. A token's signature is checked once and remembered.
final class VAPIDVerifier: Sendable {
    private static let mostSecondsAhead: Int64 = 86_400
    private static let mostRemembered = 10_000

    private struct Claims: Sendable {
        let audience: String?
        let expires: Int64?
        let subject: String?
        let key: Data
    }

    private let clock: @Sendable () -> Int64
    private let verified = Mutex(RecentKeys<Claims>(most: VAPIDVerifier.mostRemembered))

    init(clock: @escaping @Sendable () -> Int64) { self.clock = clock }

    /// - Parameters:
    ///   - origin: the endpoint's, which `aud` has to be.
    ///   - expectedKey: the one that the subscription was made with.
    /// - Returns: the application server's public key, 65 bytes.
    func verify(_ authorization: String?, origin: String, expectedKey: Data?) throws(VAPIDRefusal) -> Data {
        guard let authorization else { throw VAPIDRefusal(status: 401, detail: "no authorization") }
        let claims: Claims
        if let known = verified.withLock({ $0[authorization] }) {
            claims = known
        } else {
            claims = try Self.read(authorization)
            verified.withLock { $0.remember(authorization, claims) }
        }
        guard claims.audience == origin else {
            throw VAPIDRefusal(status: 401, detail: "aud is \(claims.audience ?? "absent"), not \(origin)")
        }
        let now = clock() / 1000
        guard let expires = claims.expires, expires > now, expires <= now + Self.mostSecondsAhead else {
            throw VAPIDRefusal(status: 401, detail: "exp is absent, past or more than 24 hours ahead")
        }
        guard let subject = claims.subject, Self.isContact(subject) else {
            throw VAPIDRefusal(status: 401, detail: "sub is \(claims.subject ?? "absent")")
        }
        if let expectedKey, expectedKey != claims.key {
            throw VAPIDRefusal(status: 403, detail: "the subscription was made with another key")
        }
        return claims.key
    }

    private static func isContact(_ subject: String) -> Bool {
        if subject.hasPrefix("mailto:") {
            let parts = subject.dropFirst("mailto:".count).split(separator: "@", omittingEmptySubsequences: false)
            return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && parts[1] != "localhost"
        }
        guard subject.hasPrefix("https:"), let host = URL(string: subject)?.host() else { return false }
        return !host.isEmpty && host != "localhost"
    }

    private static func read(_ authorization: String) throws(VAPIDRefusal) -> Claims {
        guard authorization.prefix(6).lowercased() == "vapid " else {
            throw VAPIDRefusal(status: 401, detail: "the scheme is not vapid")
        }
        var parameters: [String: String] = [:]
        for part in authorization.dropFirst(6).split(separator: ",") {
            let pair = part.trimmingCharacters(in: .whitespaces).split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2, parameters.updateValue(pair[1], forKey: pair[0]) == nil else {
                throw VAPIDRefusal(status: 401, detail: "the parameters cannot be read")
            }
        }
        guard let text = parameters["t"], let token = JSONWebToken(text), token.header["alg"]?.string == "ES256",
            token.header["typ"].map({ $0 == "JWT" }) ?? true
        else { throw VAPIDRefusal(status: 401, detail: "t is no ES256 JWT") }
        guard let keyText = parameters["k"], let keyBytes = JSONWebToken.base64URL(keyText), keyBytes.count == 65,
            let key = try? P256.Signing.PublicKey(x963Representation: keyBytes)
        else { throw VAPIDRefusal(status: 401, detail: "k is no public key of P-256") }
        guard token.signature.count == 64,
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: token.signature),
            key.isValidSignature(signature, for: token.signedText)
        else { throw VAPIDRefusal(status: 401, detail: "the signature is not k's") }
        return Claims(
            audience: token.claims["aud"]?.string, expires: token.claims["exp"]?.integer,
            subject: token.claims["sub"]?.string, key: keyBytes)
    }
}
