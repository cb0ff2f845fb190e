import Foundation

/// What a person can do where a device did not get a message, in a sentence. Vendor codes: `reference/vendor-push.md`.
public enum Remedies {
    /// By the reason that the trace gives.
    public static func sentence(for reason: SkipReason, vendor: Vendor? = nil) -> String? {
        switch reason {
        case .acknowledged: nil
        case .waiting: "It is still within its time: nothing to do yet."
        case .pushDisabled: "The person switched pushes off: the app can ask for them again (PATCH /v1/devices/me)."
        case .noToken: "The device gave no push token: send pushTokens at registration or with PATCH /v1/devices/me."
        case .tokenDead:
            "The app was removed or its data cleared; the token is replaced when the app registers again."
        case .vendorNotConfigured:
            "Store the credential of the vendor: PUT /v1/settings/push/\(vendor?.rawValue ?? "{vendor}")."
        case .vendorRefused: "The vendor refused this push: its words are in the trace."
        case .background: "A data message, and none of the device's vendors can deliver without showing it."
        case .policyNever: "The sender asked for no push: leave push.policy away to have one."
        case .expired: "Its time ran out: give the message or its push a longer ttl."
        case .revoked: "The sender took it back: nothing is to be delivered."
        case .burned: "The receiver burned it: nothing is to be delivered."
        case .deregistered: "The device was deregistered or moved: it is reached again once it registers."
        case .own: "The sender's own account is never pushed: its devices find the message when they connect."
        case .event: "Events are never pushed: the device finds it when it connects."
        case .read: "It was read on another device of the account: nothing to do."
        case .superseded: "The sender edited it: look at the push of its newest revision."
        case .cancelled: "The send was cancelled: send it again if it is wanted."
        case .quota: "A budget of the vendor's settings is used up: raise it, or wait for the vendor's next day."
        }
    }

    /// By the vendor's own code; nil for one that is in no table.
    public static func sentence(for vendor: Vendor, code: String) -> String? {
        if let sentence = codes[vendor]?[code] { return sentence }
        return faults[code] ?? statuses[code]
    }

    /// By what a receipt says; nil where the notification reached the device.
    public static func sentence(for meaning: VendorReceipt.Meaning) -> String? {
        switch meaning {
        case .delivered, .shown, .clicked: nil
        case .held: "The phone keeps it until it is unlocked or the app runs: nothing to do."
        case .replaced: "A newer notification took its place: fewer pushes, or an own collapseId, keep both."
        case .expired: "Its time ran out at the vendor: give the push a longer ttl."
        case .notShown: "The phone or the vendor did not show it: see the vendor's reason, and the app's category."
        case .notificationsOff: "The person switched the app's notifications off: the app can ask for them again."
        case .inactive: "The device was not online for a long time: nothing to do until it is."
        case .limited: "The vendor's limit is used up: apply for the service category, or send less marketing."
        case .mismatch: "Another user or an older app is on the phone: the app should register again."
        case .tokenDead: dead
        case .other: "See the vendor's documentation for this code."
        }
    }

    /// Of a push that waits for its vendor.
    static func sentence(
        forWaiting waiting: DeviceTrace.Waiting, credential: CredentialStatus?, now: Milliseconds
    ) -> String {
        let vendor = waiting.vendor?.rawValue ?? "the vendor"
        let tries = waiting.attempts == 1 ? "1 try" : "\(waiting.attempts) tries"
        if let credential, credential.state != .running {
            let code = credential.code.map { " with \($0)" } ?? ""
            let since = credential.since.map { " since \(time($0))" } ?? ""
            let advice = credential.code.flatMap { code in
                credential.state == .stopped ? sentence(for: credential.vendor, code: code) : nil
            }
            let mend =
                "put good settings (PUT /v1/settings/push/\(vendor)) or test them (POST …/test). "
                + "The push waits until its ttl."
            let what =
                switch credential.reason {
                case .refused,
                    nil where credential.state == .stopped:
                    "The credential for \(vendor) is stopped\(since), because it was refused\(code): \(mend)"
                case .tokensDying:
                    "The credential for \(vendor) is stopped\(since), because too many of its tokens were called dead: "
                        + "check which app and environment it is for; \(mend)"
                case .failing:
                    "\(vendor) does not answer, or only with faults\(code)\(since): it is tried again by itself; "
                        + "check network, DNS and firewall where it lasts."
                case .pace, nil:
                    "\(vendor) asked for a slower pace\(code)\(since): it goes on by itself."
                }
            return advice.map { "\(what) \($0)" } ?? what
        }
        if waiting.isUnderWay { return "It is being handed to \(vendor) now." }
        let when = waiting.nextTryAt <= now ? "now" : "at \(time(waiting.nextTryAt))"
        if waiting.attempts == 0 { return "It goes to \(vendor) \(when): nothing to do yet." }
        return "The next try with \(vendor) is \(when), after \(tries)."
    }

