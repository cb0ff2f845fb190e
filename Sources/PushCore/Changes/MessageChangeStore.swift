/// New content of a message, as its sender gave it.
public struct MessageEdit: Sendable {
    public let content: RawJSON
    /// The sender's clock at the edit; nil = the message keeps the one it has.
    public let timestamp: Milliseconds?

    /// Throws `invalid_request` with a pointer for every fault that needs no look at the message, and `too_large`.
    public init(parsing body: RawJSON, limits: Limits) throws(GatewayError) {
        var reader = try BodyReader(parsing: body)
        let content = reader.required(
            "content", reader.value("content", expected: "an object") { $0.kind == .object ? $0 : nil })
        timestamp = reader.integer("timestamp", in: 0...9_007_199_254_740_991)
        if let content, content.bytes.count > limits.contentBytesMax {
            throw GatewayError(.tooLarge, "content is larger than \(limits.contentBytesMax) bytes.")
        }
        try reader.finish()
        self.content = content ?? .emptyObject
    }

    /// Throws `invalid_request` where the content is none of this type.
    public func check(type: MessageType) throws(GatewayError) {
        let faults = content.object.map { ContentRules.faults(of: $0, type: type) } ?? []
        guard let first = faults.first else { return }
        throw GatewayError(.invalidRequest, "\(first.pointer): \(first.detail)", errors: faults)
    }

    /// Whether a message with this content needs no change: equal as JSON.
    public func isSame(as content: RawJSON) -> Bool {
        self.content.bytes == content.bytes || self.content.canonical.bytes == content.canonical.bytes
    }
}

/// The answer to an edit.
public struct MessageRevision: Sendable, Equatable {
    /// The message's own id, whichever of its names it was called by.
    public let id: String
    public let revision: Int
    /// When this revision was archived.
    public let serverTime: Milliseconds
    /// Whether everybody with a copy has been told; the rest of a large audience is told page by page.
    public let isFollowed: Bool

    public init(id: String, revision: Int, serverTime: Milliseconds, isFollowed: Bool) {
        self.id = id
        self.revision = revision
        self.serverTime = serverTime
        self.isFollowed = isFollowed
    }
}

/// The answer to a revocation or a burning.
public struct MessageErasure: Sendable, Equatable {
    /// The message's own id, whichever of its names it was called by.
    public let id: String
    /// When it was erased the first time.
    public let at: Milliseconds
    /// Whether everybody with a copy has been told.
    public let isFollowed: Bool

    public init(id: String, at: Milliseconds, isFollowed: Bool) {
        self.id = id
        self.at = at
        self.isFollowed = isFollowed
    }
}

/// Changes of archived messages, each in one transaction with the events that tell of it. Implemented by PushStorage.
public protocol MessageChangeStore: Sendable {
    func update(_ id: String, to edit: MessageEdit, by principal: Principal) async throws -> MessageRevision
    func revoke(_ id: String, by principal: Principal) async throws -> MessageErasure
    func burn(_ id: String, by device: DeviceIdentity) async throws -> MessageErasure

    /// Erases a bounded page of what the tenants' retention no longer keeps. True when there may be more.
    func eraseOutlived() async throws -> Bool
}
