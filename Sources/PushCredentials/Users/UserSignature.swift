import Crypto

/// The signature by which a tenant's own server vouches for a user at registration: a JWT (HS256) or a Tencent UserSig,
/// both made with the app's `signingKey`, whose characters are the HMAC key as they stand.
///
/// Two steps: ``Unverified`` says whose key to fetch, and checks with it.
public enum UserSignature {
    /// The app that a signature names, not yet checked.
    public enum ClaimedApp: Sendable, Equatable {
        /// `iss` of a JWT.
        case appID(String)
        /// `TLS.sdkappid` of a UserSig.
        case sdkAppID(Int64)
    }

    /// A user whose signature was good.
    public struct VerifiedUser: Sendable, Equatable {
        public let userID: String
        /// Seconds since 1970; a JWT may leave it out.
        public let issuedAt: Int64?
    }

    /// A JWT whose `exp` is further ahead than these seconds (7 days) is refused.
    public static let lifetimeMax: Int64 = 7 * 24 * 3600

    /// A signature that was taken apart, and of which nothing has been checked.
    public struct Unverified: Sendable {
        private enum Form {
            case jwt(CompactJWS, Claims)
            case userSig(UserSig.Document)
        }

        private let form: Form

        /// Throws `malformed` for what is neither a JWT nor a UserSig.
        public init(parsing signature: String) throws(CredentialFault) {
            if isJWT(signature) {
                let token = try CompactJWS(parsing: signature)
                form = .jwt(token, try token.claims(as: Claims.self))
            } else {
                form = .userSig(try decodeUserSig(signature))
            }
        }

        /// The app that it names.
        public var claimedApp: ClaimedApp {
            switch form {
            case .jwt(_, let claims): .appID(claims.issuer)
            case .userSig(let document): .sdkAppID(document.sdkAppID)
            }
        }

        /// The user of a good signature.
        ///
        /// - Parameters:
        ///   - key: the `signingKey` of the app that ``claimedApp`` named.
        ///   - now: seconds since 1970.
        public func verify(key: String, now: Int64) throws(CredentialFault) -> VerifiedUser {
            guard !key.isEmpty else { throw .unknownKey }
            switch form {
            case .jwt(let token, let claims):
                try HS256.check(token, key: SymmetricKey(data: Array(key.utf8)))
                return try UserSignature.user(of: claims, now: now)
            case .userSig(let document): return try UserSignature.user(of: document, key: key, now: now)
            }
        }
    }

    /// The app that the signature names. Nothing of it has been checked.
    public static func claimedApp(of signature: String) throws(CredentialFault) -> ClaimedApp {
        try Unverified(parsing: signature).claimedApp
    }

    /// The user of a good signature.
    ///
    /// - Parameters:
    ///   - key: the `signingKey` of the app that ``claimedApp(of:)`` named.
    ///   - now: seconds since 1970.
    public static func verify(
        _ signature: String, key: String, now: Int64
    ) throws(CredentialFault) -> VerifiedUser {
        try Unverified(parsing: signature).verify(key: key, now: now)
    }

    /// The user of claims whose signature was good.
    private static func user(of claims: Claims, now: Int64) throws(CredentialFault) -> VerifiedUser {
        guard now < claims.expiresAt.seconds else { throw .expired }
        guard claims.expiresAt.seconds <= now.addingSaturating(lifetimeMax) else { throw .lifetimeTooLong }
        guard claims.notBefore.map({ $0.seconds <= now }) ?? true else { throw .notYetValid }
        return VerifiedUser(userID: claims.userID, issuedAt: claims.issuedAt?.seconds)
    }

    /// Makes the JWT form, as a tenant's own server does. Times are seconds since 1970.
    public static func makeJWT(
        appID: String, userID: String, key: String, issuedAt: Int64, expiresAt: Int64
    ) throws -> String {
        let claims = Claims(
            issuer: appID, userID: userID, issuedAt: NumericDate(seconds: issuedAt), notBefore: nil,
            expiresAt: NumericDate(seconds: expiresAt))
        return try HS256.sign(claims, type: "JWT", key: SymmetricKey(data: Array(key.utf8)))
    }

    /// Makes the UserSig form, as a tenant's own server does. `issuedAt` is seconds since 1970, `lifetime` seconds.
    public static func makeUserSig(
        sdkAppID: Int64, userID: String, key: String, issuedAt: Int64, lifetime: Int64
    ) throws -> String {
        try UserSig.make(
            identifier: userID, sdkAppID: sdkAppID, key: key, issuedAt: issuedAt, lifetime: lifetime)
    }

    /// The alphabet of a UserSig has no dot, a JWT has two.
    private static func isJWT(_ signature: String) -> Bool {
        signature.utf8.contains(UInt8(ascii: "."))
    }

    private static func user(
        of document: UserSig.Document, key: String, now: Int64
    ) throws(CredentialFault) -> VerifiedUser {
        do throws(UserSig.Fault) {
            try UserSig.check(document, key: key, now: now)
        } catch {
            throw error == .expired ? .expired : .badSignature
        }
        return VerifiedUser(userID: document.identifier, issuedAt: document.issuedAt)
    }

    private static func decodeUserSig(_ signature: String) throws(CredentialFault) -> UserSig.Document {
        do throws(UserSig.Fault) {
            return try UserSig.decode(signature)
        } catch {
            throw .malformed
        }
    }

    private struct Claims: Codable {
        let issuer: String
        let userID: String
        let issuedAt: NumericDate?
        let notBefore: NumericDate?
        let expiresAt: NumericDate

        enum CodingKeys: String, CodingKey {
            case issuer = "iss"
            case userID = "sub"
            case issuedAt = "iat"
            case notBefore = "nbf"
            case expiresAt = "exp"
        }
    }
}

extension Int64 {
    /// The sum, or the nearest value there is.
    fileprivate func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