    static func time(_ milliseconds: Milliseconds) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
    }

    // MARK: Tables

    private static let dead =
        "The app was removed or its data cleared; the token is replaced when the app registers again."
    /// Of a credential that was refused with a code that is in no table.
    static let credential =
        "The vendor refused the credential: check it in the vendor's console and PUT it again."
    private static let payload = "The vendor cannot take this payload: shorten it, or look at push.vendor and data."
    private static let pace = "Too many pushes for the vendor's limit: it is tried again by itself, more slowly."
    private static let quota = "The vendor's quota for the day is used up: wait for its next day, or apply for more."
    private static let passing = "A passing fault at the vendor: it is tried again by itself."
    private static let permission = "The app lacks a right at the vendor: apply for it in the vendor's console."
    private static let clock = "The vendor finds the time of the request wrong: check the gateway's clock."
    private static let foreign = "The token belongs to another app or project: check which credential is stored."

    private static func table(_ rows: [([String], String)]) -> [String: String] {
        var table: [String: String] = [:]
        for (codes, sentence) in rows { for code in codes { table[code] = sentence } }
        return table
    }

    private static let codes: [Vendor: [String: String]] = [
        .apns: table([
            (
                ["BadDeviceToken"],
                "The token belongs to the other APNs environment or another app: check environment and topic."
            ),
            (["DeviceTokenNotForTopic"], "The token belongs to another app: check topic."),
            (["Unregistered", "ExpiredToken"], dead),
            (["BadTopic", "MissingTopic", "TopicDisallowed"], "Check topic: it must be the app's bundle id."),
            (
                ["InvalidProviderToken", "ExpiredProviderToken", "MissingProviderToken", "Forbidden"],
                "Check keyId, teamId and privateKey, whether the key was revoked, and the gateway's clock."
            ),
            (
                ["BadEnvironmentKeyIdInToken", "UnrelatedKeyIdInToken"],
                "The key is for another environment or team: check keyId, teamId and environment."
            ),
            (["TooManyProviderTokenUpdates"], "Another program uses the same key: wait 20 minutes."),
            (["PayloadTooLarge", "PayloadEmpty"], payload),
            (["TooManyRequests"], pace),
            (["InternalServerError", "ServiceUnavailable", "Shutdown", "IdleTimeout"], passing),
        ]),
        .fcm: table([
            (["UNREGISTERED"], dead),
            (["SENDER_ID_MISMATCH"], "The token belongs to another Firebase project: check serviceAccount."),
            (["INVALID_ARGUMENT"], "FCM cannot take the token or the payload: look at its words and at push.vendor."),
            (["QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"], pace),
            (["UNAVAILABLE", "INTERNAL", "UNSPECIFIED_ERROR"], passing),
            (["THIRD_PARTY_AUTH_ERROR"], "Add the APNs key or web push key to the Firebase project."),
            (["PERMISSION_DENIED"], "Enable the FCM API and give the service account its messaging role."),
            (
                ["UNAUTHENTICATED", "invalid_grant"],
                "Check serviceAccount, whether its key was revoked, and the clock."
            ),
            (["NOT_FOUND"], "There is no such Firebase project: check project_id in serviceAccount."),
        ]),
        .webpush: table([
            (["404", "410"], "The browser dropped the subscription: it comes back when the page subscribes again."),
            (["401", "403"], "The browser subscribed with another key: let it subscribe anew with publicKey."),
            (["413"], payload),
        ]),
        .huawei: table([
            (
                ["80100000", "80300007"],
                "The tokens are dead or of another app: check clientId and projectId, or appId."
            ),
            (["80200001", "80200003", "80600003", "80200005", "1101"], credential),
            (["80300002", "80100018"], permission),
            (["80300011"], "The app has no right to high priority: apply for it, or send with priority normal."),
            (["80300013"], "The receipt address is not valid: enter receiptUrl in AppGallery Connect."),
            (["80300008", "80100001", "80100003", "80100004", "80100013", "80300010"], payload),
            (["80100016"], "The vendor finds the text sensitive: change it."),
            (["80100017"], pace),
            (["81000001"], passing),
        ]),
        .honor: table([
            (["80200001", "80200003"], credential),
            (["80300007"], "The tokens are dead or of another app: check appId."),
            (["80100000"], passing),
        ]),
        .xiaomi: table([
            (["10029", "65003", "20301"], dead),
            (["10027", "26004", "200002"], pace),
            (["10034", "200001"], quota),
            (["21301", "21302", "21303", "22000", "22006", "22007", "22022"], credential),
            (["10031", "10036", "26006"], permission),
            (["27001"], "The channel does not match the content: check channel, and its approval in the console."),
            (["10037"], clock),
            (["10008", "10012", "10016", "10017", "65009", "65014", "65015"], payload),
        ]),
        .oppo: table([
            (["10000"], dead),
            (["11", "29", "14", "15"], credential),
            (["16", "17", "18", "19"], clock),
            (["26", "27", "28", "30"], permission),
            (["13", "55", "-2"], pace),
            (["33"], quota),
            (["67"], "The category or notify level is not allowed: apply for it in the console."),
            (["-1"], passing),
        ]),
        .vivo: table([
            (["10302"], dead),
            (["10000"], credential),
            (["10094"], foreign),
            (["10096", "10097"], "category does not match the class of the message: see the vendor's list."),
            (["10070", "10073", "10252", "10254"], quota),
            (["10071"], "Outside of the hours in which marketing is sent: it goes out in the morning."),
            (["10072", "10093"], pace),
            (["10085", "10104"], "The vendor refuses the text: no pure digits, letters or signs, no word for a test."),
            (["10040"], passing),
        ]),
        .meizu: table([
            (["110002", "110003", "110005"], dead),
            (["110000", "110001", "1006"], credential),
            (["110009", "201"], permission),
            (["110010"], pace),
            (["110011", "110019", "110051", "110053"], quota),
            (["500", "1001", "1003", "501", "513", "519"], passing),
        ]),
        .wns: table([
            (["404", "410"], "The channel expired: the app opens a new one and registers again."),
            (["403"], "The channel belongs to another app: check tenantId and clientId."),
            (["dropped"], "The device was offline or refused it: WNS keeps no such notification."),
            (["channelthrottled", "406"], pace),
        ]),
        .webhook: table([
            (["rejected", "410"], "Your receiver called the token dead: it is replaced when the app registers again.")
        ]),
    ]

    /// What the gateway says where the vendor said nothing.
    private static let faults = table([
        (
            ["dns_failed", "no_connection", "connection_lost", "connect_timeout", "timeout", "tls_failed"],
            "The vendor could not be reached: check network, DNS and firewall; it is tried again by itself."
        ),
        (
            ["not_repeated"],
            "The vendor may have delivered it: nothing to do, the device finds the message when it connects. A "
                + "gateway that is stopped with SIGTERM waits for its vendors' answers."
        ),
        (["illegal_token"], "The token is none of this vendor's: the app has to register again with a new one."),
        (["private_address"], "The address is private: the operator can allow such (--allow-private-endpoints)."),
        (["signing_failed"], "The stored key cannot sign: PUT the settings again."),
        (["no_access_token", "login_answer"], "The vendor's login gave no access token: check the credential."),
        // What token endpoints answer (RFC 6749, section 5.2).
        (
            [
                "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client",
                "unsupported_grant_type",
            ], credential
        ),
        (["login_slow"], pace),
        (["settings_not_usable"], "The stored settings are not accepted any more: PUT them again."),
    ])

    private static let statuses = table([
        (["401", "403"], credential),
        (["404"], "The vendor does not know this address or app: check the settings and endpoint."),
        (["413"], payload),
        (["429"], pace),
        (["500", "502", "503", "504"], passing),
    ])
}
