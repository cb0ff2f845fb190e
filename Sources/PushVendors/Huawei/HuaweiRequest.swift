import PushCore

/// One message for up to 1000 tokens (developer.huawei.com: "Sending Messages", versions 1 and 2).
struct HuaweiRequest: Sendable, Equatable {
    static let tokensMax = 1000
    /// Longest body without the tokens, in bytes.
    static let payloadMax = 4096
    /// 15 days, in seconds.
    static let timeToLiveMax = 1_296_000

    let body: [UInt8]

    /// - Parameters:
    ///   - push: with the tenant's defaults in it.
    ///   - isDryRun: Huawei checks the request and delivers nothing.
    init(_ push: VendorPush, tokens: [String], settings: HuaweiSettings, isDryRun: Bool = false) {
        body = PayloadFit.fit(push, tokens: tokens, bytesMax: Self.payloadMax) {
            Self.build($0, tokens: tokens, settings: settings, isDryRun: isDryRun)
        }
    }

    private static let dataPath = ["message", "data"]
    private static let protected = [
        ["message", "token"], ["message", "topic"], ["message", "condition"], ["message", "android", "bi_tag"],
        ["message", "android", "data"], ["validate_only"], ["validateOnly"],
    ]
    private static let protectedWhenSilent = [["message", "notification"], ["message", "android", "notification"]]

    private static func build(
        _ push: VendorPush, tokens: [String], settings: HuaweiSettings, isDryRun: Bool
    ) -> [UInt8] {
        let built = RawJSON.object { writer in
            if isDryRun { writer.member("validate_only", true) }
            writer.object("message") { message in
                message.member("data", MessageData.text(of: push))
                if !push.isSilent {
                    message.object("notification") { notification in
                        notification.member("title", push.title)
                        notification.member("body", push.body)
                        notification.member("image", ifPresent: push.secureImage)
                    }
                }
                message.object("android") { writeAndroid(of: push, settings: settings, into: &$0) }
                message.array("token") { list in for token in tokens { list.string(token) } }
            }
        }
        guard push.override != nil else { return Array(built.bytes) }
        let changed = built.applying(
            override: push.override, protecting: protected + (push.isSilent ? protectedWhenSilent : []))
        return Array(
            MessageData.restoringMessageID(push.messageID, in: changed, before: built, at: dataPath).bytes)
    }

    private static func writeAndroid(of push: VendorPush, settings: HuaweiSettings, into android: inout JSONWriter) {
        if push.isSilent {
            android.member("urgency", push.isHighPriority && settings.mayBeUrgent ? "HIGH" : "NORMAL")
        }
        android.member("category", ifPresent: push.category)
        android.member("ttl", "\(min(max(push.timeToLiveSeconds, 0), timeToLiveMax))s")
        android.member("bi_tag", push.messageID)
        if push.isSilent { return }
        android.object("notification") { notification in
            notification.object("click_action") { writeClick(push.action, into: &$0) }
            notification.member("channel_id", ifPresent: push.channel)
            notification.member("tag", push.replaceKey)
            notification.member("notify_id", StableIdentifier.notifyID(of: push))
            // What Huawei calls low shows in the shade and does not ring.
            let isLow = push.messageClass == .marketing || push.isQuiet
            notification.member("importance", isLow ? "LOW" : "NORMAL")
            if let sound = push.namedSound {
                notification.member("sound", sound)
                notification.member("default_sound", false)
            } else if !push.isQuiet {
                notification.member("default_sound", true)
            }
            guard let badge = push.badge else { return }
            notification.object("badge") { writer in
                writer.member("set_num", min(max(badge, 0), 99))
                writer.member("class", ifPresent: settings.common.badgeClass)
            }
        }
    }

    private static func writeClick(_ action: VendorPush.ClickAction?, into click: inout JSONWriter) {
        switch action?.kind {
        case .url?:
            click.member("type", 2)
            click.member("url", action?.value ?? "")
        case .page?, .intent?:
            click.member("type", 1)
            click.member(action?.isURI == true ? "intent" : "action", action?.value ?? "")
        case .app?, nil: click.member("type", 3)
        }
    }
}
