import PushCore

/// Notifications for one registration id each (`reference/vendor-push.md` 7).
struct OPPORequest: Sendable, Equatable {
    static let messagesMax = 1000
    static let titleMax = 50
    static let subtitleMax = 10
    static let parametersMax = 4000
    static let activityMax = 500
    static let urlMax = 2000
    static let callbackMax = 200
    /// 10 days, in seconds.
    static let timeToLiveMax = 864_000

    let path: String
    /// The form but for the access token.
    let field: (name: String, value: String)

    /// - Parameter pushes: with the tenant's defaults in them.
    init(_ pushes: [VendorPush], settings: OPPOSettings, receiptURL: String?) {
        let messages = pushes.map { Self.message(of: $0, settings: settings, receiptURL: receiptURL) }
        if let only = messages.first, messages.count == 1 {
            path = "/server/v1/message/notification/unicast"
            field = ("message", only.text)
        } else {
            path = "/server/v1/message/notification/unicast_batch"
            var writer = JSONWriter(reserving: 1024 * messages.count)
            writer.array { list in for message in messages { list.raw(message) } }
            field = ("messages", String(decoding: writer.bytes, as: UTF8.self))
        }
    }

    func body(accessToken: String) -> [UInt8] {
        FormBody.encode([("auth_token", accessToken), field])
    }

    static func == (left: OPPORequest, right: OPPORequest) -> Bool {
        left.path == right.path && left.field == right.field
    }

    private static let protected = [
        ["target_type"], ["target_value"], ["notification", "app_message_id"],
        ["notification", "call_back_parameter"], ["notification", "call_back_url"],
    ]

    static func message(of push: VendorPush, settings: OPPOSettings, receiptURL: String?) -> RawJSON {
        let built = RawJSON.object { message in
            message.member("target_type", 2)
            message.member("target_value", push.token.token)
            message.object("notification") { notification in
                writeTexts(of: push, settings: settings, into: &notification)
                writeClick(push.action, into: &notification)
                notification.member("action_parameters", MessageData.text(of: push, bytesMax: parametersMax))
                writeLife(of: push, into: &notification)
                writeClass(of: push, settings: settings, into: &notification)
                if let receiptURL, receiptURL.utf16.count <= callbackMax {
                    notification.member("call_back_url", receiptURL)
                    notification.member("call_back_parameter", push.messageID)
                }
            }
        }
        guard push.override != nil else { return built }
        let changed = built.applying(override: push.override, protecting: protected)
        return MessageData.restoringMessageID(
            push.messageID, in: changed, before: built, at: ["notification", "action_parameters"])
    }

    private static func writeTexts(
        of push: VendorPush, settings: OPPOSettings, into notification: inout JSONWriter
    ) {
        notification.member("app_message_id", StableIdentifier.revisionText(of: push, digits: 32))
        notification.member("style", 1)
        notification.member("title", push.title.shortened(charactersMax: titleMax))
        notification.member("sub_title", ifPresent: push.subtitle?.shortened(charactersMax: subtitleMax))
        notification.member("content", push.body.shortened(charactersMax: settings.contentMax))
    }

    /// What is too long for its field opens the app, which has the value in the message.
    private static func writeClick(_ action: VendorPush.ClickAction?, into notification: inout JSONWriter) {
        guard let action, action.kind != .app else { return notification.member("click_action_type", 0) }
        let isURL = action.kind == .url || action.isURI
        guard action.value.utf16.count <= (isURL ? urlMax : activityMax) else {
            return notification.member("click_action_type", 0)
        }
        let type =
            switch action.kind {
            case .url: 2
            case .page, .intent: action.isURI ? 5 : action.kind == .page ? 4 : 1
            case .app: 0
            }
        notification.member("click_action_type", type)
        notification.member(isURL ? "click_action_url" : "click_action_activity", action.value)
    }

    private static func writeLife(of push: VendorPush, into notification: inout JSONWriter) {
        let isStored = push.timeToLiveSeconds > 0
        notification.member("off_line", isStored)
        if isStored { notification.member("off_line_ttl", min(push.timeToLiveSeconds, timeToLiveMax)) }
        notification.member("notify_id", StableIdentifier.notifyID(of: push))
    }

    /// The level of showing is only taken together with a category.
    private static func writeClass(
        of push: VendorPush, settings: OPPOSettings, into notification: inout JSONWriter
    ) {
        notification.member("channel_id", ifPresent: push.channel)
        guard let category = push.category else { return }
        notification.member("category", category)
        let level =
            if push.isQuiet || push.messageClass == .marketing { 1 } else if push.isHighPriority { 16 } else { 2 }
        notification.member("notify_level", min(level, settings.notifyLevelMax))
    }
}
