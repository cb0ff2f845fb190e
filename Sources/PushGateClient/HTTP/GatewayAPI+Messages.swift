/// What senders do, devices and apps alike.
extension GatewayAPI {
    /// Returns when the message is archived with its audience, on disk. Repeat it with the same `id` until it has.
    @discardableResult
    public func send(_ message: OutgoingMessage) async throws -> SendReceipt {
        try SendReceipt(await call(.post, ["v1", "messages"], body: message.json).json())
    }

    /// Up to 500 messages, each accepted or refused on its own: `id`, `status` and more per message.
    public func send(_ messages: [OutgoingMessage]) async throws -> [JSONValue] {
        let answer = try await call(
            .post, ["v1", "messages", "batch"], body: ["messages": .array(messages.map(\.json))])
        return try answer.json()["results"]?.array ?? []
    }

    /// History with its original ids and times, up to 500 messages a call; a repeat changes nothing. Each needs `from`.
    ///
    /// - Parameter dryRun: checks everything, writes nothing.
    /// - Returns: `{results, imported, exists, refused}`.
    @discardableResult
    public func importMessages(_ messages: [OutgoingMessage], dryRun: Bool = false) async throws -> JSONValue {
        try await call(
            .post, ["v1", "messages", "import"],
            body: .object(["messages": .array(messages.map(\.json)), "dryRun": dryRun ? true : nil])
        ).json()
    }

    /// `{message, aliases, trace?}`; the trace is for apps and says per device what happened and why.
    public func message(_ id: String) async throws -> JSONValue {
        try await call(.get, ["v1", "messages", id]).json()
    }

    /// Finds a message by any of its names: `id`, a Tencent `MsgKey` or client `msgID`.
    public func lookUpMessage(_ key: String) async throws -> JSONValue {
        try await call(.get, ["v1", "messages", "lookup"], query: ["key": key]).json()
    }

    @discardableResult
    public func updateMessage(_ id: String, content: JSONValue) async throws -> JSONValue {
        try await call(.post, ["v1", "messages", id, "update"], body: ["content": content]).json()
    }

    @discardableResult
    public func revokeMessage(_ id: String) async throws -> JSONValue {
        try await call(.post, ["v1", "messages", id, "revoke"]).json()
    }

    @discardableResult
    public func burnMessage(_ id: String) async throws -> JSONValue {
        try await call(.post, ["v1", "messages", id, "burn"]).json()
    }

    /// One page of a conversation (`with` an account, group or app) or of all; apps name the `account`.
    /// - Parameters:
    ///   - from: server time in milliseconds, inclusive.
    ///   - to: the same, exclusive.
    ///   - order: `desc` (newest first, the default) or `asc`.
    /// - Returns: `{items, nextCursor}`.
    public func history(
        with peer: String? = nil, account: String? = nil, from: Int64? = nil, to: Int64? = nil, order: String? = nil,
        limit: Int? = nil, cursor: String? = nil
    ) async throws -> JSONValue {
        try await call(
            .get, ["v1", "messages", "history"],
            query: [
                "with": peer, "account": account, "from": from.map { String($0) }, "to": to.map { String($0) },
                "order": order, "limit": limit.map { String($0) }, "cursor": cursor,
            ]
        ).json()
    }
}
