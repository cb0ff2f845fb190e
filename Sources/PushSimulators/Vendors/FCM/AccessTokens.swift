import Crypto
import CryptoExtras
import Foundation
import Synchronization

/// Google's token endpoint for service accounts: takes an RS256 assertion, gives an access token ("Using OAuth 2.0 for
/// Server to Server Applications"; RFC 7523).
final class AccessTokens: Sendable {
    private static let scopes = [
        "https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform",
    ]
    private static let mostTokens = 10_000
    private let clientEmail: String
    private let keyId: String
    private let publicKey: _RSA.Signing.PublicKey
    private let tokenURIs: Set<String>
    private let lifetimeSeconds: Int64
    private let clock: @Sendable () -> Int64
    /// Expiry in milliseconds by token.
    private let issued = Mutex<[String: Int64]>([:])

    init(
        clientEmail: String, keyId: String, publicKey: _RSA.Signing.PublicKey, tokenURIs: Set<String>,
        lifetimeSeconds: Int64, clock: @escaping @Sendable () -> Int64
    ) {
        self.clientEmail = clientEmail
        self.keyId = keyId
        self.publicKey = publicKey
        self.tokenURIs = tokenURIs
        self.lifetimeSeconds = lifetimeSeconds
        self.clock = clock
    }

    func isValid(_ token: some StringProtocol) -> Bool {
        let now = clock()
        return issued.withLock { ($0[String(token)] ?? 0) > now }
    }

    /// Makes every access token given so far invalid.
    func revokeAll() { issued.withLock { $0 = [:] } }

    func exchange(_ request: SimulatorRequest) -> SimulatorResponse {
        guard request.method == "POST" else { return error(405, "invalid_request", "Use POST.") }
        guard request.contentType == "application/x-www-form-urlencoded" else {
            return error(400, "invalid_request", "The body must be a form.")
        }
        let form = Self.form(String(buffer: request.body))
        guard form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer" else {
            return error(400, "unsupported_grant_type", "Invalid grant_type: \(form["grant_type"] ?? "")")
        }
        guard let assertion = form["assertion"] else {
            return error(400, "invalid_request", "Missing parameter: assertion")
        }
        guard let token = JSONWebToken(assertion), token.header["alg"]?.string == "RS256" else {
            return error(400, "invalid_grant", "Invalid JWT: Failed to parse the assertion.")
        }
        guard token.claims["iss"]?.string == clientEmail else {
            return error(400, "invalid_grant", "Invalid grant: account not found")
        }
        guard (token.header["kid"]?.string ?? keyId) == keyId,
            publicKey.isValidSignature(
                _RSA.Signing.RSASignature(rawRepresentation: token.signature),
                for: SHA256.hash(data: token.signedText), padding: .insecurePKCS1v1_5)
        else { return error(400, "invalid_grant", "Invalid JWT Signature.") }
        guard let audience = token.claims["aud"]?.string, tokenURIs.contains(audience) else {
            return error(
                400, "invalid_grant", "Invalid JWT: Failed audience check. The right audience is the token URI")
        }
        guard isTimely(token.claims) else {
            return error(
                400, "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                    + "Check your iat and exp values in the JWT claim.")
        }
        let scopes = token.claims["scope"]?.string?.split(separator: " ").map(String.init) ?? []
        guard !scopes.isEmpty else { return error(400, "invalid_scope", "Empty or missing scope not allowed.") }
        guard scopes.allSatisfy(Self.scopes.contains) else {
            return error(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        }
        return issue()
    }

    private func isTimely(_ claims: JSONValue) -> Bool {
        guard let issuedAt = claims["iat"]?.integer, let expires = claims["exp"]?.integer else { return false }
        let now = clock() / 1000
        return issuedAt <= now + 60 && expires > now && expires > issuedAt && expires - issuedAt <= 3600
    }

    private func issue() -> SimulatorResponse {
        let random = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }.base64EncodedString()
        let token = "ya29.c." + random.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let now = clock()
        issued.withLock { issued in
            if issued.count >= Self.mostTokens { issued = issued.filter { $0.value > now } }
            issued[token] = now + lifetimeSeconds * 1000
        }
        return .json(
            200, #"{"access_token":"\#(token)","expires_in":\#(lifetimeSeconds),"token_type":"Bearer"}"#)
    }

    private func error(_ status: Int, _ code: String, _ description: String) -> SimulatorResponse {
        .json(
            status, JSONValue.object(["error": .string(code), "error_description": .string(description)]).text,
            refusal: "\(code): \(description)")
    }

    static func form(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { $0.replacing("+", with: " ").removingPercentEncoding ?? "" }
            if let name = decoded.first { fields[name] = decoded.count > 1 ? decoded[1] : "" }
        }
        return fields
    }
}
