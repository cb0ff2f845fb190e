import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The header members that are looked at. Everything that names a key or where to find one (`jwk`, `jku`, `x5u`, `x5c`)
/// is ignored: keys come from the configuration, never from the token.
struct JOSEHeader: Codable {
    let algorithm: String
    let keyID: String?
    let type: String?
    /// RFC 7515 section 4.1.11: who does not understand a critical extension must refuse, and none is known here.
    let critical: [String]?

    enum CodingKeys: String, CodingKey {
        case algorithm = "alg"
        case keyID = "kid"
        case type = "typ"
        case critical = "crit"
    }

    init(algorithm: String, keyID: String?, type: String) {
        self.algorithm = algorithm
        self.keyID = keyID
        self.type = type
        self.critical = nil
    }
}

/// A signed token in the compact form of RFC 7515: three base64url parts with dots between them.
struct CompactJWS {
    /// The contents are signed by strangers, and parsed before the signature is checked.
    static let bytesMax = 8192

    let header: JOSEHeader
    let payload: Data
    let signature: Data
    /// What was signed: the first two parts as they stand.
    let signedText: Data

    init(parsing token: String) throws(CredentialFault) {
        guard token.utf8.count <= Self.bytesMax else { throw .malformed }
        let bytes = Array(token.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let headerBytes = Base64.url.decode(parts[0]),
            let payload = Base64.url.decode(parts[1]), let signature = Base64.url.decode(parts[2])
        else { throw .malformed }
        guard let header = try? JSONDecoder().decode(JOSEHeader.self, from: Data(headerBytes)),
            header.critical == nil
        else { throw .malformed }
        self.header = header
        self.payload = Data(payload)
        self.signature = Data(signature)
        self.signedText = Data(bytes[..<parts[1].endIndex])
    }

    func claims<Claims: Decodable>(as type: Claims.Type) throws(CredentialFault) -> Claims {
        do {
            return try JSONDecoder().decode(type, from: payload)
        } catch {
            throw .malformed
        }
    }

    /// The token, its signature made by `sign` over the first two parts.
    static func make(
        header: JOSEHeader, claims: some Encodable, sign: (Data) throws -> some Sequence<UInt8>
    ) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try make(
            headerPart: Base64.url.encode(encoder.encode(header)), claims: Array(encoder.encode(claims)), sign: sign)
    }

    /// The same of a first part as it stands in the token and of claims as JSON.
    static func make(
        headerPart: String, claims: [UInt8], sign: (Data) throws -> some Sequence<UInt8>
    ) rethrows -> String {
        let text = headerPart + "." + Base64.url.encode(claims)
        return text + "." + Base64.url.encode(Array(try sign(Data(text.utf8))))
    }
}

/// HS256 (RFC 7518 section 3.2).
enum HS256 {
    static let name = "HS256"

    static func sign(_ claims: some Encodable, type: String, key: SymmetricKey) throws -> String {
        try CompactJWS.make(header: JOSEHeader(algorithm: name, keyID: nil, type: type), claims: claims) { text in
            HMAC<SHA256>.authenticationCode(for: text, using: key)
        }
    }

    static func check(_ token: CompactJWS, key: SymmetricKey) throws(CredentialFault) {
        guard token.header.algorithm == name else { throw .wrongAlgorithm }
        guard HMAC<SHA256>.isValidAuthenticationCode(token.signature, authenticating: token.signedText, using: key)
        else { throw .badSignature }
    }
}

/// A time claim (RFC 7519 section 2, NumericDate): seconds since 1970, where a fraction is allowed and cut off.
struct NumericDate: Codable, Equatable {
    let seconds: Int64

    /// The year 9999. Further values are a fault of the maker, and arithmetic with them would overflow.
    private static let latest: Int64 = 253_402_300_799

    init(seconds: Int64) {
        self.seconds = seconds
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let value: Int64
        if let whole = try? container.decode(Int64.self) {
            value = whole
        } else {
            let fraction = try container.decode(Double.self)
            guard let whole = Int64(exactly: fraction.rounded(.down)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time")
            }
            value = whole
        }
        guard (-Self.latest...Self.latest).contains(value) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time")
        }
        seconds = value
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(seconds)
    }
}
