/// Builds what a person sees from the message, the sender's `push` options and the built-in template.
enum PushContent {
    /// Seconds a push may live, counted from `serverTime`: the shorter of the message's and the push's own time, as
    /// far as they are given.
    static func lifeSeconds(of message: ArchivedMessage, limits: Limits) -> Int64 {
        message.pushLifeSeconds ?? limits.pushLifeDefaultSeconds
    }

    /// When the last try may begin; nil where `push.ttl` is 0, which asks for exactly one try.
    static func expiresAt(_ message: ArchivedMessage, limits: Limits) -> Milliseconds? {
        let life = lifeSeconds(of: message, limits: limits)
        return life == 0 ? nil : message.serverTime + life * 1000
    }

    static func push(_ subject: PushSubject, token: PushToken, limits: Limits, now: Milliseconds) -> VendorPush {
        let message = subject.message
        let options = message.push.raw.object
        let action = options?["action"]?.object
        let left = expiresAt(message, limits: limits).map { max(1, ($0 - now) / 1000) } ?? 0
        let isSilent = message.isBackground
        return VendorPush(
            messageID: message.id,
            revision: message.revision,
            tenantNo: subject.tenant.tenantNo,
            account: subject.device.account.id,
            userID: subject.device.userID,
            deviceID: subject.device.deviceID,
            token: token,
            title: options?["title"]?.string ?? subject.senderName ?? subject.tenant.name,
            subtitle: options?["subtitle"]?.string,
            body: options?["body"]?.string ?? body(of: message, language: subject.device.language),
            image: options?["image"]?.string,
            sound: options?["sound"]?.string,
            badge: options?["badge"]?.integer.map(Int.init(clamping:)) ?? subject.unreadTotal,
            isSilent: isSilent,
            collapseID: options?["collapseId"]?.string,
            timeToLiveSeconds: Int(clamping: left),
            isHighPriority: options?["priority"]?.string.map { $0 == "high" } ?? !isSilent,
            messageClass: message.messageClass,
            channel: options?["channel"]?.string,
            category: options?["category"]?.string,
            action: action?["type"]?.string.flatMap(VendorPush.ClickAction.Kind.init).map {
                VendorPush.ClickAction(kind: $0, value: action?["value"]?.string ?? "")
            },
            data: options?["data"],
            override: options?["vendor"]?.object?[token.vendor.rawValue])
    }

    /// What takes the place of a notification that is shown, without ringing again. A revoked message leaves none of
    /// its sender's texts.
    static func replacement(
        _ subject: PushSubject, token: PushToken, expiresAt: Milliseconds, limits: Limits, now: Milliseconds
    ) -> VendorPush {
        let message = subject.message
        let isRevoked = message.state == .revoked
        var push = push(subject, token: token, limits: limits, now: now)
        let life = min(expiresAt - now, limits.pushLifeDefaultSeconds * 1000)
        push.timeToLiveSeconds = Int(clamping: max(1, life / 1000))
        push.isHighPriority = false
        push.sound = ""
        push.badge = nil
        if let words = endWords(for: message, language: subject.device.language) { push.body = words }
        guard isRevoked else { return push }
        // Told apart from the newest revision, for vendors that drop what they had before.
        push.revision = message.revision + 1
        push.title = subject.senderName ?? subject.tenant.name
        (push.subtitle, push.image, push.action, push.category) = (nil, nil, nil, nil)
        (push.data, push.override) = (nil, nil)
        return push
    }

    /// Why there is nothing of the message to show any more; nil when there is.
    private static func endWords(for message: ArchivedMessage, language: String?) -> String? {
        let isChinese = language == "zh"
        if message.state == .revoked { return isChinese ? "消息已撤回" : "Message withdrawn" }
        if CallStatus(message)?.ringsNothing == true { return isChinese ? "通话已结束" : "Call ended" }
        return nil
    }

    /// The built-in template: the text of a text, else a word for the type in the device's language.
    static func body(of message: ArchivedMessage, language: String?) -> String {
        let content = message.content?.object
        if message.type == .text, let text = content?["text"]?.string { return text }
        if message.type == .appCard || message.type == .prescription, let title = content?["title"]?.string {
            return title
        }
        let words = language == "zh" ? chinese : english
        return words[message.type] ?? words[.custom] ?? ""
    }

    private static let english: [MessageType: String] = [
        .image: "[Photo]", .voice: "[Voice message]", .video: "[Video]", .file: "[File]",
        .orgUpdate: "[Organization update]", .call: "[Call]", .custom: "[Message]",
    ]

    private static let chinese: [MessageType: String] = [
        .image: "[图片]", .voice: "[语音]", .video: "[视频]", .file: "[文件]", .orgUpdate: "[组织更新]",
        .call: "[通话]", .custom: "[消息]",
    ]
}
