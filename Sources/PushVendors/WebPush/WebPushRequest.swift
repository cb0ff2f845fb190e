import Crypto
import Foundation
import NIOHTTP1
import PushCore
import PushCredentials

/// One push as a Web Push message (RFC 8030): headers that the push service reads, and a plaintext for the device.
struct WebPushRequest: Sendable, Equatable {
    /// What Mozilla accepts, in seconds; others shorten what is too long for them.
    static let timeToLiveMax = 2_592_000

    /// Without `Authorization`.
    let headers: HTTPHeaders
    let plaintext: [UInt8]

    init(_ push: VendorPush) {
        plaintext = PayloadFit.fit(push, bytesMax: WebPushEncryption.plaintextMax, build: Self.build)
        var headers: HTTPHeaders = [
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": "\(min(max(push.timeToLiveSeconds, 0), Self.timeToLiveMax))",
            "urgency": push.isHighPriority ? "high" : "normal",
        ]
        // A topic for each message would keep nothing apart that is not apart already.
        if let collapseID = push.collapseID { headers.add(name: "topic", value: Self.topic(collapseID)) }
        self.headers = headers
    }

    /// At most 32 characters of the base64url alphabet (RFC 8030, section 5.4).
    private static func topic(_ collapseID: String) -> String {
        String(Base64URL.encode(Array(SHA256.hash(data: Data(collapseID.utf8)))).prefix(32))
    }

    private static func build(_ push: VendorPush) -> [UInt8] {
        let built = RawJSON.object { writer in
            writer.member("messageId", push.messageID)
            writer.member("title", push.title)
            writer.member("body", push.body)
            writer.member("subtitle", ifPresent: push.subtitle)
            writer.member("image", ifPresent: push.image)
            writer.member("badge", ifPresent: push.badge)
            writer.member("tag", push.replaceKey)
            if let action = push.action {
                writer.object("action") { writer in
                    writer.member("type", action.kind.rawValue)
                    writer.member("value", action.value)
                }
            }
            writer.member("data", push.data ?? .emptyObject)
        }
        return Array(built.applying(override: push.override, protecting: [["messageId"]]).bytes)
    }
}
