/// History and read state over MQTT.
extension DeviceClient {
    /// One page of a conversation (`with` an account, group or app) or of all, newest first unless `order` is `asc`.
    /// - Parameters:
    ///   - from: server time in milliseconds, inclusive.
    ///   - to: the same, exclusive.
    /// - Returns: `{items, nextCursor, more}`.
    public func history(
        with peer: String? = nil, from: Int64? = nil, to: Int64? = nil, order: String? = nil, limit: Int? = nil,
        cursor: String? = nil
    ) async throws -> JSONValue {
        try await request(
            "history",
            .object([
                "with": peer.map { .string($0) }, "from": from.map { .number(String($0)) },
                "to": to.map { .number(String($0)) }, "order": order.map { .string($0) },
                "limit": limit.map { .number(String($0)) }, "cursor": cursor.map { .string($0) },
            ]))
    }

    /// Everything in the conversation with `peer` up to `seq` was read, or all of it. Never goes back.
    /// - Returns: `{peer, seq, unread}` as they are now.
    @discardableResult
    public func markRead(_ peer: String, through seq: Int64? = nil) async throws -> JSONValue {
        try await request(
            "read", .object(["peer": .string(peer), "seq": seq.map { .number(String($0)) }]))
    }

    /// - Parameter listsIDs: also the ids behind each number, oldest first.
    /// - Returns: `{total, peers: [{peer, unread, ids?}], more}`.
    public func unread(listsIDs: Bool = false) async throws -> JSONValue {
        try await request("unread", ["ids": .bool(listsIDs)])
    }
}
