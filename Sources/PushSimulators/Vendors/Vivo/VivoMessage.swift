/// The message of `/message/send` and `/message/saveListPayload`, checked field by field.
struct VivoMessage {
    private static let mostSeconds: Int64 = 86_400
    private static let leastSeconds: Int64 = 60
    /// Subclasses whose class is known. Others are taken as they come: vivo's list is not public as a whole.
    private static let systemCategories: Set<String> = [
        "IM", "ACCOUNT", "TODO", "DEVICE_REMINDER", "ORDER", "SUBSCRIPTION",
    ]
    private static let operationalCategories: Set<String> = ["NEWS", "CONTENT", "MARKETING", "SOCIAL"]

    let title: String
    let content: String
    let messageId: String?
    let notifyId: Int64?
    let requestId: String
    let receiptURL: String?
    let receiptTag: String?

    init(_ fields: CodedFields) throws(CodedRefusal) {
        guard try fields.integer("notifyType", in: 1...4, invalid: VivoResult.notifyType) != nil else {
            throw CodedRefusal(VivoResult.notifyType, "notifyType is missing")
        }
        guard let title = try fields.text("title", most: 40, invalid: VivoResult.longTitle), !title.isEmpty else {
            throw CodedRefusal(VivoResult.emptyTitle, "title is missing")
        }
        guard let content = try fields.text("content", most: 100, invalid: VivoResult.content), !content.isEmpty else {
            throw CodedRefusal(VivoResult.content, "content is missing")
        }
        self.title = title
        self.content = content
        _ = try fields.integer(
            "timeToLive", in: Self.leastSeconds...Self.mostSeconds, invalid: VivoResult.timeToLive)
        try Self.checkSkip(fields)
        try Self.checkClass(fields)
        _ = try fields.integer("networkType", of: [-1, 1])
        _ = try fields.integer("pushMode", of: [0, 1])
        _ = try fields.text("profileId", most: 64)
        try fields.bool("sendOnline")
        try fields.bool("foregroundShow")
        notifyId = try fields.integer("notifyId", in: 1...Int64(Int32.max))
        messageId = try Self.customMap(fields)["messageId"]
        requestId = try Self.requestId(fields)
        (receiptURL, receiptTag) = try Self.receipt(fields)
    }

    static func requestId(_ fields: CodedFields) throws(CodedRefusal) -> String {
        guard let id = try fields.text("requestId", most: 64, invalid: VivoResult.requestId), !id.isEmpty else {
            throw CodedRefusal(VivoResult.requestId, "requestId is missing")
        }
        return id
    }

    private static func checkSkip(_ fields: CodedFields) throws(CodedRefusal) {
        guard let type = try fields.integer("skipType", in: 1...4, invalid: VivoResult.skip) else {
            throw CodedRefusal(VivoResult.skip, "skipType is missing")
        }
        let content = try fields.text("skipContent", most: 1024, invalid: VivoResult.skip) ?? ""
        guard type == 1 || !content.isEmpty else { throw CodedRefusal(VivoResult.skip, "skipContent is missing") }
        if type == 2, !content.hasPrefix("https://"), !content.hasPrefix("http://") {
            throw CodedRefusal(VivoResult.skip, "skipContent is no URL")
        }
    }

    private static func checkClass(_ fields: CodedFields) throws(CodedRefusal) {
        let isSystem =
            try fields.integer("classification", of: [0, 1], invalid: VivoResult.classification) == 1
        guard let category = try fields.text("category", most: 64, invalid: VivoResult.category) else { return }
        guard !category.isEmpty, category.allSatisfy({ $0.isASCII && !$0.isLowercase && !$0.isWhitespace }) else {
            throw CodedRefusal(VivoResult.category, "category is \(category)")
        }
        if (isSystem ? operationalCategories : systemCategories).contains(category) {
            throw CodedRefusal(VivoResult.classification, "category \(category) is not of this classification")
        }
    }

    private static func customMap(_ fields: CodedFields) throws(CodedRefusal) -> [String: String] {
        guard let value = fields["clientCustomMap"] else { return [:] }
        guard let members = value.object else {
            throw CodedRefusal(VivoResult.customMap, "clientCustomMap is no object")
        }
        var map: [String: String] = [:]
        var size = 0
        for (name, member) in members {
            guard let text = member.string else {
                throw CodedRefusal(VivoResult.customMap, "clientCustomMap.\(name) is no text")
            }
            size += name.utf16.count + text.utf16.count
            map[name] = text
        }
        guard size <= 1024 else { throw CodedRefusal(VivoResult.customMap, "clientCustomMap has \(size) characters") }
        return map
    }

    private static func receipt(_ fields: CodedFields) throws(CodedRefusal) -> (url: String?, tag: String?) {
        guard let value = fields["extra"] else { return (nil, nil) }
        guard let members = value.object else { throw CodedRefusal(VivoResult.parameters, "extra is no object") }
        let extra = CodedFields(members: members, invalid: VivoResult.parameters)
        if let id = extra["callback.id"], id.string == nil, id.integer == nil {
            throw CodedRefusal(VivoResult.parameters, "callback.id is neither text nor number")
        }
        return (try extra.text("callback", most: 128), try extra.text("callback.param", most: 64))
    }
}
