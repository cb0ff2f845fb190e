import PushCore

/// `OfflinePushInfo` as the native `push` (document 1047-33527). Without it the notification shows the elements' own
/// texts, and a custom element may bring a sound and data along.
struct TencentOfflinePush {
    let json: RawJSON

    /// Throws 90043 for what is not as documented. Members that only one vendor has become that vendor's override.
    init(of call: TencentCall, body: TencentMessageBody) throws(TencentError) {
        guard let value = call.value("OfflinePushInfo") else {
            json = Self.push(of: body)
            return
        }
        guard let object = value.object else { throw Self.malformed("OfflinePushInfo") }
        json = try Self.push(Fields(object), body)
    }

    private static func push(of body: TencentMessageBody) -> RawJSON {
        let (sound, ext) = (body.custom?["Sound"]?.string ?? "", body.custom?["Ext"]?.string ?? "")
        var overrides = VendorOverrides()
        if !sound.isEmpty { overrides.set("apns", "aps", "sound", to: .text(sound)) }
        return .object { writer in
            if body.isSilent { writer.member("policy", "never") }
            writer.member("badge", "auto")
            if !ext.isEmpty { writer.object("data") { $0.member("ext", ext) } }
            overrides.write(into: &writer)
        }
    }

    private static func push(_ info: Fields, _ body: TencentMessageBody) throws(TencentError) -> RawJSON {
        let isOff = try info.flag("PushFlag")
        let (title, text, ext) = (try info.text("Title"), try info.text("Desc"), try info.text("Ext"))
        let android = try info.object("AndroidInfo")
        let apns = try info.object("ApnsInfo")
        let sound = try android.text("Sound")
        var overrides = VendorOverrides()
        try addAndroid(android, to: &overrides)
        try addAPNs(apns, to: &overrides, hasCommonSound: sound != nil)
        let leavesBadge = try apns.flag("BadgeMode")
        return .object { writer in
            if isOff || (body.isSilent && text == nil) { writer.member("policy", "never") }
            writer.member("title", ifPresent: title)
            writer.member("body", ifPresent: text)
            writer.member("sound", ifPresent: sound)
            if !leavesBadge { writer.member("badge", "auto") }
            if let ext { writer.object("data") { $0.member("ext", ext) } }
            overrides.write(into: &writer)
        }
    }

    private static func addAndroid(_ info: Fields, to overrides: inout VendorOverrides) throws(TencentError) {
        let importances: Set<String> = ["LOW", "NORMAL", "HIGH"]
        let huawei = ["huawei", "message", "android"]
        overrides.set(huawei + ["notification", "channel_id"], to: try info.text("HuaWeiChannelID"))
        overrides.set(huawei + ["category"], to: try info.text("HuaWeiCategory"))
        overrides.set(huawei + ["notification", "importance"], to: try info.text("HuaWeiImportance", in: importances))
        overrides.set(["huawei", "message", "notification", "image"], to: try info.text("HuaWeiImage"))
        overrides.set(
            ["honor", "android", "notification", "importance"], to: try info.text("HonorImportance", in: importances))
        overrides.set(["honor", "notification", "image"], to: try info.text("HonorImage"))
        overrides.set(["xiaomi", "extra", "channel_id"], to: try info.text("XiaoMiChannelID"))
        overrides.set(["oppo", "notification", "channel_id"], to: try info.text("OPPOChannelID"))
        overrides.set(["oppo", "notification", "category"], to: try info.text("OPPOCategory"))
        let fcm = ["fcm", "message"]
        overrides.set(fcm + ["android", "notification", "channel_id"], to: try info.text("GoogleChannelID"))
        overrides.set(fcm + ["notification", "image"], to: try info.text("GoogleImage"))
        overrides.set(["vivo", "category"], to: try info.text("VIVOCategory"))
        if let classification = try info.integer("VIVOClassification", in: 0...1) {
            overrides.set("vivo", "classification", to: .number(classification))
        }
    }

    private static func addAPNs(
        _ info: Fields, to overrides: inout VendorOverrides, hasCommonSound: Bool
    ) throws(TencentError) {
        let levels: Set<String> = ["active", "critical", "passive", "time-sensitive"]
        overrides.set(["apns", "aps", "alert", "title"], to: try info.text("Title"))
        overrides.set(["apns", "aps", "alert", "subtitle"], to: try info.text("SubTitle"))
        overrides.set(["apns", "aps", "interruption-level"], to: try info.text("InterruptionLevel", in: levels))
        let image = try info.text("Image")
        overrides.set(["apns", "image"], to: image)
        if try info.flag("MutableContent") || image != nil {
            overrides.set("apns", "aps", "mutable-content", to: .number(1))
        }
        if try info.flag("ContentAvailable") { overrides.set("apns", "aps", "content-available", to: .number(1)) }
        // The sound that all have in common is Android's.
        overrides.set(["apns", "aps", "sound"], to: try info.text("Sound") ?? (hasCommonSound ? "default" : nil))
    }

    private static func malformed(_ name: String) -> TencentError {
        TencentError(90043, "\(name) is not as documented.")
    }

    /// Members of one object of `OfflinePushInfo`. What is empty counts as absent: SDKs write what is not set so.
    private struct Fields {
        let object: JSONObject

        init(_ object: JSONObject) { self.object = object }

        func text(_ name: String, in known: Set<String>? = nil) throws(TencentError) -> String? {
            guard let value = object[name] else { return nil }
            guard let text = value.string else { throw malformed(name) }
            guard !text.isEmpty else { return nil }
            guard known?.contains(text) ?? true else { throw malformed(name) }
            return text
        }

        func integer(_ name: String, in range: ClosedRange<Int64>) throws(TencentError) -> Int64? {
            guard let value = object[name] else { return nil }
            guard let number = value.integer, range.contains(number) else { throw malformed(name) }
            return number
        }

        func flag(_ name: String) throws(TencentError) -> Bool { try integer(name, in: 0...1) == 1 }

        func object(_ name: String) throws(TencentError) -> Fields {
            guard let value = object[name] else { return Fields(.empty) }
            guard let found = value.object else { throw malformed(name) }
            return Fields(found)
        }
    }
}

/// The `vendor` of a native `push`, put together member by member.
private struct VendorOverrides {
    enum Value {
        case text(String)
        case number(Int64)
        case members([(key: String, value: Value)])
    }

    private var root: [(key: String, value: Value)] = []

    mutating func set(_ path: String..., to value: Value) { Self.set(path[...], to: value, in: &root) }

    mutating func set(_ path: [String], to text: String?) {
        if let text { Self.set(path[...], to: .text(text), in: &root) }
    }

    private static func set(
        _ path: ArraySlice<String>, to value: Value, in members: inout [(key: String, value: Value)]
    ) {
        guard let key = path.first else { return }
        let index = members.firstIndex { $0.key == key }
        var new = value
        if path.count > 1 {
            var inner: [(key: String, value: Value)] = []
            if let index, case .members(let known) = members[index].value { inner = known }
            set(path.dropFirst(), to: value, in: &inner)
            new = .members(inner)
        }
        if let index { members[index].value = new } else { members.append((key, new)) }
    }

    func write(into writer: inout JSONWriter) {
        if !root.isEmpty { Self.write("vendor", .members(root), into: &writer) }
    }

    private static func write(_ key: String, _ value: Value, into writer: inout JSONWriter) {
        switch value {
        case .text(let text): writer.member(key, text)
        case .number(let number): writer.member(key, number)
        case .members(let members):
            writer.object(key) { writer in for member in members { write(member.key, member.value, into: &writer) } }
        }
    }
}
