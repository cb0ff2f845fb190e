import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A P-256 public key as RFC 7517 and RFC 7518 section 6.2 write it.
struct JSONWebKey {
    let x: String
    let y: String

    init(_ key: P256.Signing.PublicKey) {
        let point = key.rawRepresentation
        x = Base64.url.encode(point.prefix(32))
        y = Base64.url.encode(point.suffix(32))
    }

    /// RFC 7638: SHA-256 over the required members in alphabetical order.
    var thumbprint: String {
        let members = #"{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"#
        return Base64.url.encode(Array(SHA256.hash(data: Array(members.utf8))))
    }

    /// Written by hand, as every part is of the base64url alphabet, and so that it cannot fail.
    var text: String {
        #"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"\#(thumbprint)","x":"\#(x)","y":"\#(y)"}"#
    }
}

/// A set of public keys.
enum JSONWebKeySet {
    static func text(_ keys: [JSONWebKey]) -> String {
        #"{"keys":["# + keys.map(\.text).joined(separator: ",") + "]}"
    }

    /// The P-256 keys of a set by their ids. Keys of other kinds are passed over (RFC 7517 section 5). Throws when the
    /// text is no key set.
    static func parse(_ text: [UInt8]) throws -> [String: P256.Signing.PublicKey] {
        let set = try JSONDecoder().decode(Document.self, from: Data(text))
        var keys: [String: P256.Signing.PublicKey] = [:]
        for member in set.keys {
            guard member.kty == "EC", member.crv == "P-256", member.use ?? "sig" == "sig",
                member.alg ?? ES256.name == ES256.name, let kid = member.kid,
                let x = member.x.flatMap({ Base64URL.decode($0) }), x.count == 32,
                let y = member.y.flatMap({ Base64URL.decode($0) }), y.count == 32,
                let key = try? P256.Signing.PublicKey(rawRepresentation: x + y)
            else { continue }
            keys[kid] = key
        }
        return keys
    }

    private struct Document: Decodable {
        let keys: [Member]
    }

    private struct Member: Decodable {
        let kty: String
        let crv: String?
        let alg: String?
        let use: String?
        let kid: String?
        let x: String?
        let y: String?
    }
}
