import Crypto

/// Builds a push from the message, the sender's `push` options, and the texts of ``NotificationText``.
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

    /// - Parameter messageClass: as the job has it; nil = as the message says.
    static func push(
        _ subject: PushSubject, token: PushToken, messageClass: MessageClass? = nil, limits: Limits,
        now: Milliseconds
    ) -> VendorPush {
        let message = subject.message
        let options = message.push.raw.object
        let action = options?["action"]?.object
        let left = expiresAt(message, limits: limits).map { max(1, ($0 - now) / 1000) } ?? 0
        let isSilent = message.isBackground
        let isConcealed = subject.tenant.settings.pushPreviews == .hidden
        let text = isConcealed ? NotificationText(concealing: subject) : NotificationText(of: subject)
        let push = VendorPush(
            messageID: message.id,
            revision: message.revision,
            tenantNo: subject.tenant.tenantNo,
            account: subject.device.account.id,
            userID: subject.device.userID,
            deviceID: subject.device.deviceID,
            token: token,
            title: text.title,
            subtitle: text.subtitle,
            body: text.body,
            image: options?["image"]?.string.flatMap { isSecureURL($0) ? $0 : nil },
            sound: options?["sound"]?.string,
            badge: options?["badge"]?.integer.map(Int.init(clamping:))
                ?? (message.push.showsUnreadTotal ? subject.unreadTotal : nil),
            isSilent: isSilent,
            collapseID: options?["collapseId"]?.string,
            timeToLiveSeconds: Int(clamping: left),
            isHighPriority: options?["priority"]?.string.map { $0 == "high" } ?? !isSilent,
            messageClass: messageClass ?? message.messageClass,
            channel: options?["channel"]?.string,
            category: options?["category"]?.string,
            action: action?["type"]?.string.flatMap(VendorPush.ClickAction.Kind.init).map {
                VendorPush.ClickAction(kind: $0, value: action?["value"]?.string ?? "")
            },
            data: options?["data"],
            override: options?["vendor"]?.object?[token.vendor.rawValue],
            conversation: message.form == .group ? message.to : message.from,
            osType: subject.device.osType)
        return isConcealed ? concealed(push) : push
    }

    /// Phones and vendors load pictures over https only; another URL would get the whole push refused.
    private static func isSecureURL(_ text: String) -> Bool { text.lowercased().hasPrefix("https://") }

    /// Without what the sender wrote and without whom it came from, and that is also in the names it chose: a sound, a
    /// category or a collapse key can tell. A collapse key keeps its work as a hash, and an empty sound its silence.
    private static func concealed(_ push: VendorPush) -> VendorPush {
        var push = push
        (push.subtitle, push.image, push.action, push.category) = (nil, nil, nil, nil)
        if push.sound?.isEmpty == false { push.sound = nil }
        push.collapseID = push.collapseID.map { hashed($0, tenantNo: push.tenantNo) }
        (push.data, push.override, push.conversation) = (nil, nil, nil)
        return push
    }

    private static func hashed(_ collapseID: String, tenantNo: String) -> String {
        let digest = SHA256.hash(data: Array("\(tenantNo)/\(collapseID)".utf8))
        return digest.prefix(16).map { byte in
            let text = String(byte, radix: 16)
            return text.count < 2 ? "0" + text : text
        }.joined()
    }

    /// What takes the place of a notification that is shown, without ringing again. A revoked message leaves none of
    /// its sender's texts.
    static func replacement(
        _ subject: PushSubject, token: PushToken, messageClass: MessageClass? = nil,
        expiresAt: Milliseconds,
        limits: Limits, now: Milliseconds
    ) -> VendorPush {
        let message = subject.message
        let isRevoked = message.state == .revoked
        var push = push(subject, token: token, messageClass: messageClass, limits: limits, now: now)
        let life = min(expiresAt - now, limits.pushLifeDefaultSeconds * 1000)
        push.timeToLiveSeconds = Int(clamping: max(1, life / 1000))
        push.isHighPriority = false
        push.sound = ""
        push.badge = nil
        let isConcealed = subject.tenant.settings.pushPreviews == .hidden
        let words = BuiltInWords.words(in: subject.languages)
        if isRevoked {
            push.body = words.withdrawn
        } else if CallStatus(message)?.ringsNothing == true, !isConcealed {
            push.body = words.callEnded
        }
        guard isRevoked else { return push }
        // Told apart from the newest revision, for vendors that drop what they had before.
        push.revision = message.revision + 1
        push.title = isConcealed ? subject.tenant.name : subject.knownName
        (push.subtitle, push.image, push.action, push.category) = (nil, nil, nil, nil)
        (push.data, push.override) = (nil, nil)
        return push
    }
}
