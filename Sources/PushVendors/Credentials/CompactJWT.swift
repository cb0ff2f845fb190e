import Crypto
import CryptoExtras
import Foundation
import PushCore

/// Signed JSON Web Tokens in compact form (RFC 7515, 7519), as much of them as push services ask for.
enum CompactJWT {
    /// ES256: P-256 with SHA-256, the signature as r‖s (RFC 7518, section 3.4).
    static func es256(
        header: (inout JSONWriter) -> Void, claims: (inout JSONWriter) -> Void, key: P256.Signing.PrivateKey
    ) throws -> String {
        let signed = signingInput(header: header, claims: claims)
        return signed + "." + base64URL(try key.signature(for: Data(signed.utf8)).rawRepresentation)
    }

    /// RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    static func rs256(
        header: (inout JSONWriter) -> Void, claims: (inout JSONWriter) -> Void, key: _RSA.Signing.PrivateKey
    ) throws -> String {
        let signed = signingInput(header: header, claims: claims)
        let signature = try key.signature(for: Data(signed.utf8), padding: .insecurePKCS1v1_5)
        return signed + "." + base64URL(signature.rawRepresentation)
    }

    private static func signingInput(header: (inout JSONWriter) -> Void, claims: (inout JSONWriter) -> Void) -> String {
        base64URL(Data(JSONWriter.object(header))) + "." + base64URL(Data(JSONWriter.object(claims)))
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }
}
