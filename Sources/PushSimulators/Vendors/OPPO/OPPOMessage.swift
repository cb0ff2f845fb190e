/// One message of OPPO's unicast calls, checked field by field.
struct OPPOMessage {
    private static let missing = OPPOCode.missingArgument.rawValue
    private static let invalid = OPPOCode.invalidArgument.rawValue
    private static let mostOfflineSeconds: Int64 = 10 * 86_400
    private static let mostShownSeconds: Int64 = 86_400

    let target: String
    let appMessageId: String?
    let title: String
    let content: String
    let messageId: String?
    let notifyId: Int64?
    let receiptURL: String?
    let receiptTag: String?

    init(_ value: JSONValue) throws(CodedRefusal) {
        guard let members = value.object else { throw CodedRefusal(Self.invalid, "the message is no object") }
        let message = CodedFields(members: members, invalid: Self.invalid)
        guard try message.integer("target_type", of: [2, 5]) != nil else {
            throw CodedRefusal(Self.missing, "target_type is missing")
        }
        guard let target = try message.text("target_value", most: 4096), !target.isEmpty else {
            throw CodedRefusal(Self.missing, "target_value is missing")
        }
        try message.bool("verify_registration_id")
        guard let notification = message["notification"]?.object else {
            throw CodedRefusal(Self.missing, "notification is missing")
        }
        self.target = target
        let fields = CodedFields(members: notification, invalid: Self.invalid)
        (title, content) = try Self.texts(fields)
        try Self.checkClick(fields)
        try Self.checkLifetime(fields)
        try Self.checkLevel(fields)
        appMessageId = try fields.text("app_message_id", most: 64)
        notifyId = try fields.integer("notify_id", in: 0...Int64(Int32.max))
        messageId = try Self.parameters(fields)?["messageId"]?.string
        receiptURL = try fields.text("call_back_url", most: 200)
        receiptTag = try fields.text("call_back_parameter", most: 100)
        if let receiptURL, !receiptURL.hasPrefix("http://"), !receiptURL.hasPrefix("https://") {
            throw CodedRefusal(Self.invalid, "call_back_url is no URL")
        }
    }

    private static func texts(_ fields: CodedFields) throws(CodedRefusal) -> (title: String, content: String) {
        // Style 3, with a picture, is for broadcasts only.
        let style = try fields.integer("style", of: [1, 2]) ?? 1
        guard let title = try fields.text("title", most: 50), !title.isEmpty else {
            throw CodedRefusal(missing, "title is missing")
        }
        _ = try fields.text("sub_title", most: 10)
        guard let content = try fields.text("content", most: style == 2 ? 128 : 50), !content.isEmpty else {
            throw CodedRefusal(missing, "content is missing")
        }
        return (title, content)
    }

    private static func checkClick(_ fields: CodedFields) throws(CodedRefusal) {
        let activity = try fields.text("click_action_activity", most: 500)
        let url = try fields.text("click_action_url", most: 2000)
        switch try fields.integer("click_action_type", of: [0, 1, 2, 4, 5]) {
        case 1, 4:
            guard activity?.isEmpty == false else { throw CodedRefusal(missing, "click_action_activity is missing") }
        case 2, 5:
            guard url?.isEmpty == false else { throw CodedRefusal(missing, "click_action_url is missing") }
        default: break
        }
    }

    /// `action_parameters` is JSON text.
    private static func parameters(_ fields: CodedFields) throws(CodedRefusal) -> JSONValue? {
        guard let text = try fields.text("action_parameters", most: 4000), !text.isEmpty else { return nil }
        guard let value = try? JSONParser.parse(text), value.object != nil else {
            throw CodedRefusal(invalid, "action_parameters is no JSON object")
        }
        return value
    }

    private static func checkLifetime(_ fields: CodedFields) throws(CodedRefusal) {
        try fields.bool("off_line")
        _ = try fields.integer("off_line_ttl", in: 0...mostOfflineSeconds)
        _ = try fields.integer("show_ttl", in: 0...mostShownSeconds)
        _ = try fields.integer("network_type", of: [0, 1])
    }

    private static func checkLevel(_ fields: CodedFields) throws(CodedRefusal) {
        for name in ["channel_id", "private_msg_template_id"] {
            if let text = try fields.text(name, most: 256), text.isEmpty {
                throw CodedRefusal(invalid, "\(name) is empty")
            }
        }
        let category = try fields.text("category", most: 64)
        let level = try fields.integer("notify_level", of: [1, 2, 16], invalid: OPPOCode.levelNotAllowed.rawValue)
        if level != nil, category?.isEmpty != false {
            throw CodedRefusal(OPPOCode.levelNotAllowed.rawValue, "notify_level without category")
        }
        if let category, category.contains(where: { !$0.isASCII || $0.isLowercase || $0.isWhitespace }) {
            throw CodedRefusal(OPPOCode.levelNotAllowed.rawValue, "category is \(category)")
        }
    }

    /// A registration id is one word; anything else is what OPPO calls an invalid one.
    var isTargetValid: Bool {
        target.utf8.count <= 512
            && target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",") }
    }
}
