import Foundation

/// The three parts of a compact JWT (RFC 7519), taken apart but not yet trusted.
struct JSONWebToken {
    let header: JSONValue
    let claims: JSONValue
    /// What the signature is over: the first two parts with the dot between them.
    let signedText: Data
    let signature: Data

    /// nil when the text is not a compact JWS whose first two parts are JSON objects.
    init?(_ compact: some StringProtocol) {
        let parts = compact.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3,
            let headerBytes = Self.base64URL(parts[0]), let claimBytes = Self.base64URL(parts[1]),
            let signature = Self.base64URL(parts[2]),
            let header = try? JSONParser.parse(String(decoding: headerBytes, as: UTF8.self)), header.object != nil,
            let claims = try? JSONParser.parse(String(decoding: claimBytes, as: UTF8.self)), claims.object != nil
        else { return nil }
        self.header = header
        self.claims = claims
        self.signature = signature
        self.signedText = Data("\(parts[0]).\(parts[1])".utf8)
    }

    /// Unpadded base64url only (RFC 7515 section 2): padding or the other alphabet is refused.
    static func base64URL(_ text: some StringProtocol) -> Data? {
        guard text.utf8.allSatisfy({ isBase64URL($0) }) else { return nil }
        var plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        plain += String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        return Data(base64Encoded: plain)
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
