import Crypto
import Foundation
import NIOHTTP1
import PushCore

/// One push as a toast, or as a raw notification where nothing may be shown (learn.microsoft.com: "Push notification
/// service request and response headers").
struct WNSRequest: Sendable, Equatable {
    static let bodyMax = 5000

    /// Without `Authorization`.
    let headers: HTTPHeaders
    let body: [UInt8]

    init(_ push: VendorPush) {
        body = PayloadFit.fit(push, bytesMax: Self.bodyMax, build: Self.build)
        var headers: HTTPHeaders = [
            "x-wns-type": push.isSilent ? "wns/raw" : "wns/toast",
            "content-type": push.isSilent ? "application/octet-stream" : "text/xml",
            // Zero seconds are one try: the service keeps nothing for a device that is away.
            "x-wns-cache-policy": push.timeToLiveSeconds > 0 ? "cache" : "no-cache",
        ]
        if push.timeToLiveSeconds > 0 { headers.add(name: "x-wns-ttl", value: "\(push.timeToLiveSeconds)") }
        if !push.isSilent { headers.add(name: "x-wns-tag", value: Self.tag(push.replaceKey)) }
        self.headers = headers
    }

    static let tagMax = 16

    /// The key itself when it is at most 16 letters and digits, else the beginning of its SHA-256.
    static func tag(_ key: String) -> String {
        let isPlain = key.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
        }
        if isPlain, !key.isEmpty, key.utf8.count <= tagMax { return key }
        return SHA256.hash(data: Data(key.utf8)).prefix(tagMax / 2).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
    }

    private static func build(_ push: VendorPush) -> [UInt8] {
        let json = json(of: push)
        return push.isSilent ? Array(json.bytes) : Array(ToastXML(push, launch: json.text).text.utf8)
    }

    /// What reaches the app: the raw notification's body, or the toast's `launch`. The sender's `push.vendor.wns`
    /// patches this JSON; the toast around it is not JSON.
    private static func json(of push: VendorPush) -> RawJSON {
        let built = RawJSON.object { writer in
            writer.member("messageId", push.messageID)
            if !push.isSilent {
                // A badge would be a notification of its own: the app sets it.
                writer.member("badge", ifPresent: push.badge.map { max($0, 0) })
                if let action = push.action {
                    writer.object("action") { writer in
                        writer.member("type", action.kind.rawValue)
                        writer.member("value", action.value)
                    }
                }
            }
            writer.member("data", push.data ?? .emptyObject)
        }
        return built.applying(override: push.override, protecting: [["messageId"]])
    }
}
