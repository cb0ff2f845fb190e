import Crypto

/// Whom an app addresses instead of one `to`.
public struct Audience: Sendable, Hashable {
    public var users: [String] = []
    public var accounts: [String] = []
    public var groups: [String] = []
    /// Of those named above, or of everyone where nobody is, only who fits this; nil = all of them.
    public var tags: TagRule?
    /// Everyone of the tenant: true only where nothing else is named, for beside another kind it adds nothing.
    public var isEveryone = false
    /// A rule whose tags nobody ever got is no error: the send is for nobody.
    public var mayBeNobody = false

    public init() {}

    /// Everyone of the tenant.
    public static let everyone: Audience = {
        var audience = Audience()
        audience.isEveryone = true
        return audience
    }()

    /// Whether it is for anybody who fits rather than for whom the app has listed.
    public var needsBroadcastScope: Bool { isEveryone || tags != nil }
}

/// Which tags an account has to have: one of `any`, each of `all`, none of `not`. A list without names says nothing.
public struct TagRule: Sendable, Hashable {
    public var any: [String] = []
    public var all: [String] = []
    public var not: [String] = []

    public init() {}

    /// In one fixed order, so that two ways to write a rule are the same.
    public func write(into writer: inout JSONWriter) {
        for (name, tags) in [("any", any), ("all", all), ("not", not)] {
            let names = tags.filter { AttributeTag.parts(of: $0) == nil }
            if !names.isEmpty { writer.array(name) { writer in for tag in Set(names).sorted() { writer.string(tag) } } }
            // An attribute is shown by its name and its value, not by the tag that keeps it.
            let attributes = Set(tags.filter { AttributeTag.parts(of: $0) != nil }).sorted()
            guard !attributes.isEmpty else { continue }
            writer.array("\(name)Attributes") { writer in
                for case (let attribute, let value)? in attributes.map(AttributeTag.parts(of:)) {
                    writer.array { writer in
                        writer.string(attribute)
                        writer.string(value)
                    }
                }
            }
        }
    }
}

/// A message as its sender sent it, every rule that needs no look-up checked. There is no other way to make one than
/// ``init(parsing:as:limits:ids:now:)``, so holding one proves that it is valid.
public struct Message: Sendable {
    public enum Destination: Sendable, Equatable {
        /// An account, a group, or `user:{userId}` from an app; which of them is known in the archive's transaction.
        case to(String, target: String?)
        case audience(Audience)
    }

    public private(set) var id: String
    /// As named: an account, `user:{userId}`, or nil for the sender's own.
    public let from: String?
    public private(set) var destination: Destination
    public private(set) var type: MessageType
    private let sentType: MessageType
    /// What is archived and delivered.
    public private(set) var content: RawJSON
    /// What its sender wrote: other than ``content`` where the tenant's service has replaced that. Tells a repeat.
    public let sentContent: RawJSON
    public let timestamp: Milliseconds
    public let isBackground: Bool
    public let timeToLiveSeconds: Int64?
    public let push: PushOptions
    /// Whether the sender's own account gets an entry.
    public let syncsToSender: Bool
    public let countsUnread: Bool
    public let isEphemeral: Bool
    public private(set) var options: SendOptions

    /// The same with what the tenant's service wants in place of its content.
    func replacing(type: MessageType?, content: RawJSON) -> Message {
        var message = self
        message.type = type ?? self.type
        message.content = content
        return message
    }

    /// The same with the numbers that it will have, as far as they were left to the gateway.
    func fixingNumbers(_ ids: IDGenerator, at now: Milliseconds) -> Message {
        guard var numbers = options.numbers else { return self }
        numbers.reserved = numbers.reserved ?? ids.number()
        numbers.asked = numbers.asked ?? now / 1000
        var message = self
        message.options.numbers = numbers
        return message
    }

    /// The same to somebody else, as a message of its own.
    ///
    /// - Parameter name: an account or `user:{userId}`. Throws `invalid_request` where it can be neither.
    func copy(to name: String, id: String, options: SendOptions) throws(GatewayError) -> Message {
        guard Self.isName(name) else { throw .invalid("/to", "This is no name of anybody.") }
        var message = self
        message.id = id
        message.destination = .to(name, target: nil)
        message.options = options
        return message
    }

