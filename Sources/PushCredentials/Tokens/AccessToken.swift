import Crypto

/// What a gateway's own access token says: that of an app (from `POST /oauth/token`) or the short-lived one that the
/// command line makes for the operator.
public struct AccessToken: Codable, Sendable, Equatable {
    public enum Kind: String, Codable, Sendable {
        case app
        case `operator`
    }

    public let kind: Kind
    public let issuer: String
    /// The app's id, or who the operator is.
    public let subject: String
    /// The app's tenant; nil for the operator.
    public let tenant: String?
    /// Scopes with spaces between them (RFC 6749 section 3.3).
    public let scope: String
    /// Which of the app's secrets it was issued for: a rotation counts it up, and older tokens are then revoked.
    public let generation: Int
    /// The id of the gateway's instance: a token of one installation is good for no other.
    public let audience: String
    /// Seconds since 1970.
    public let issuedAt: Int64
    /// Seconds since 1970; the token is good before this second.
    public let expiresAt: Int64

    enum CodingKeys: String, CodingKey {
        case kind
        case issuer = "iss"
        case subject = "sub"
        case tenant = "ten"
        case scope
        case generation = "gen"
        case audience = "aud"
        case issuedAt = "iat"
        case expiresAt = "exp"
    }

    public init(
        kind: Kind, subject: String, tenant: String?, scope: String, generation: Int, audience: String,
        issuedAt: Int64, expiresAt: Int64, issuer: String = DeviceCredential.defaultIssuer
    ) {
        self.kind = kind
        self.issuer = issuer
        self.subject = subject
        self.tenant = tenant
        self.scope = scope
        self.generation = generation
        self.audience = audience
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}

/// Signs and checks access tokens (JWT, HS256) with the gateway's own key.
public struct AccessTokenKey: Sendable {
    public static let byteCount = 32

    /// The type of RFC 9068, so that no other HS256 token can pass for an access token.
    private static let tokenType = "at+jwt"

    private let key: SymmetricKey

    /// Nil unless there are ``byteCount`` bytes. They must be random.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        key = SymmetricKey(data: bytes)
    }

    public func sign(_ token: AccessToken) throws -> String {
        try HS256.sign(token, type: Self.tokenType, key: key)
    }

    /// The claims of a good token. Whether its generation is still the app's is the caller's to ask.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - audience: the id of this instance.
    public func verify(
        _ token: String, now: Int64, audience: String, issuer: String = DeviceCredential.defaultIssuer
    ) throws(CredentialFault) -> AccessToken {
        let token = try CompactJWS(parsing: token)
        try HS256.check(token, key: key)
        guard token.header.type == Self.tokenType else { throw .malformed }
        let claims = try token.claims(as: AccessToken.self)
        guard claims.issuer == issuer else { throw .wrongIssuer }
        guard claims.audience == audience else { throw .wrongAudience }
        guard now < claims.expiresAt else { throw .expired }
        return claims
    }
}
