import Crypto

/// Checks device credentials with public keys alone.
public struct DeviceCredentialVerifier: Sendable {
    /// The key set holds no key that could verify a credential.
    public struct NoKeys: Error, Sendable {}

    private let keys: [String: P256.Signing.PublicKey]
    private let issuer: String

    /// - Parameter jwks: a JSON Web Key Set (RFC 7517). Its P-256 keys with a `kid` are used.
    /// - Throws: when it is no key set, or ``NoKeys``.
    public init(jwks: [UInt8], issuer: String = DeviceCredential.defaultIssuer) throws {
        keys = try JSONWebKeySet.parse(jwks)
        guard !keys.isEmpty else { throw NoKeys() }
        self.issuer = issuer
    }

    /// The claims of a good credential.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - audience: the door the token was shown at.
    public func verify(
        _ token: String, now: Int64, audience: String
    ) throws(CredentialFault) -> DeviceCredential {
        let token = try CompactJWS(parsing: token)
        // Before anything else is looked at: the algorithm is ours to choose, never the token's.
        guard token.header.algorithm == ES256.name else { throw .wrongAlgorithm }
        guard let keyID = token.header.keyID, let key = keys[keyID] else { throw .unknownKey }
        guard token.signature.count == ES256.signatureBytes,
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: token.signature),
            key.isValidSignature(signature, for: token.signedText)
        else { throw .badSignature }
        let credential = try token.claims(as: DeviceCredential.self)
        guard credential.issuer == issuer else { throw .wrongIssuer }
        guard credential.audience.contains(audience) else { throw .wrongAudience }
        guard now < credential.expiresAt else { throw .expired }
        return credential
    }
}
