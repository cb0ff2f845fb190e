import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// ES256 (RFC 7518 section 3.4), the one algorithm of device credentials.
enum ES256 {
    static let name = "ES256"
    /// R and S, 32 bytes each.
    static let signatureBytes = 64
}

/// Signs device credentials with a P-256 private key.
public struct DeviceCredentialSigner: Sendable {
    private let key: P256.Signing.PrivateKey
    /// The first part of every credential.
    private let headerPart: String
    /// The key's id in token headers and in the key set: its RFC 7638 thumbprint.
    public let keyID: String

    /// A new random key.
    public init() {
        self.init(key: P256.Signing.PrivateKey())
    }

    /// The key as 32 bytes. Throws when they are no key.
    public init(rawRepresentation: [UInt8]) throws {
        self.init(key: try P256.Signing.PrivateKey(rawRepresentation: rawRepresentation))
    }

    /// The key as PEM (PKCS #8 or SEC 1). Throws when it is no P-256 private key.
    public init(pem: String) throws {
        self.init(key: try P256.Signing.PrivateKey(pemRepresentation: pem))
    }

    private init(key: P256.Signing.PrivateKey) {
        self.key = key
        let keyID = JSONWebKey(key.publicKey).thumbprint
        self.keyID = keyID
        var header = JSONText()
        header.object { header in
            header.member("alg", ES256.name)
            header.member("kid", keyID)
            header.member("typ", "JWT")
        }
        headerPart = Base64.url.encode(header.bytes)
    }

    /// 32 bytes, secret.
    public var rawRepresentation: [UInt8] { Array(key.rawRepresentation) }
    /// PKCS #8, secret.
    public var pem: String { key.pemRepresentation }

    /// The credential as a JWT in compact form.
    public func sign(_ credential: DeviceCredential) throws -> String {
        try CompactJWS.make(headerPart: headerPart, claims: credential.json) { text in
            try key.signature(for: text).rawRepresentation
        }
    }

    /// The public key as a JSON Web Key Set (RFC 7517).
    public var jwks: [UInt8] { Self.jwks(of: [self]) }

    /// The public keys of several signers: after a change of key both are published until the last credential of the
    /// old one has expired.
    public static func jwks(of signers: [DeviceCredentialSigner]) -> [UInt8] {
        Array(JSONWebKeySet.text(signers.map { JSONWebKey($0.key.publicKey) }).utf8)
    }
}
