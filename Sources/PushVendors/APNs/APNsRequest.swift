import NIOHTTP1
import PushCore

/// One push in Apple's words (Apple: "Sending notification requests to APNs", "Generating a remote notification").
struct APNsRequest: Sendable, Equatable {
    enum PushType: String, Sendable { case alert, background, voip }

    /// Longest payload, in bytes.
    static let payloadMax = 4096
    static let voipPayloadMax = 5120
    /// Longest time Apple keeps a push, in seconds.
    static let storedMax = 30 * 86_400
    static let collapseIDMax = 64
    /// Seconds that a call may be stored: nobody answers one that was made longer ago.
    static let callStoredMax = 60

    let path: String
    let headers: HTTPHeaders
    let body: [UInt8]

    init(_ push: VendorPush, topic: String, now: Milliseconds) {
        let type = Self.pushType(of: push)
        path = "/3/device/" + Self.pathSegment(push.token.token)
        headers = Self.headers(of: push, type: type, topic: topic, now: now)
        let bytesMax = type == .voip ? Self.voipPayloadMax : Self.payloadMax
        body = PayloadFit.fit(push, bytesMax: bytesMax) { Self.payload(of: $0, type: type) }
    }

    private static func pushType(of push: VendorPush) -> PushType {
        if push.token.kind == .voip { return .voip }
        return push.isSilent ? .background : .alert
    }

    private static func headers(of push: VendorPush, type: PushType, topic: String, now: Milliseconds) -> HTTPHeaders {
        let expiration = expiration(of: push, storedMax: type == .voip ? callStoredMax : storedMax, now: now)
        let isImmediate = type == .voip || (type == .alert && push.isHighPriority)
        return [
            "content-type": "application/json",
            "apns-topic": type == .voip ? topic + ".voip" : topic,
            "apns-push-type": type.rawValue,
            "apns-priority": isImmediate ? "10" : "5",
            "apns-expiration": "\(expiration)",
            "apns-collapse-id": StableIdentifier.headerValue(push.replaceKey, bytesMax: collapseIDMax),
            "apns-id": StableIdentifier.uuid(of: push),
        ]
    }

    /// Seconds since 1970; 0 has Apple try once and store nothing.
    static func expiration(of push: VendorPush, storedMax: Int = storedMax, now: Milliseconds) -> Int64 {
        push.timeToLiveSeconds > 0 ? now / 1000 + Int64(min(push.timeToLiveSeconds, storedMax)) : 0
    }

    private static func payload(of push: VendorPush, type: PushType) -> [UInt8] {
        let built = RawJSON.object { writer in
            writer.object("aps") { aps in
                if type == .background {
                    aps.member("content-available", 1)
                } else {
                    writeAlert(of: push, into: &aps)
                }
            }
            writer.member("messageId", push.messageID)
            if type != .background {
                writer.member("image", ifPresent: push.image)
                if let action = push.action {
                    writer.object("action") { writer in
                        writer.member("type", action.kind.rawValue)
                        writer.member("value", action.value)
                    }
                }
            }
            for member in push.data?.object?.members ?? [] where !taken(by: push, type: type).contains(member.key) {
                writer.member(member.key, member.value)
            }
        }
        let shown = type == .background ? ["alert", "sound", "badge"].map { ["aps", $0] } : []
        return Array(built.applying(override: push.override, protecting: [["messageId"]] + shown).bytes)
    }

    /// The keys that the gateway writes itself.
    private static func taken(by push: VendorPush, type: PushType) -> Set<String> {
        var keys: Set<String> = ["aps", "messageId"]
        if type == .background { return keys }
        if push.image != nil { keys.insert("image") }
        if push.action != nil { keys.insert("action") }
        return keys
    }

    private static func writeAlert(of push: VendorPush, into aps: inout JSONWriter) {
        aps.object("alert") { alert in
            alert.member("title", push.title)
            alert.member("subtitle", ifPresent: push.subtitle)
            alert.member("body", push.body)
        }
        writeManner(of: push, into: &aps)
    }

    /// How an alert is shown.
    static func writeManner(of push: VendorPush, into aps: inout JSONWriter) {
        aps.member("badge", ifPresent: push.badge)
        // An empty sound asks for silence; none at all for the device's own.
        let sound = push.sound ?? "default"
        if !sound.isEmpty { aps.member("sound", sound) }
        aps.member("category", ifPresent: push.category)
        aps.member("thread-id", ifPresent: push.conversation)
        aps.member("interruption-level", ifPresent: interruptionLevel(of: push))
        if push.image != nil { aps.member("mutable-content", 1) }
    }

    private static let interruptionLevels: Set<String> = ["passive", "active", "time-sensitive", "critical"]

    /// Apple's channels. What neither rings nor hurries only joins the list, without lighting the screen.
    private static func interruptionLevel(of push: VendorPush) -> String? {
        if let channel = push.channel, interruptionLevels.contains(channel) { return channel }
        return push.sound == "" && !push.isHighPriority ? "passive" : nil
    }

    /// Tokens are opaque: what is no letter or digit is percent-encoded, so that none can name another path.
    private static func pathSegment(_ token: String) -> String {
        token.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
