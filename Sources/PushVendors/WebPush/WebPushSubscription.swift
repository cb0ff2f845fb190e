import Crypto
import PushCore
import PushCredentials

/// A browser's `PushSubscription` (W3C Push API, `toJSON`), which is a device's token: where to send, and for whom to
/// encrypt. Other members (`expirationTime`) are left alone.
struct WebPushSubscription: Sendable {
    let endpoint: EndpointURL
    /// `p256dh`: the receiver's point.
    let publicKey: P256.KeyAgreement.PublicKey
    /// `auth`: 16 bytes.
    let authSecret: [UInt8]

    /// Why a token is none.
    struct Fault: Error, Equatable {
        let reason: String
    }

    init(_ text: String) throws(Fault) {
        guard let object = (try? RawJSON(parsing: Array(text.utf8)))?.object, object.repeatedKey == nil,
            let keys = object["keys"]?.object, keys.repeatedKey == nil
        else { throw Fault(reason: "The token is no PushSubscription") }
        guard let written = object["endpoint"]?.string, let endpoint = try? EndpointURL(written) else {
            throw Fault(reason: "The subscription's endpoint is no https URL")
        }
        // 0x04: the uncompressed form, the only one of the Push API. That the point is on the curve is checked too.
        guard let point = keys["p256dh"]?.string.flatMap(Self.bytes), point.count == 65, point.first == 0x04,
            let publicKey = try? P256.KeyAgreement.PublicKey(x963Representation: point)
        else { throw Fault(reason: "The subscription's p256dh is no point of P-256") }
        guard let secret = keys["auth"]?.string.flatMap(Self.bytes), secret.count == 16 else {
            throw Fault(reason: "The subscription's auth is not 16 bytes")
        }
        self.endpoint = endpoint
        self.publicKey = publicKey
        authSecret = secret
    }

    /// Browsers write base64url without padding; some libraries in between add it.
    private static func bytes(_ text: String) -> [UInt8]? {
        let body = text.hasSuffix("=") && text.utf8.count % 4 == 0 ? String(text.trimmingSuffix { $0 == "=" }) : text
        return Base64URL.decode(body)
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isDropped: (Character) -> Bool) -> Substring {
        var rest = self[...]
        while let last = rest.last, isDropped(last) { rest.removeLast() }
        return rest
    }
}
