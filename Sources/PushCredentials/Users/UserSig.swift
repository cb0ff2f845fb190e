import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tencent UserSig, version 2: a JSON document with an HMAC-SHA256, as a zlib stream, in base64 with other signs.
///
/// Source: the official `tls-sig-api-v2` libraries; error codes from Tencent's table (document 1047-34348).
public enum UserSig {
    /// Why a UserSig is not accepted; the raw value is Tencent's `ErrorCode`.
    public enum Fault: Int, Error, Sendable, Equatable, CaseIterable {
        case expired = 70001
        case empty = 70002
        /// Cannot be decoded, was cut, or lacks a field.
        case malformed = 70003
        /// Another key, or changed content.
        case badSignature = 70009
        case wrongIdentifier = 70013
        case wrongApp = 70014
    }

    /// What a UserSig says. Not to be believed before ``verify(_:sdkAppID:identifier:key:now:)``.
    public struct Document: Sendable, Equatable {
        public let identifier: String
        public let sdkAppID: Int64
        /// Time of issue, seconds since 1970.
        public let issuedAt: Int64
        /// The last second at which it is good.
        public let lastSecond: Int64
        fileprivate let fields: Fields
    }

    /// Longer than any real one (they are under 1 KiB).
    private static let textBytesMax = 16 * 1024
    private static let inflatedBytesMax = 16 * 1024

    /// Reads without checking the signature.
    public static func decode(_ userSig: String) throws(Fault) -> Document {
        guard !userSig.isEmpty else { throw .empty }
        guard userSig.utf8.count <= textBytesMax, let stream = Base64.userSig.decode(Array(userSig.utf8)),
            let text = Zlib.inflate(stream, limit: inflatedBytesMax),
            let fields = try? JSONDecoder().decode(Fields.self, from: Data(text)), fields.version == "2.0",
            // A line end in a field would let one field speak for the next in the signed text.
            !(fields.identifier + (fields.userBuffer ?? "")).utf8.contains(where: { $0 < 0x20 }),
            case (let lastSecond, let overflow) = fields.time.addingReportingOverflow(fields.expire), !overflow
        else { throw .malformed }
        return Document(
            identifier: fields.identifier, sdkAppID: fields.sdkAppID, issuedAt: fields.time, lastSecond: lastSecond,
            fields: fields)
    }

    /// Checks a UserSig for the app and the identifier that the caller claims to be.
    ///
    /// - Parameters:
    ///   - key: the app's key; its characters are the HMAC key as they stand.
    ///   - now: seconds since 1970. A time of issue in the future is not refused, as in Tencent's own verifier.
    @discardableResult
    public static func verify(
        _ userSig: String, sdkAppID: Int64, identifier: String, key: String, now: Int64
    ) throws(Fault) -> Document {
        let document = try decode(userSig)
        guard document.sdkAppID == sdkAppID else { throw .wrongApp }
        // Bytes, not characters: Unicode's equivalent spellings are different users.
        guard document.identifier.utf8.elementsEqual(identifier.utf8) else { throw .wrongIdentifier }
        try check(document, key: key, now: now)
        return document
    }

    /// Checks signature and time for whoever the document names.
    static func check(_ document: Document, key: String, now: Int64) throws(Fault) {
        let expected = signature(of: document.fields, key: key)
        guard !key.isEmpty, ConstantTime.equal(expected.utf8, document.fields.signature.utf8) else {
            throw .badSignature
        }
        guard now <= document.lastSecond else { throw .expired }
    }

    /// Makes a UserSig, as a tenant's own server does.
    ///
    /// - Parameters:
    ///   - issuedAt: seconds since 1970.
    ///   - lifetime: seconds.
    public static func make(
        identifier: String, sdkAppID: Int64, key: String, issuedAt: Int64, lifetime: Int64
    ) throws -> String {
        var fields = Fields(
            version: "2.0", identifier: identifier, sdkAppID: sdkAppID, expire: lifetime, time: issuedAt,
            signature: "", userBuffer: nil)
        fields.signature = signature(of: fields, key: key)
        guard let stream = Zlib.deflate(Array(try JSONEncoder().encode(fields))) else { throw Fault.malformed }
        return Base64.userSig.encode(stream)
    }

    private static func signature(of fields: Fields, key: String) -> String {
        var text = "TLS.identifier:\(fields.identifier)\n"
        text += "TLS.sdkappid:\(fields.sdkAppID)\n"
        text += "TLS.time:\(fields.time)\n"
        text += "TLS.expire:\(fields.expire)\n"
        if let userBuffer = fields.userBuffer {
            text += "TLS.userbuf:\(userBuffer)\n"
        }
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(text.utf8), using: SymmetricKey(data: Array(key.utf8)))
        return Base64.standard.encode(Array(code))
    }

    fileprivate struct Fields: Codable, Sendable, Equatable {
        let version: String
        let identifier: String
        let sdkAppID: Int64
        /// Seconds of life.
        let expire: Int64
        let time: Int64
        var signature: String
        let userBuffer: String?

        enum CodingKeys: String, CodingKey {
            case version = "TLS.ver"
            case identifier = "TLS.identifier"
            case sdkAppID = "TLS.sdkappid"
            case expire = "TLS.expire"
            case time = "TLS.time"
            case signature = "TLS.sig"
            case userBuffer = "TLS.userbuf"
        }
    }
}
