/// What Mi Push allows in the form of `message/regid`.
struct XiaomiRules {
    static let mostTokens = 1000
    private static let mostOtherExtras = 10
    private static let mostOtherCharacters = 1024
    private static let dayMilliseconds: Int64 = 86_400_000
    private static let names: Set<String> = [
        "registration_id", "restricted_package_name", "title", "description", "payload", "pass_through",
        "notify_type", "notify_id", "time_to_live", "time_to_send",
    ]
    private static let extras: Set<String> = [
        "channel_id", "notify_effect", "intent_uri", "web_uri", "notify_foreground", "sound_uri", "ticker", "locale",
        "locale_not_in", "model", "model_not_in", "app_version", "app_version_not_in", "connpt", "flow_control",
        "jobkey", "only_send_once", "callback", "callback.param", "callback.type",
    ]
    let form: FormFields
    let tokens: [String]

    init(
        _ form: FormFields, packageName: String, requiresChannel: Bool, now: Int64
    ) throws(XiaomiError) {
        self.form = form
        if let name = form.repeated { throw Self.illegal(name, "comes twice") }
        for name in form.values.keys.sorted() where !Self.names.contains(name) && !name.hasPrefix("extra.") {
            throw Self.illegal(name, "is unknown")
        }
        tokens = (form["registration_id"] ?? "").split(separator: ",").map(String.init)
        guard !tokens.isEmpty else { throw Self.missing("registration_id") }
        guard tokens.count <= Self.mostTokens else { throw Self.illegal("registration_id", "more than 1000") }
        guard let package = form["restricted_package_name"], !package.isEmpty else {
            throw Self.missing("restricted_package_name")
        }
        guard package == packageName else { throw XiaomiError(22_022, "restricted_package_name is of another app") }
        try checkTexts()
        _ = try number("notify_type", in: -1...7)
        _ = try number("notify_id", in: 0...Int64(Int32.max))
        // Without a channel a message is public, and kept for a day at most.
        let mostDays: Int64 = extra("channel_id") == nil ? 1 : 10
        _ = try number("time_to_live", in: 1...mostDays * Self.dayMilliseconds)
        _ = try number("time_to_send", in: 0...now + 7 * Self.dayMilliseconds)
        try checkExtras(requiresChannel: requiresChannel)
    }

    func extra(_ name: String) -> String? { form["extra.\(name)"] }
    var isVisible: Bool { form["pass_through"] != "1" }
    var timeToLive: Int64? { form["time_to_live"].flatMap { Int64($0) } }

    var messageId: String? {
        extra("messageId") ?? form["payload"].flatMap { try? JSONParser.parse($0) }?["messageId"]?.string
    }

    private static func missing(_ name: String) -> XiaomiError { XiaomiError(10_016, "\(name) is missing") }

    private static func illegal(_ name: String, _ reason: String) -> XiaomiError {
        XiaomiError(10_017, "\(name) \(reason)")
    }

    private func number(_ name: String, in range: ClosedRange<Int64>) throws(XiaomiError) -> Int64? {
        guard let text = form[name] else { return nil }
        guard let number = Int64(text), range.contains(number) else { throw Self.illegal(name, "is not in \(range)") }
        return number
    }

    private func checkTexts() throws(XiaomiError) {
        _ = try number("pass_through", in: 0...1)
        if let payload = form["payload"], payload.utf8.count >= 4096 {
            throw Self.illegal("payload", "is 4 KB or longer")
        }
        guard isVisible else {
            guard !(form["payload"] ?? "").isEmpty else { throw Self.missing("payload") }
            return
        }
        for (name, limit) in [("title", 50), ("description", 128)] {
            guard let text = form[name] else { throw Self.missing(name) }
            guard !text.allSatisfy(\.isWhitespace) else { throw Self.illegal(name, "is blank") }
            guard text.count < limit else { throw Self.illegal(name, "has \(limit) characters or more") }
        }
    }

    private func checkExtras(requiresChannel: Bool) throws(XiaomiError) {
        let others = form.values.filter {
            $0.key.hasPrefix("extra.") && !Self.extras.contains(String($0.key.dropFirst(6)))
        }
        guard others.count <= Self.mostOtherExtras else { throw Self.illegal("extra", "more than 10 pairs") }
        let characters = others.reduce(0) { $0 + $1.key.count - 6 + $1.value.count }
        guard characters <= Self.mostOtherCharacters, others["extra."] == nil else {
            throw Self.illegal("extra", "\(characters) characters")
        }
        if isVisible { try checkEffect() }
        if let key = extra("jobkey") {
            guard (1...20).contains(key.utf8.count), !key.hasPrefix("_"), key.utf8.allSatisfy(Self.isKeyByte) else {
                throw Self.illegal("extra.jobkey", "is not 1 to 20 of 0-9 A-Z a-z _ -, or begins with _")
            }
        }
        if isVisible, requiresChannel, (extra("channel_id") ?? "").isEmpty { throw Self.missing("extra.channel_id") }
        for (name, values) in [("notify_foreground", ["0", "1"]), ("only_send_once", ["1"])] {
            if let value = extra(name), !values.contains(value) { throw Self.illegal("extra.\(name)", "is \(value)") }
        }
        _ = try number("extra.flow_control", in: 1...1_000_000)
        try checkCallback()
    }

    private func checkEffect() throws(XiaomiError) {
        func needs(_ name: String) throws(XiaomiError) {
            if (extra(name) ?? "").isEmpty { throw Self.missing("extra.\(name)") }
        }
        switch extra("notify_effect") {
        case nil: throw Self.missing("extra.notify_effect")
        case "1": break
        case "2": try needs("intent_uri")
        case "3":
            try needs("web_uri")
            guard extra("web_uri")?.contains("://") == true else { throw Self.illegal("extra.web_uri", "is no URL") }
        default: throw Self.illegal("extra.notify_effect", "is not 1, 2 or 3")
        }
    }

    private func checkCallback() throws(XiaomiError) {
        if let url = extra("callback"), !url.hasPrefix("https://"), !url.hasPrefix("http://") {
            throw XiaomiError(65_014, "extra.callback is no URL")
        }
        if let parameter = extra("callback.param"), parameter.utf8.count > 256 {
            throw XiaomiError(65_015, "extra.callback.param is longer than 256 bytes")
        }
        if let type = extra("callback.type"), Int64(type).map({ (1...2047).contains($0) }) != true {
            throw XiaomiError(65_015, "extra.callback.type is no sum of types")
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
