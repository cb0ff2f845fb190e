import NIOCore

/// What Huawei refuses beyond names and types.
struct HuaweiRules {
    static let mostTokens = 1000
    private static let mostBytes = 4096
    private static let mostSeconds: Int64 = 1_296_000
    let request: JSONValue
    let message: JSONValue
    let tokens: [String]

    /// - Parameter bytes: the length of the whole body.
    init(_ json: JSONValue, bytes: Int) throws(HuaweiError) {
        // The reference: a misspelt `message` comes back as a wrong number of tokens.
        guard let message = json["message"] else { throw HuaweiError("80300010", "message is missing") }
        if let violation = HuaweiSchema.request.violation(of: json) {
            throw HuaweiError(
                violation.kind == .structure ? "80100003" : "80100001", "Illegal payload, \(violation.text)")
        }
        request = json
        self.message = message
        tokens = message["token"]?.array?.compactMap(\.string) ?? []
        try checkTargets()
        // Quotes and a comma are part of each token.
        let tokenBytes = tokens.reduce(0) { $0 + $1.utf8.count + 3 }
        guard bytes - tokenBytes <= Self.mostBytes else {
            throw HuaweiError("80300008", "The message body size \(bytes - tokenBytes) exceeds the default value")
        }
        try checkAndroid()
        guard message["data"] != nil || android?["data"] != nil || isVisible else {
            throw HuaweiError("80100003", "Illegal payload, neither data nor notification")
        }
        if isVisible { try checkNotification(android?["notification"]) }
    }

    var android: JSONValue? { message["android"] }
    var isVisible: Bool { message["notification"] != nil || android?["notification"] != nil }
    var title: String? { android?["notification"]?["title"]?.string ?? message["notification"]?["title"]?.string }
    var body: String? { android?["notification"]?["body"]?.string ?? message["notification"]?["body"]?.string }
    var data: String? { android?["data"]?.string ?? message["data"]?.string }

    private func checkTargets() throws(HuaweiError) {
        let targets = ["token", "topic", "condition"].filter { message[$0] != nil }
        guard targets.count <= 1 else {
            throw HuaweiError("80100003", "Illegal payload, only one of \(targets.joined(separator: ", "))")
        }
        guard !targets.isEmpty, message["token"] == nil || (1...Self.mostTokens).contains(tokens.count) else {
            throw HuaweiError("80300010", "The number of tokens must be 1 to 1000")
        }
        if let topic = message["topic"]?.string, topic.isEmpty || topic.contains("/") {
            throw HuaweiError("82000007", "The topic name is invalid")
        }
    }

    private func checkAndroid() throws(HuaweiError) {
        guard let android else { return }
        if let ttl = android["ttl"] {
            guard let seconds = ttl.string.flatMap(Self.seconds), seconds <= Self.mostSeconds else {
                throw HuaweiError("80100004", "The ttl must be \"0s\" to \"1296000s\"")
            }
        }
        if let key = android["collapse_key"] {
            guard let number = key.integer, (-1...100).contains(number) else {
                throw HuaweiError("80100013", "The collapse_key must be -1 to 100")
            }
        }
        if android["category"]?.string == "PLAY_VOICE", isVisible {
            throw HuaweiError("80100003", "Illegal payload, category PLAY_VOICE is for data messages")
        }
    }

    /// `"86400s"` → 86 400.
    static func seconds(_ text: String) -> Int64? {
        guard text.hasSuffix("s"), text.utf8.count > 1,
            text.utf8.dropLast().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int64(text.dropLast())
    }

    private func checkNotification(_ notification: JSONValue?) throws(HuaweiError) {
        func refuse(_ reason: String) -> HuaweiError { HuaweiError("80100003", "Illegal payload, \(reason)") }
        guard let action = notification?["click_action"] else { throw refuse("click_action is mandatory") }
        func has(_ name: String) -> Bool { !(action[name]?.string ?? "").isEmpty }
        switch action["type"]?.integer {
        case 1:
            guard has("intent") || has("action") else { throw refuse("intent or action is mandatory with type 1") }
        case 2: guard has("url") else { throw refuse("url is mandatory with type 2") }
        case 4: guard has("rich_resource") else { throw refuse("rich_resource is mandatory with type 4") }
        default: break
        }
        func hasText(_ text: String?, _ key: String) -> Bool {
            !(text ?? "").isEmpty || !(notification?[key]?.string ?? "").isEmpty
        }
        guard hasText(title, "title_loc_key") else { throw refuse("title is mandatory") }
        guard hasText(body, "body_loc_key") else { throw refuse("body is mandatory") }
        guard let notification else { return }
        if let color = notification["color"]?.string {
            guard color.utf8.count == 7, color.hasPrefix("#"), color.dropFirst().allSatisfy(\.isHexDigit) else {
                throw refuse("color must be #RRGGBB")
            }
        }
        if notification["default_sound"]?.bool == false, (notification["sound"]?.string ?? "").isEmpty {
            throw refuse("sound is mandatory when default_sound is false")
        }
        switch notification["style"]?.integer {
        case 1:
            guard hasText(nil, "big_title"), hasText(nil, "big_body") else {
                throw refuse("big_title and big_body are mandatory with style 1")
            }
        case 2: throw refuse("style must be 0, 1 or 3")
        case 3:
            guard !(notification["inbox_content"]?.array ?? []).isEmpty else {
                throw refuse("inbox_content is mandatory with style 3")
            }
        default: break
        }
        for (_, languages) in notification["multi_lang_key"]?.object ?? [:] where (languages.object?.count ?? 0) > 3 {
            throw refuse("multi_lang_key has more than 3 languages")
        }
    }
}
