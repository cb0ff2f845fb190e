/// What two sides wrote to each other, for a service that names both. A side is an account or the app that asks, which
/// has no inbox of its own: what it wrote is in the other side's.
public struct PairHistoryRequest: Sendable {
    /// Server time: inclusive.
    public var from: Milliseconds?
    /// Server time: exclusive.
    public var to: Milliseconds?
    /// Only what is older than this message, by its id or alias.
    public var olderThan: String?
    public var limit: Int

    public init(from: Milliseconds? = nil, to: Milliseconds? = nil, olderThan: String? = nil, limit: Int) {
        self.from = from
        self.to = to
        self.olderThan = olderThan
        self.limit = limit
    }
}

public struct PairHistory: Sendable {
    public struct Item: Sendable {
        public let content: AccountMessage
        /// The reader sent it, not the other side.
        public let isFromReader: Bool
        /// Who received it has read it.
        public let isRead: Bool

        public var message: ArchivedMessage { content.message }
    }

    /// Newest first.
    public let items: [Item]
    /// There is more in the range that is older.
    public let hasMore: Bool
}

extension Conversations {
    /// The side that a user's name stands for; nil when the tenant has no such user.
    public func side(userID: String, as principal: Principal) async throws -> NamedPeer? {
        guard IDRules.isUserID(userID) else { return nil }
        return try await store.account(named: "user:" + userID, tenant: principal.tenant.key).map { NamedPeer($0) }
    }

    /// A page of a conversation as the reader has it, from the newest down. Only a page that nothing follows has fewer
    /// than `limit` items. Scope `messages:read`.
    ///
    /// Throws `not_found` where the conversation has no message of the name in `olderThan`.
    public func history(
        of reader: NamedPeer, with other: NamedPeer, _ request: PairHistoryRequest, as principal: Principal
    ) async throws -> PairHistory {
        _ = try principal.app(with: .messagesRead)
        let (owner, peer) = reader.account.map { ($0, other.peer) } ?? (other.account, reader.peer)
        guard let owner else { return PairHistory(items: [], hasMore: false) }
        var next: HistoryPosition? = .start
        if let name = request.olderThan {
            next = try await position(named: name, owner, reader, other, as: principal, peer: peer)
        }
        var found: [AccountMessage] = []
        // A step may end early where there is much that nobody sees any more.
        while let position = next, found.count < request.limit {
            let page = try await store.history(
                HistoryQuery(
                    account: owner.key, peer: peer, from: request.from, to: request.to, after: position,
                    limit: request.limit - found.count))
            found += page.items.map(\.content)
            next = page.next
        }
        return PairHistory(items: try await items(found, reader, other), hasMore: next != nil)
    }

    private func position(
        named name: String, _ owner: AccountRef, _ reader: NamedPeer, _ other: NamedPeer, as principal: Principal,
        peer: Peer
    ) async throws -> HistoryPosition {
        let named = try await store.messages(naming: name, between: reader, and: other, tenant: principal.tenant)
        // Of two with one name the older one: nothing is listed twice for ever.
        for message in named {
            if let position = try await store.position(of: message, in: owner.key, with: peer) { return position }
        }
        throw Self.unknownMessage
    }

    private func items(
        _ found: [AccountMessage], _ reader: NamedPeer, _ other: NamedPeer
    ) async throws -> [PairHistory.Item] {
        let sent = found.filter { $0.message.sender(is: reader) }.map(\.message.key)
        let received = found.filter { !$0.message.sender(is: reader) }.map(\.message.key)
        let read = try await readMessages(sent, by: other, with: reader)
            .union(readMessages(received, by: reader, with: other))
        return found.map { content in
            PairHistory.Item(
                content: content, isFromReader: content.message.sender(is: reader),
                isRead: read.contains(content.message.key))
        }
    }

    private func readMessages(
        _ messages: [MessageKey], by receiver: NamedPeer, with sender: NamedPeer
    ) async throws -> Set<MessageKey> {
        guard let account = receiver.account, !messages.isEmpty else { return [] }
        return try await store.readMessages(among: messages, by: account.key, with: sender.peer)
    }

    /// The one message of this name, an id or an alias, that `sender` sent to `receiver` alone: of several the first that
    /// still is what it was. Scope `messages:send`: whoever asks is about to change it.
    ///
    /// Throws `not_found`, also for a message to an audience that the receiver was in: it is not this receiver's alone,
    /// and what is done to it is done for all.
    public func message(
        named name: String, from sender: NamedPeer, to receiver: NamedPeer, as principal: Principal
    ) async throws -> ArchivedMessage {
        _ = try principal.app(with: .messagesSend)
        let named = try await store.messages(naming: name, between: sender, and: receiver, tenant: principal.tenant)
        let sent = named.filter { $0.form == .single && $0.sender(is: sender) }
        guard let found = sent.first(where: { $0.state == .live }) ?? sent.first else { throw Self.unknownMessage }
        return found
    }

    /// Whether one of two sides sent the other a message of this alias, whatever became of it. Scope `messages:send`.
    public func hasMessage(
        alias: String, between one: NamedPeer, and other: NamedPeer, as principal: Principal
    ) async throws -> Bool {
        _ = try principal.app(with: .messagesSend)
        return try await store.messages(naming: alias, between: one, and: other, tenant: principal.tenant)
            .contains { MessageAliases(of: $0).contains(alias) }
    }

    private static let unknownMessage = GatewayError(.notFound, "There is no such message.")

    /// An account has read a conversation up to a time, or all of it. Scope `messages:send`, as with any `read` of an
    /// app.
    ///
    /// - Parameter time: exclusive.
    public func read(
        _ peer: NamedPeer, before time: Milliseconds?, of account: AccountRef, as principal: Principal
    ) async throws {
        _ = try principal.app(with: .messagesSend)
        var seq: Int64?
        if let time { seq = try await store.lastSeq(of: account.key, with: peer.peer, before: time) }
        let outcome = try await store.read(peer, through: seq, of: account, by: principal, at: clock.now)
        if outcome.hasMoved { await changes.devicesChanged() }
    }

    /// How much is unread in each conversation of an account where anything is. Scope `messages:read`.
    public func unreadCounts(of account: AccountRef, as principal: Principal) async throws -> [Peer: Int] {
        _ = try principal.app(with: .messagesRead)
        let found = try await store.unread(of: account.key, idsPerPeer: 0, idsMax: 0)
        return Dictionary(found.map { ($0.peer.peer, $0.count) }, uniquingKeysWith: +)
    }
}

extension ArchivedMessage {
    /// Whether this side sent it. What an app sent for an account is the account's.
    public func sender(is side: NamedPeer) -> Bool { sender == side.peer }
}