    /// Reads one message from a body. Throws `invalid_request` with a pointer for every fault, `too_large` for
    /// content over its limit, `tenant_mismatch` and `forbidden` for what the sender may not claim.
    public init(
        parsing body: RawJSON, as principal: Principal, limits: Limits, ids: IDGenerator, now: Milliseconds,
        options: SendOptions = .standard
    ) throws(GatewayError) {
        guard let object = body.object else { throw .invalid("", "The body must be a JSON object.") }
        self.options = options
        var reader = BodyReader(object)
        var byDevice = false
        if case .device = principal { byDevice = true }

        let sentID = reader.string("id") { IDRules.isMessageID($0) }
        if byDevice { _ = reader.required("id", sentID) }
        id = sentID ?? ids.message(at: now)

        let type = reader.required(
            "type", reader.value("type", expected: "an integer from -1 to 255 or a name") { MessageType(sent: $0) })
        self.type = type ?? .unknown
        sentType = type ?? .unknown
        let content = reader.required(
            "content",
            reader.value("content", expected: "an object") { value in
                value.kind == .object ? value : nil
            })
        self.content = content ?? .emptyObject
        sentContent = content ?? .emptyObject
        timestamp = reader.integer("timestamp", in: 0...9_007_199_254_740_991) ?? now
        isBackground = reader.bool("isBackground") ?? false
        timeToLiveSeconds = reader.integer("ttl", in: 1...limits.timeToLiveSecondsMax)
        syncsToSender = reader.bool("sync") ?? true
        countsUnread = reader.bool("countUnread") ?? true
        isEphemeral = reader.bool("ephemeral") ?? false
        if let options = reader.object("push"), let raw = object["push"] {
            push = PushOptions(sent: options, raw: raw, byDevice: byDevice, limits: limits, into: &reader)
        } else {
            push = .standard
        }
        from = reader.string("from") { Self.isName($0) }
        destination =
            options.audience.map(Destination.audience)
            ?? Self.readDestination(object, byDevice: byDevice, limits: limits, into: &reader)
        if let tenantNo = reader.string("tenantNo"), tenantNo != principal.tenant.tenantNo {
            throw GatewayError(.tenantMismatch, "tenantNo is not the credential's.")
        }
        if let content, content.bytes.count > limits.contentBytesMax {
            throw GatewayError(.tooLarge, "content is larger than \(limits.contentBytesMax) bytes.")
        }
        if let type, let object = content?.object {
            for fault in ContentRules.faults(of: object, type: type) {
                reader.fault(String(fault.pointer.dropFirst()), fault.detail)
            }
        }
        try reader.finish()
        if byDevice, case .audience = destination { throw GatewayError(.forbidden, "A device may not use audience.") }
        if case .audience(let audience) = destination, audience.needsBroadcastScope {
            _ = try principal.app(with: .broadcastSend)
            if isEphemeral, audience.tags != nil {
                throw .invalid("/ephemeral", "A message to tags cannot be ephemeral.")
            }
        }
        if case .device(let device) = principal, let from, from != device.account.id {
            throw GatewayError(.forbidden, "from must be the device's own account.")
        }
    }

    /// A name in `from`, `to` or `target`: an id, or `user:` and a user id.
    static func isName(_ text: String) -> Bool {
        text.hasPrefix("user:") ? IDRules.isUserID(String(text.dropFirst(5))) : IDRules.isID(text)
    }

    private static func readDestination(
        _ object: JSONObject, byDevice: Bool, limits: Limits, into reader: inout BodyReader
    ) -> Destination {
        let none = Destination.to("", target: nil)
        if let audience = object["audience"] {
            if object["to"] != nil { reader.fault("to", "Give either to or audience.") }
            guard let names = audience.object else {
                reader.fault("audience", "Expected an object.")
                return none
            }
            var list = BodyReader(names)
            let found = readAudience(names, limits: limits, into: &list)
            for fault in list.faults { reader.fault("audience" + fault.pointer, fault.detail) }
            return .audience(found)
        }
        let isEmptyTarget = object["target"]?.string == ""
        let target = isEmptyTarget ? nil : reader.string("target") { isName($0) }
        guard let to = reader.required("to", reader.string("to") { isName($0) }) else { return none }
        return .to(to, target: target)
    }

    private static func readAudience(
        _ names: JSONObject, limits: Limits, into list: inout BodyReader
    ) -> Audience {
        var found = Audience()
        found.users = list.strings("users", max: limits.audienceNamesMax, where: IDRules.isUserID) ?? []
        found.accounts = list.strings("accounts", max: limits.audienceNamesMax, where: isName) ?? []
        found.groups = list.strings("groups", max: limits.audienceNamesMax, where: IDRules.isID) ?? []
        if let rule = list.object("tags") {
            var tags = BodyReader(rule)
            var read = TagRule()
            read.any = tags.strings("any", max: limits.audienceTagsMax, where: IDRules.isTag) ?? []
            read.all = tags.strings("all", max: limits.audienceTagsMax, where: IDRules.isTag) ?? []
            read.not = tags.strings("not", max: limits.audienceTagsMax, where: IDRules.isTag) ?? []
            for member in rule.members where !["any", "all", "not"].contains(member.key) {
                tags.fault(member.key, "Expected any, all or not.")
            }
            if read == TagRule(), tags.faults.isEmpty { tags.fault("", "The rule names no tag.") }
            for fault in tags.faults { list.fault("tags" + fault.pointer, fault.detail) }
            found.tags = read
        }
        let isEveryone = list.bool("all") ?? false
        for member in names.members where !["users", "accounts", "groups", "tags", "all"].contains(member.key) {
            list.fault(member.key, "This kind of audience is not supported.")
        }
        // An empty list is nobody, and does not become everybody because of what stands beside it.
        let listsPeople = ["users", "accounts", "groups"].contains { names[$0] != nil }
        let namesPeople = !(found.users.isEmpty && found.accounts.isEmpty && found.groups.isEmpty)
        found.isEveryone = isEveryone && !listsPeople && found.tags == nil
        if listsPeople ? !namesPeople : found == Audience(), list.faults.isEmpty {
            list.fault("", "The audience names nobody.")
        }
        return found
    }

    /// Equal for two sends that say the same (contract details, *The same content*): from, to or audience, target,
    /// type and content as JSON; not the timestamp, not the options. `from` is the resolved sender, `to` and `target`
    /// are resolved accounts or groups, so that `user:x` and x's account are the same.
    public func digest(from: String, to: String, target: String?) -> [UInt8] {
        var hash = SHA256()
        let address = JSONWriter.object { writer in
            writer.member("from", from)
            writer.member("to", to)
            writer.member("target", target ?? "")
            writer.member("type", sentType.rawValue)
        }
        hash.update(data: address)
        sentContent.canonical.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }
}
