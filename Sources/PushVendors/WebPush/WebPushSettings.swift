import Crypto
import Foundation
import PushCore
import PushCredentials

/// A tenant's application server for Web Push (RFC 8292): who it is, and the key its subscriptions are bound to.
struct WebPushSettings: VendorSettings {
    static let vendor = Vendor.webpush

    /// `mailto:` or `https:`: whom a push service may write to.
    let subject: String
    let key: P256.Signing.PrivateKey
    let common: CommonSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        subject = reader.string("subject")
        if !subject.isEmpty, !Self.isContact(subject) {
            reader.fault("subject", "must be a mailto: address or an https: URL")
        }
        var key: P256.Signing.PrivateKey? = P256.Signing.PrivateKey()
        if let text = reader.optionalString("privateKey") {
            key = Base64URL.decode(text).flatMap { try? P256.Signing.PrivateKey(rawRepresentation: $0) }
            if key == nil { reader.fault("privateKey", "must be the 32 bytes of a P-256 private key in base64url") }
        }
        common = CommonSettings(&reader, policy: policy)
        try reader.finish()
        guard let key else { throw .invalid("/privateKey", "is not usable") }
        self.key = key
    }

    /// The point that browsers subscribe with (`applicationServerKey`): 65 bytes in base64url.
    var publicKey: String { Base64URL.encode(key.publicKey.x963Representation) }

    var stored: RawJSON {
        .object { writer in
            writer.member("subject", subject)
            writer.member("privateKey", Base64URL.encode(key.rawRepresentation))
            common.write(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writer.member("subject", subject)
            writer.member("publicKey", publicKey)
            common.write(into: &writer)
        }
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        WebPushSender(settings: self, surroundings: surroundings)
    }

    /// A browser's subscription is bound to the key it was made with: the key stays until another one is named.
    static func completing(_ settings: RawJSON, from stored: RawJSON) -> RawJSON {
        guard settings.object?["privateKey"] == nil, let key = stored.object?["privateKey"] else { return settings }
        return settings.setting(key, at: ["privateKey"])
    }

    /// Apple refuses a token whose subject is anything else.
    private static func isContact(_ text: String) -> Bool {
        if text.hasPrefix("https:") { return (try? EndpointURL(text)) != nil }
        guard text.hasPrefix("mailto:"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        let parts = text.dropFirst("mailto:".count).split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
    }
}
