import PushCore

/// One message for up to 1000 registration ids, as a form (dev.mi.com: "Server API", `message/regid`).
struct XiaomiRequest: Sendable, Equatable {
    static let tokensMax = 1000
    /// The vendor wants less than 50 and less than 128.
    static let titleMax = 49
    static let descriptionMax = 127
    /// The vendor wants less than 4 KB; counted as it is written in the form, the stricter reading.
    static let payloadMax = 4095
    /// Extras that are not the vendor's own: pairs, and characters of keys and values together.
    static let extraPairsMax = 10
    static let extraCharactersMax = 1024
    /// Longest receipt address that is named, in characters.
    static let callbackMax = 128
    /// Delivered, clicked, invalid target, push disabled, filtered, daily limit, expired.
    static let callbackTypes = 1 | 2 | 16 | 32 | 64 | 128 | 1024

    let body: [UInt8]

    /// - Parameter push: with the tenant's defaults in it.
    init(_ push: VendorPush, tokens: [String], settings: XiaomiSettings, receiptURL: String?) {
        var fields = [("registration_id", tokens.joined(separator: ","))]
        for field in Self.fields(of: push, settings: settings, receiptURL: receiptURL) {
            fields.append((field.key, field.value.string ?? field.value.text))
        }
        body = FormBody.encode(fields)
    }

    private static let protected = [
        "registration_id", "alias", "user_account", "topic", "topics", "restricted_package_name", "extra.messageId",
        "extra.jobkey", "pass_through", "extra.callback", "extra.callback.param", "extra.callback.type",
    ].map { [$0] }

    /// The form but for the ids, with the sender's override in it.
    private static func fields(of push: VendorPush, settings: XiaomiSettings, receiptURL: String?)
        -> [JSONObject.Member]
    {
        let built = RawJSON.object { form in
            form.member("restricted_package_name", settings.packageName)
            form.member("pass_through", push.isSilent ? "1" : "0")
            form.member("payload", payload(of: push))
            if !push.isSilent { writeNotification(of: push, into: &form) }
            writeLife(of: push, settings: settings, into: &form)
            form.member("extra.messageId", push.messageID)
            form.member("extra.jobkey", StableIdentifier.revisionText(of: push, digits: 20))
            form.member("extra.channel_id", ifPresent: push.channel)
            if let receiptURL, receiptURL.utf16.count <= callbackMax {
                form.member("extra.callback", receiptURL)
                form.member("extra.callback.param", push.messageID)
                form.member("extra.callback.type", "\(callbackTypes)")
            }
        }
        guard let override = push.override, override.kind == .object else { return built.object?.members ?? [] }
        let changed = built.applying(override: flat(override), protecting: protected)
        let whole = MessageData.restoringMessageID(push.messageID, in: changed, before: built, at: ["payload"])
        return limitingExtras((whole.object?.members ?? []).filter { !$0.value.isNull })
    }

    private static func writeNotification(of push: VendorPush, into form: inout JSONWriter) {
        form.member("title", push.title.shortened(charactersMax: titleMax))
        form.member("description", push.body.shortened(charactersMax: descriptionMax))
        // Lights alone where nothing may ring; else all that the person allows.
        form.member("notify_type", push.isQuiet ? "4" : "-1")
        form.member("notify_id", "\(StableIdentifier.notifyID(of: push))")
        switch push.action?.kind {
        case .url?:
            form.member("extra.notify_effect", "3")
            form.member("extra.web_uri", push.action?.value ?? "")
        case .page?, .intent?:
            form.member("extra.notify_effect", "2")
            form.member("extra.intent_uri", push.action?.value ?? "")
        case .app?, nil: form.member("extra.notify_effect", "1")
        }
        form.member("extra.sound_uri", ifPresent: push.namedSound)
    }

    /// Milliseconds. Only approved channels keep messages for longer than a day.
    private static func writeLife(of push: VendorPush, settings: XiaomiSettings, into form: inout JSONWriter) {
        if push.timeToLiveSeconds <= 0 {
            form.member("extra.only_send_once", "1")
            return
        }
        let isPrivate = push.channel != nil && push.messageClass == .transactional
        let most = settings.timeToLiveMax ?? (isPrivate ? 864_000 : 86_400)
        form.member("time_to_live", "\(min(push.timeToLiveSeconds, most) * 1000)")
    }

    /// What the app is given: JSON text, without the sender's data when that is too long.
    private static func payload(of push: VendorPush) -> String {
        MessageData.text(of: push) { FormBody.encode([("", $0)]).count - 1 <= payloadMax }
    }

    // MARK: Override

    /// An override may give `{"extra": {"k": …}}` for `{"extra.k": …}`.
    private static func flat(_ override: RawJSON) -> RawJSON {
        .object { writer in
            for member in override.object?.members ?? [] {
                if member.key == "extra", let extras = member.value.object {
                    for extra in extras.members { writer.member("extra." + extra.key, extra.value) }
                } else {
                    writer.member(member.key, member.value)
                }
            }
        }
    }

    private static let ownExtras: Set<String> = [
        "sound_uri", "ticker", "notify_foreground", "notify_effect", "intent_uri", "web_uri", "flow_control", "jobkey",
        "callback", "callback.param", "callback.type", "locale", "locale_not_in", "model", "model_not_in",
        "app_version", "app_version_not_in", "connpt", "only_send_once", "channel_id",
    ]

    /// The message id goes first, so that what is too much is never it.
    private static func limitingExtras(_ members: [JSONObject.Member]) -> [JSONObject.Member] {
        var (pairs, characters) = (0, 0)
        return members.filter { member in
            guard member.key.hasPrefix("extra.") else { return true }
            let name = member.key.dropFirst("extra.".count)
            if ownExtras.contains(String(name)) { return true }
            let size = name.utf16.count + (member.value.string ?? member.value.text).utf16.count
            guard pairs < extraPairsMax, characters + size <= extraCharactersMax else { return false }
            pairs += 1
            characters += size
            return true
        }
    }
}
