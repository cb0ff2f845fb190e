import PushCore

/// One message for up to 1000 tokens (`reference/vendor-push.md` 5).
struct HONORRequest: Sendable, Equatable {
    static let tokensMax = 1000
    /// 15 days, in seconds.
    static let timeToLiveMax = 1_296_000

    let body: [UInt8]

    /// - Parameter push: with the tenant's defaults in it.
    init(_ push: VendorPush, tokens: [String], settings: HONORSettings) {
        body = PayloadFit.fit(push, tokens: tokens, bytesMax: settings.payloadMax) {
            Self.build($0, tokens: tokens, settings: settings)
        }
    }

    private static let protected = [["token"], ["android", "biTag"], ["android", "data"]]
    private static let protectedWhenSilent = [["notification"], ["android", "notification"]]

    private static func build(_ push: VendorPush, tokens: [String], settings: HONORSettings) -> [UInt8] {
        let built = RawJSON.object { message in
            message.member("data", MessageData.text(of: push))
            if !push.isSilent {
                message.object("notification") { notification in
                    notification.member("title", push.title)
                    notification.member("body", push.body)
                    notification.member("image", ifPresent: push.secureImage)
                }
            }
            message.object("android") { android in
                android.member("ttl", "\(min(max(push.timeToLiveSeconds, 0), timeToLiveMax))s")
                android.member("biTag", push.messageID)
                if !push.isSilent {
                    android.object("notification") { writeNotification(of: push, settings: settings, into: &$0) }
                }
            }
            message.array("token") { list in for token in tokens { list.string(token) } }
        }
        guard push.override != nil else { return Array(built.bytes) }
        let changed = built.applying(
            override: push.override, protecting: protected + (push.isSilent ? protectedWhenSilent : []))
        return Array(MessageData.restoringMessageID(push.messageID, in: changed, before: built, at: ["data"]).bytes)
    }

    private static func writeNotification(
        of push: VendorPush, settings: HONORSettings, into notification: inout JSONWriter
    ) {
        notification.object("clickAction") { writeClick(push.action, into: &$0) }
        // What HONOR calls low is information and marketing; it does not ring.
        let isLow = push.messageClass == .marketing || push.isQuiet
        notification.member("importance", isLow ? "LOW" : "NORMAL")
        notification.member("tag", push.replaceKey)
        notification.member("notifyId", StableIdentifier.notifyID(of: push))
        // HONOR requires the class with a badge.
        guard let badge = push.badge, let badgeClass = settings.common.badgeClass else { return }
        notification.object("badge") { writer in
            writer.member("setNum", min(max(badge, 0), 99))
            writer.member("badgeClass", badgeClass)
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
