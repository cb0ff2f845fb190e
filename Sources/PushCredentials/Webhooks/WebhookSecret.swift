import Crypto
import Foundation

/// A symmetric Standard Webhooks secret: 24 to 64 random bytes, written `whsec_` and base64.
public struct WebhookSecret: Sendable {
    private let key: SymmetricKey
    /// `whsec_…`.
    public let text: String

    static let prefix = "whsec_"

    /// Nil when the text is no such secret.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), let bytes = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            (24...64).contains(bytes.count)
        else { return nil }
        self.text = text
        key = SymmetricKey(data: bytes)
    }

    /// A new one of 32 bytes.
    public init() {
        key = SymmetricKey(size: .bits256)
        text = Self.prefix + key.withUnsafeBytes { Data($0).base64EncodedString() }
    }

    /// The value of `webhook-signature` for one attempt.
    public func signature(id: String, timestampSeconds: Int64, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Data("\(id).\(timestampSeconds).".utf8))
        code.update(data: body)
        return "v1," + Data(code.finalize()).base64EncodedString()
    }
}
