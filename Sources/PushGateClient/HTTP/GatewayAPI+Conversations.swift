/// What an account has read and what not. Devices ask for their own account, apps name the `account`: an account id or
/// `user:{userId}`.
extension GatewayAPI {
    /// One page of the conversations, the most recent first.
    /// - Returns: `{items: [{peer, lastSeq, unread, last}], nextCursor}`.
    public func conversations(
        account: String? = nil, limit: Int? = nil, cursor: String? = nil
    ) async throws -> JSONValue {
        try await call(
            .get, ["v1", "conversations"],
            query: ["account": account, "limit": limit.map { String($0) }, "cursor": cursor]
        ).json()
    }

    /// Everything in the conversation with `peer` up to `seq` was read, or all of it. Never goes back.
    /// - Returns: `{peer, seq, unread}` as they are now.
    @discardableResult
    public func markRead(_ peer: String, through seq: Int64? = nil, account: String? = nil) async throws -> JSONValue {
        try await call(
            .post, ["v1", "conversations", peer, "read"], query: ["account": account],
            body: .object(["seq": seq.map { .number(String($0)) }])
        ).json()
    }

    /// - Parameter listsIDs: also the ids behind each number, oldest first.
    /// - Returns: `{total, peers: [{peer, unread, ids?}], more?}`.
    public func unread(account: String? = nil, listsIDs: Bool = false) async throws -> JSONValue {
        try await call(
            .get, ["v1", "unread"], query: ["account": account, "ids": listsIDs ? "true" : nil]
        ).json()
    }
}
