/// What a message is (contract, section 1). The raw value is the public integer; unknown ones below 256 pass through.
public struct MessageType: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let unknown = MessageType(rawValue: -1)
    public static let text = MessageType(rawValue: 0)
    public static let image = MessageType(rawValue: 1)
    public static let voice = MessageType(rawValue: 2)
    public static let video = MessageType(rawValue: 3)
    public static let file = MessageType(rawValue: 4)
    public static let appCard = MessageType(rawValue: 5)
    public static let orgUpdate = MessageType(rawValue: 6)
    public static let call = MessageType(rawValue: 7)
    public static let prescription = MessageType(rawValue: 8)
    public static let custom = MessageType(rawValue: 9)

    /// Events are made by the gateway only (section 6).
    public var isEvent: Bool { rawValue >= 256 }

    private static let names: [(String, MessageType)] = [
        ("UNKNOWN", .unknown), ("TEXT", .text), ("IMAGE", .image), ("VOICE", .voice), ("VIDEO", .video),
        ("FILE", .file), ("APP_CARD", .appCard), ("ORG_UPDATE", .orgUpdate), ("CALL", .call),
        ("PRESCRIPTION", .prescription), ("CUSTOM", .custom),
    ]

    /// The name of a type that has one (`TEXT`).
    public var name: String? { Self.names.first { $0.1 == self }?.0 }

    /// A type a sender may give, by its name or its number in text form.
    init?(named text: String) {
        if let number = Int(text), (-1...255).contains(number) {
            self.init(rawValue: number)
        } else if let match = Self.names.first(where: { $0.0 == text }) {
            self = match.1
        } else {
            return nil
        }
    }

    /// A type a sender may give: -1…255 as an integer, or one of the names.
    init?(sent value: RawJSON) {
        if let integer = value.integer {
            guard (-1...255).contains(integer) else { return nil }
            self.init(rawValue: Int(integer))
        } else if let name = value.string, let match = Self.names.first(where: { $0.0 == name }) {
            self = match.1
        } else {
            return nil
        }
    }
}

/// The rules for `content`, by type: required keys, and the kind of value of every key the contract names. Further
/// keys are kept and not looked at.
enum ContentRules {
    private enum Kind { case text, number, value, callStatus }

    private struct Rule {
        let required: [String]
        let kinds: [String: Kind]
    }

    private static let picture: [String: Kind] = [
        "thumbnail": .text, "thumbnailWidth": .number, "thumbnailHeight": .number,
    ]
    private static let media: [String: Kind] = [
        "storageId": .text, "fileName": .text, "fileSize": .number, "duration": .number, "mimeType": .text,
    ]
    private static let card = Rule(
        required: ["title"],
        kinds: [
            "title": .text, "content": .value, "action": .value, "appid": .value, "appName": .text, "appLogo": .text,
            "url": .text,
        ])

    private static let rules: [MessageType: Rule] = [
        .text: Rule(required: ["text"], kinds: ["text": .text]),
        .image: Rule(required: ["storageId"], kinds: media.merging(picture) { $1 }),
        .voice: Rule(required: ["storageId"], kinds: media),
        .video: Rule(required: ["storageId"], kinds: media.merging(picture) { $1 }),
        .file: Rule(required: ["storageId"], kinds: media),
        .appCard: card,
        .prescription: card,
        .orgUpdate: Rule(required: ["type"], kinds: ["type": .value, "content": .value]),
        .call: Rule(
            required: ["status"],
            kinds: [
                "status": .callStatus, "avType": .value, "uid": .value, "roomId": .value, "timestamp": .number,
                "useTime": .number, "agoraKey": .text,
            ]),
    ]

    private static let callStatuses: Set<String> = [
        "invite", "refuse", "cancel", "timeout", "busy", "answer", "other_answer", "other_refuse",
    ]

    /// Whether a send with this content would be accepted.
    static func accepts(_ content: RawJSON, type: MessageType, limits: Limits) -> Bool {
        guard let object = content.object else { return false }
        return content.bytes.count <= limits.contentBytesMax && faults(of: object, type: type).isEmpty
    }

    /// The faults of `content` for this type, with pointers from the body's root.
    static func faults(of content: JSONObject, type: MessageType) -> [GatewayError.FieldFault] {
        var faults: [GatewayError.FieldFault] = []
        guard let rule = rules[type] else { return faults }
        for key in rule.required where content[key] == nil {
            faults.append(.init(pointer: "/content/\(key)", detail: "This is required for this type."))
        }
        for member in content.members where !member.value.isNull {
            guard let kind = rule.kinds[member.key], let detail = fault(of: member.value, kind: kind) else { continue }
            faults.append(.init(pointer: "/content/\(member.key)", detail: detail))
        }
        return faults
    }

    private static func fault(of value: RawJSON, kind: Kind) -> String? {
        switch kind {
        case .text: value.kind == .string ? nil : "Expected a text."
        case .number: (value.number ?? -1) >= 0 ? nil : "Expected a number that is not negative."
        case .value: nil
        case .callStatus:
            value.string.map(callStatuses.contains) == true
                ? nil : "Expected one of \(callStatuses.sorted().joined(separator: ", "))."
        }
    }
}
