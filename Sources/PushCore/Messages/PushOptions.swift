/// What a sender asks of the vendor push (contract, section 7, `push`). The members that the core decides by are read
/// here; texts and vendor parts stay in `raw` and are read when a push is built.
public struct PushOptions: Sendable, Equatable {
    public enum Policy: String, Sendable { case offline, always, never }

    public var policy: Policy = .offline
    /// Seconds from `serverTime` after which a device that has not acknowledged is pushed.
    public var afterSeconds: Int64?
    /// Seconds a push may wait; 0 = one try now.
    public var timeToLiveSeconds: Int64?
    /// The object as it counts: for a device's message only the members a device may set.
    public var raw: RawJSON = .emptyObject

    /// The notification shows what the account has not read.
    public var showsUnreadTotal: Bool { raw.object?["badge"]?.string == "auto" }

    public static let standard = PushOptions()

    /// Options read back from the archive.
    public init(archived raw: RawJSON?) {
        guard let raw, let object = raw.object else { return }
        self.raw = raw
        policy = object["policy"]?.string.flatMap(Policy.init) ?? .offline
        afterSeconds = object["after"]?.integer
        timeToLiveSeconds = object["ttl"]?.integer
    }

    private init() {}

    /// Members that tell of the content.
    private static let contentMembers: Set<String> = ["body", "subtitle", "image", "vendor"]
    /// Members that say where a shown notification is, and nothing of what was in it.
    private static let placeMembers: Set<String> = ["collapseId", "channel", "class", "ttl"]

    /// What stays of the options when the content becomes another: not what told of the old one.
    public var withoutContent: PushOptions { keeping { !Self.contentMembers.contains($0) } }

    /// What stays of the options when the content is erased: enough to take a shown notification's place.
    public var placeOnly: PushOptions { keeping { Self.placeMembers.contains($0) } }

    private func keeping(_ isKept: (String) -> Bool) -> PushOptions {
        let members = raw.object?.members.filter { isKept($0.key) } ?? []
        guard !members.isEmpty else { return .standard }
        return PushOptions(
            archived: .object { writer in for member in members { writer.member(member.key, member.value) } })
    }

    /// Members that count when a device sent the message: a user must not write another's notification.
    private static let deviceMembers: Set<String> = ["policy", "collapseId", "sound", "ttl"]

    /// The whole object, in bytes. Vendors take some 4 000; texts are cut to that, and `data` is left out.
    public static let bytesMax = 65_536
    /// Names that the app or the vendor defined, in bytes.
    public static let nameBytesMax = 1024

    /// Reads and checks `push` of a body; faults go to `reader` under `/push/…`.
    init(sent object: JSONObject, raw: RawJSON, byDevice: Bool, limits: Limits, into reader: inout BodyReader) {
        var own = BodyReader(object)
        _ = own.value("policy", expected: "offline, always or never") { $0.string.flatMap(Policy.init) }
        _ = own.integer("after", in: 0...limits.timeToLiveSecondsMax)
        _ = own.integer("ttl", in: 0...limits.timeToLiveSecondsMax)
        if raw.bytes.count > Self.bytesMax { reader.fault("push", "Expected at most \(Self.bytesMax) bytes.") }
        for key in ["title", "body", "subtitle", "image"] { _ = own.string(key) }
        for key in ["sound", "channel", "category"] { _ = own.string(key) { $0.utf8.count <= Self.nameBytesMax } }
        _ = own.string("collapseId") { (1...256).contains($0.utf8.count) }
        _ = own.value("badge", expected: "a number from 0 to 99999 or \"auto\"") { value -> Bool? in
            if let number = value.integer { return (0...99_999).contains(number) ? true : nil }
            return value.string == "auto" ? true : nil
        }
        _ = own.string("priority") { ["high", "normal"].contains($0) }
        _ = own.string("class") { MessageClass(name: $0) != nil }
        _ = own.object("data")
        if let vendors = own.object("vendor") {
            for member in vendors.members where Vendor(rawValue: member.key) == nil || member.value.kind != .object {
                own.fault("vendor/\(member.key)", "Expected an object under the name of a vendor.")
            }
        }
        if let action = own.object("action") {
            let kind = action["type"]?.string.flatMap(VendorPush.ClickAction.Kind.init)
            if kind == nil { own.fault("action/type", "Expected app, url, page or intent.") }
            let value = action["value"]?.string
            if value == nil, action["value"] != nil { own.fault("action/value", "Expected a text.") }
            if kind == .url, value?.lowercased().hasPrefix("https://") != true {
                own.fault("action/value", "A URL must begin with https://.")
            }
            if kind == .page || kind == .intent, value?.isEmpty != false {
                own.fault("action/value", "This is required.")
            }
        }
        for fault in own.faults { reader.fault("push" + fault.pointer, fault.detail) }
        guard byDevice else {
            self.init(archived: raw)
            return
        }
        let counting = RawJSON.object { writer in
            for member in object.members where Self.deviceMembers.contains(member.key) {
                // A device may hold back its push, not force one on devices that are connected.
                if member.key == "policy", member.value.string == Policy.always.rawValue { continue }
                writer.member(member.key, member.value)
            }
        }
        self.init(archived: counting)
    }
}
