/// What a push is for. Phone vendors give service and communication their own, larger quota and let it ring; what is
/// sent to many is counted, limited and often silent. The sender says it with `push.class`.
public enum MessageClass: Int, Sendable, CaseIterable {
    /// Between people, or a service that the person asked for.
    case transactional = 0
    case marketing = 1

    /// The name in `push.class` and in the ledger.
    public var name: String {
        switch self {
        case .transactional: "transactional"
        case .marketing: "marketing"
        }
    }

    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

extension ArchivedMessage {
    /// As the sender said; else what goes to everyone or to tags is marketing, and the rest is not.
    public var messageClass: MessageClass {
        if let named = push.raw.object?["class"]?.string.flatMap(MessageClass.init(name:)) { return named }
        return form == .broadcast || isToTags ? .marketing : .transactional
    }

    /// Of a message to an audience `to` is the audience as its sender wrote it.
    private var isToTags: Bool {
        form == .audience && RawJSON(archived: Array(to.utf8)).object?["tags"] != nil
    }
}
