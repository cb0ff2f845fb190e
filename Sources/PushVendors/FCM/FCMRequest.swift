import PushCore

/// One push as an FCM HTTP v1 message (firebase.google.com: REST resource `projects.messages`).
struct FCMRequest: Sendable, Equatable {
    /// Longest payload, in bytes. Google counts what reaches the device; the whole body is an upper bound of it.
    static let payloadMax = 4096
    /// 28 days, in seconds.
    static let timeToLiveMax = 2_419_200

    let body: [UInt8]

    /// - Parameter isDryRun: FCM checks the request and the token and delivers nothing.
    init(_ push: VendorPush, isDryRun: Bool = false, now: Milliseconds) {
        // The token is not part of what Google counts and may be long.
        let bytesMax = Self.payloadMax + push.token.token.utf8.count
        body = PayloadFit.fit(push, bytesMax: bytesMax) { Self.build($0, isDryRun: isDryRun, now: now) }
    }

    private static let protected = [
        ["message", "token"], ["message", "topic"], ["message", "condition"], ["message", "fid"],
        ["message", "data", "messageId"], ["validate_only"], ["validateOnly"],
        // What one platform adds wins over `message.data` there.
        ["message", "android", "data", "messageId"], ["message", "apns", "payload", "messageId"],
        ["message", "webpush", "data", "messageId"],
    ]
    /// Whatever would show something.
    private static let protectedWhenSilent =
        [
            ["message", "notification"], ["message", "android", "notification"],
            ["message", "webpush", "notification"], ["message", "apns", "headers", "apns-push-type"],
        ] + ["alert", "sound", "badge"].map { ["message", "apns", "payload", "aps", $0] }

    private static func build(_ push: VendorPush, isDryRun: Bool, now: Milliseconds) -> [UInt8] {
        let built = RawJSON.object { writer in
            if isDryRun { writer.member("validate_only", true) }
            writer.object("message") { message in
                message.member("token", push.token.token)
                if !push.isSilent {
                    message.object("notification") { notification in
                        notification.member("title", push.title)
                        notification.member("body", push.body)
                        notification.member("image", ifPresent: push.image)
                    }
                }
                message.object("android") { writeAndroid(of: push, into: &$0) }
                if push.osType == .ios { message.object("apns") { writeAPNs(of: push, now: now, into: &$0) } }
                message.object("data") { writeData(of: push, into: &$0) }
            }
        }
        return Array(
            built.applying(override: push.override, protecting: protected + (push.isSilent ? protectedWhenSilent : []))
                .bytes)
    }

    private static func writeAndroid(of push: VendorPush, into android: inout JSONWriter) {
        android.member("priority", push.isHighPriority ? "HIGH" : "NORMAL")
        android.member("ttl", "\(min(max(push.timeToLiveSeconds, 0), timeToLiveMax))s")
        // At most four keys are kept for a device, so a key for each message would throw messages away.
        android.member("collapse_key", ifPresent: push.collapseID)
        if push.isSilent { return }
        android.object("notification") { notification in
            notification.member("tag", push.replaceKey)
            notification.member("channel_id", ifPresent: push.channel)
            let sound = push.sound ?? "default"
            if !sound.isEmpty { notification.member("sound", sound) }
            notification.member("click_action", ifPresent: clickAction(of: push))
            notification.member("notification_count", ifPresent: push.badge.map { max($0, 0) })
        }
    }

    /// What Firebase hands on to Apple. Without it a data push would not reach an iPhone, and a visible one would have
    /// neither badge nor sound; Apple would store it for as long as it likes.
    private static func writeAPNs(of push: VendorPush, now: Milliseconds, into apns: inout JSONWriter) {
        apns.object("headers") { headers in
            headers.member("apns-push-type", push.isSilent ? "background" : "alert")
            headers.member("apns-expiration", "\(APNsRequest.expiration(of: push, now: now))")
            headers.member("apns-priority", push.isHighPriority && !push.isSilent ? "10" : "5")
            if !push.isSilent {
                headers.member(
                    "apns-collapse-id",
                    StableIdentifier.headerValue(push.replaceKey, bytesMax: APNsRequest.collapseIDMax))
            }
        }
        apns.object("payload") { payload in
            payload.object("aps") { aps in
                if push.isSilent {
                    aps.member("content-available", 1)
                } else {
                    APNsRequest.writeManner(of: push, into: &aps)
                }
            }
        }
        if !push.isSilent, let image = push.image {
            apns.object("fcm_options") { $0.member("image", image) }
        }
    }

    /// The name of an intent filter. URLs reach the app in `data`: FCM opens none on Android.
    private static func clickAction(of push: VendorPush) -> String? {
        guard let action = push.action, action.kind == .page || action.kind == .intent else { return nil }
        return action.value
    }

    /// `data` holds strings only: other values become their JSON text.
    private static func writeData(of push: VendorPush, into data: inout JSONWriter) {
        data.member("messageId", push.messageID)
        if !push.isSilent {
            data.member("subtitle", ifPresent: push.subtitle)
            if let action = push.action {
                data.member("actionType", action.kind.rawValue)
                data.member("action", action.value)
            }
        }
        for member in push.data?.object?.members ?? [] where !taken(by: push).contains(member.key) {
            if isReserved(member.key) { continue }
            data.member(member.key, member.value.string ?? member.value.text)
        }
    }

    /// The keys that the gateway writes itself.
    private static func taken(by push: VendorPush) -> Set<String> {
        var keys: Set<String> = ["messageId"]
        if push.isSilent { return keys }
        if push.subtitle != nil { keys.insert("subtitle") }
        if push.action != nil { keys.formUnion(["actionType", "action"]) }
        return keys
    }

    private static func isReserved(_ key: String) -> Bool {
        key == "from" || key == "message_type" || key == "collapse_key" || key.hasPrefix("google")
            || key.hasPrefix("gcm") || key.isEmpty
    }
}
