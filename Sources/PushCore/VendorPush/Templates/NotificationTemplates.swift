/// A tenant's own notification texts, by message type and language. Kept with the tenant in memory and parsed once, when
/// they are set or read from disk.
public struct NotificationTemplates: Sendable, Hashable {
    private var byType: [MessageType: Languages] = [:]

    public init() {}

    /// What is set for a type, as it was sent: language → `{title, body}`.
    public func sent(for type: MessageType) -> RawJSON? { byType[type]?.sent }

    /// Sets, or with nil takes away, what is shown for a type.
    public mutating func set(_ languages: Languages?, for type: MessageType) { byType[type] = languages }

    /// The tenant's template for the first of these languages that it has one for. What the gateway passes on as CUSTOM
    /// is also shown as CUSTOM.
    func template(for type: MessageType, in languages: [String]) -> NotificationTemplate? {
        guard !byType.isEmpty,
            let known = byType[type] ?? (type.name == nil || type == .unknown ? byType[.custom] : nil)
        else { return nil }
        return languages.lazy.compactMap { known.byLanguage[$0] }.first
    }

    /// Some language of this type shows what is unread.
    func usesUnread(for type: MessageType) -> Bool {
        guard !byType.isEmpty else { return false }
        return [byType[type], byType[.custom]].contains { $0?.usesUnread == true }
    }

    /// The templates of one type.
    public struct Languages: Sendable, Hashable {
        /// Languages of one type.
        public static let countMax = 50
        /// Bytes of a template.
        public static let titleBytesMax = 512
        public static let bodyBytesMax = 2048

        /// As it was sent.
        public let sent: RawJSON
        fileprivate let byLanguage: [String: NotificationTemplate]
        fileprivate let usesUnread: Bool

        public static func == (left: Self, right: Self) -> Bool { left.sent == right.sent }
        public func hash(into hasher: inout Hasher) { hasher.combine(sent) }

        /// Reads `{"zh": {"title", "body"}, …}`. Throws `invalid_request` with a pointer to each fault.
        public init(checking body: RawJSON) throws(GatewayError) {
            let read = Self.read(body)
            if let first = read.faults.first {
                let detail =
                    read.faults.count == 1
                    ? "\(first.pointer): \(first.detail)" : "\(read.faults.count) members are not valid."
                throw GatewayError(.invalidRequest, detail, errors: read.faults)
            }
            self.init(sent: body, byLanguage: read.templates)
        }

        /// What the store kept. A language whose texts are not understood any more is left out.
        public init(stored body: RawJSON) { self.init(sent: body, byLanguage: Self.read(body).templates) }

        private init(sent: RawJSON, byLanguage: [String: NotificationTemplate]) {
            self.sent = sent
            self.byLanguage = byLanguage
            usesUnread = byLanguage.values.contains(where: \.usesUnread)
        }

        private typealias Reading = (templates: [String: NotificationTemplate], faults: [GatewayError.FieldFault])

        private static func read(_ body: RawJSON) -> Reading {
            var reading: Reading = ([:], [])
            func fault(_ path: [String], _ detail: String) {
                let parts = path.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }
                reading.faults.append(GatewayError.FieldFault(pointer: parts.joined(), detail: detail))
            }
            guard let members = body.object?.members, (1...countMax).contains(members.count) else {
                fault([], "Expected an object with 1 to \(countMax) languages.")
                return reading
            }
            var seen: Set<String> = []
            for member in members {
                guard LanguageTag.isValid(member.key) else {
                    fault([member.key], "This is not a language: expected a tag as zh, zh-Hant or en-GB.")
                    continue
                }
                let tag = LanguageTag.normalized(member.key)
                guard seen.insert(tag).inserted else {
                    fault([member.key], "This language is given twice.")
                    continue
                }
                reading.templates[tag] = template(member.value) { fault([member.key] + $0, $1) }
            }
            return reading
        }

        private static func template(
            _ json: RawJSON, fault: ([String], String) -> Void
        ) -> NotificationTemplate? {
            guard let object = json.object, !object.members.isEmpty else {
                fault([], "Expected an object with title, body or both.")
                return nil
            }
            var (template, isGood) = (NotificationTemplate(), true)
            for member in object.members {
                let path: WritableKeyPath<NotificationTemplate, TemplateText?>
                switch member.key {
                case "title": path = \.title
                case "body": path = \.body
                default:
                    fault([member.key], "Expected title or body.")
                    isGood = false
                    continue
                }
                let bytesMax = member.key == "title" ? titleBytesMax : bodyBytesMax
                guard template[keyPath: path] == nil, let source = member.value.string,
                    (1...bytesMax).contains(source.utf8.count)
                else {
                    fault([member.key], "Expected one text of 1 to \(bytesMax) bytes.")
                    isGood = false
                    continue
                }
                do throws(TemplateSyntax.Fault) {
                    template[keyPath: path] = try TemplateText(source)
                } catch {
                    fault([member.key], error.detail)
                    isGood = false
                }
            }
            return isGood ? template : nil
        }
    }
}
