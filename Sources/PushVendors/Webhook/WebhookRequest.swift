import Foundation
import NIOHTTP1
import PushCore
import PushCredentials

/// One push as a Standard Webhooks 1.0 event.
struct WebhookRequest: Sendable, Equatable {
    /// The specification asks for less than 20 kilobytes.
    static let bodyMax = 20_000

    let headers: HTTPHeaders
    let body: [UInt8]

    init(_ push: VendorPush, secret: WebhookSecret, now: Milliseconds) {
        body = PayloadFit.fit(push, bytesMax: Self.bodyMax) { Self.build($0, now: now) }
        // A receiver cannot take back what it has shown: a try after an edit is the same event as the one before it.
        headers = Self.headers(
            id: "msg_" + StableIdentifier.messageText(of: push), body: body, secret: secret, now: now)
    }

    /// An event of another type that asks for nothing: it shows whether the receiver is there.
    init(probe push: VendorPush, secret: WebhookSecret, now: Milliseconds) {
        body = JSONWriter.object { writer in
            writer.member("type", "push.check")
            writer.member("timestamp", Self.text(of: now))
            writer.object("data") { _ in }
        }
        headers = Self.headers(
            id: "check_\(now)_" + StableIdentifier.hexText(of: push), body: body, secret: secret, now: now)
    }

    private static func headers(id: String, body: [UInt8], secret: WebhookSecret, now: Milliseconds) -> HTTPHeaders {
        [
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": "\(now / 1000)",
            "webhook-signature": secret.signature(id: id, timestampSeconds: now / 1000, body: body),
        ]
    }

    private static let protected =
        [["type"], ["timestamp"]]
        + ["messageId", "token", "account", "userId", "deviceId"].map { ["data", $0] }

    private static func build(_ push: VendorPush, now: Milliseconds) -> [UInt8] {
        let built = RawJSON.object { writer in
            writer.member("type", "push.message")
            writer.member("timestamp", text(of: now))
            writer.object("data") { data in
                data.member("messageId", push.messageID)
                if push.revision > 0 { data.member("revision", push.revision) }
                data.member("token", push.token.token)
                data.member("account", push.account)
                data.member("userId", push.userID)
                data.member("deviceId", push.deviceID)
                if !push.isSilent { writeVisible(push, into: &data) }
                data.member("collapseId", push.replaceKey)
                data.member("ttl", push.timeToLiveSeconds)
                data.member("priority", push.isHighPriority && !push.isSilent ? "high" : "normal")
                if !push.isSilent, let action = push.action {
                    data.object("action") { writer in
                        writer.member("type", action.kind.rawValue)
                        writer.member("value", action.value)
                    }
                }
                data.member("data", push.data ?? .emptyObject)
                data.member("silent", push.isSilent)
            }
        }
        return Array(built.applying(override: push.override, protecting: protected).bytes)
    }

    private static func writeVisible(_ push: VendorPush, into data: inout JSONWriter) {
        data.member("title", push.title)
        data.member("subtitle", ifPresent: push.subtitle)
        data.member("body", push.body)
        data.member("image", ifPresent: push.image)
        data.member("sound", ifPresent: push.sound)
        data.member("badge", ifPresent: push.badge)
        data.member("channel", ifPresent: push.channel)
        data.member("category", ifPresent: push.category)
    }

    /// ISO 8601 in UTC with milliseconds.
    private static func text(of time: Milliseconds) -> String {
        Date(timeIntervalSince1970: Double(time) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
