import PushSimulators

/// One push in the file that `vendors simulate --record` writes: `vendor token message shown key`, separated by tabs.
struct PushLine: Equatable {
    let vendor: String
    let token: String
    let messageID: String
    /// A person's device rang or showed something.
    let isShown: Bool
    /// A later push of this token with the same key takes the place of this one; nil: each is shown beside the other.
    let replaceKey: String?

    init(_ push: RecordedPush) {
        vendor = push.vendor.rawValue
        token = push.token
        messageID = push.messageId ?? ""
        isShown = push.isShown
        // A receiver of webhooks drops what has the same id; this simulator forgets them when it is killed.
        replaceKey = push.vendor == .webhook ? push.header("webhook-id") : push.replaceKey
    }

    init?(_ line: some StringProtocol) {
        let fields = String(line).split(separator: "\t" as Character, omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 5 else { return nil }
        (vendor, token, messageID) = (fields[0], fields[1], fields[2])
        isShown = fields[3] == "1"
        replaceKey = fields[4].isEmpty ? nil : fields[4]
    }

    var text: String {
        [vendor, token, messageID, isShown ? "1" : "0", replaceKey ?? ""].joined(separator: "\t")
    }
}
