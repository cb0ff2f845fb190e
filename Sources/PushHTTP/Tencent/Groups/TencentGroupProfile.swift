import PushCore

/// What a call says of a group beside its name: the members of the profile that are kept (documents 269-1615, 269-1620).
struct TencentGroupProfile {
    private static let types: Set<String> = [
        "Public", "Private", "Work", "ChatRoom", "Meeting", "AVChatRoom", "Community",
    ]
    private static let joinOptions: Set<String> = ["FreeAccess", "NeedPermission", "DisableApply"]
    /// Bytes of each text: more than any generation of the service allows.
    private static let textBytesMax = 1000
    private static let nameBytesMax = 200
    private static let customBytesMax = 32_768

    /// nil: not said.
    let name: String?
    /// The members that the call has.
    let json: RawJSON

    /// - Parameters:
    ///   - isNew: a type is read, too, which a group keeps for ever.
    ///   - known: the custom fields that the group has: those of the call take the place of their namesakes.
    init(of call: TencentCall, isNew: Bool, known: RawJSON? = nil) throws(TencentError) {
        func text(_ key: String, bytesMax: Int = Self.textBytesMax) throws(TencentError) -> String? {
            guard let text = try call.string(key) else { return nil }
            guard text.utf8.count <= bytesMax else { throw call.bad(key, "has more than \(bytesMax) bytes") }
            return text
        }
        func word(_ key: String, of words: Set<String>) throws(TencentError) -> String? {
            guard let word = try call.string(key), !word.isEmpty else { return nil }
            guard words.contains(word) else { throw call.bad(key, "is not one of \(words.sorted())") }
            return word
        }
        let name = try text("Name", bytesMax: Self.nameBytesMax)
        self.name = name.flatMap { $0.isEmpty ? nil : $0 }
        let type = isNew ? try word("Type", of: Self.types) : nil
        if isNew, type == nil { throw call.bad("Type", "is missing") }
        if isNew, self.name == nil { throw call.bad("Name", "is missing or empty") }
        let texts = try ["Introduction", "Notification", "FaceUrl"].map { key throws(TencentError) in
            (key, try text(key))
        }
        let joinOption = try word("ApplyJoinOption", of: Self.joinOptions)
        // go1 sends 0 where it says nothing.
        let membersMax = try call.integer("MaxMemberCount", "MaxMemberNum", in: 0...Int64(Int32.max))
        let custom = try Self.custom(call, known)
        let infoAt = call.now / 1000
        json = .object { writer in
            writer.member("Type", ifPresent: type)
            for (key, value) in texts { writer.member(key, ifPresent: value) }
            writer.member("ApplyJoinOption", ifPresent: joinOption)
            if let membersMax, membersMax > 0 { writer.member("MaxMemberNum", membersMax) }
            writer.member("AppDefinedData", ifPresent: custom)
            writer.member("LastInfoTime", infoAt)
        }
    }

    /// `AppDefinedData`: names and values. Later ones win.
    private static func custom(_ call: TencentCall, _ known: RawJSON?) throws(TencentError) -> RawJSON? {
        guard let sent = try call.objects("AppDefinedData", max: 100), !sent.isEmpty else { return nil }
        var fields: [(key: String, value: RawJSON)] = []
        for field in (known?.array ?? []).compactMap(\.object) + sent {
            guard let key = field["Key"]?.string, !key.isEmpty, let value = field["Value"]
            else { throw call.bad("AppDefinedData", "is not an array of Key and Value") }
            if let index = fields.firstIndex(where: { $0.key == key }) {
                fields[index].value = value
            } else {
                fields.append((key, value))
            }
        }
        var writer = JSONWriter()
        writer.array { writer in
            for field in fields {
                writer.object { writer in
                    writer.member("Key", field.key)
                    writer.member("Value", field.value)
                }
            }
        }
        guard writer.bytes.count <= customBytesMax else {
            throw call.bad("AppDefinedData", "has more than \(customBytesMax) bytes")
        }
        return RawJSON(archived: writer.bytes)
    }
}
