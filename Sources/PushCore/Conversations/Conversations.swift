/// What accounts and apps ask about conversations (contract, section 4, `history`, `conversations`, `read`, `unread`).
///
/// A device asks for its own account and may name that one only; an app names the account.
public struct Conversations: Sendable {
    let store: any ConversationStore
    let changes: any DeviceChanges
    private let limits: Limits
    let clock: WallClock

    /// - Parameter changes: told when something was read, so that no push begins for it any more.
    public init(store: any ConversationStore, changes: any DeviceChanges, limits: Limits, clock: WallClock) {
        self.store = store
        self.changes = changes
        self.limits = limits
        self.clock = clock
    }

    // MARK: History

    /// One page of one conversation or of all.
    ///
    /// - Parameter bytesMax: the page ends before it would grow beyond this, but always holds one item, and then also
    ///   says whether there is `more`; nil = only `limit` counts.
    public func history(
        _ request: HistoryRequest, as principal: Principal, bytesMax: Int? = nil
    ) async throws -> RawJSON {
        let account = try await account(request.account, as: principal, scope: .messagesRead)
        let peer: NamedPeer? = if let name = request.with { try await known(name, "with", as: principal) } else { nil }
        let cursor = HistoryCursor(account: account.id, with: peer?.id ?? "", order: request.order)
        let page = try await store.history(
            HistoryQuery(
                account: account.key, peer: peer?.peer, from: request.from, to: request.to, order: request.order,
                after: try cursor.position(request.page.cursor), limit: request.page.limit))
        let now = clock.now
        var payloads: [[UInt8]] = []
        // Room for the members beside the items.
        var bytes = Self.pageFrameBytes
        for item in page.items {
            let payload = item.content.payload(account: account.id, now: now)
            bytes += payload.count + 1
            if let bytesMax, bytes > bytesMax, !payloads.isEmpty { break }
            payloads.append(payload)
        }
        let isCut = payloads.count < page.items.count
        let next = isCut ? page.items[payloads.count - 1].position : page.next
        return .object(reserving: bytes) { writer in
            writer.array("items") { writer in for item in payloads { writer.raw(RawJSON(archived: item)) } }
            if let next { writer.member("nextCursor", cursor.text(next)) } else { writer.null("nextCursor") }
            if bytesMax != nil { writer.member("more", next != nil) }
        }
    }

    private static let pageFrameBytes = 512

    // MARK: Conversations

    /// The account's conversations, the most recent first.
    public func list(_ page: PageRequest, of name: String?, as principal: Principal) async throws -> RawJSON {
        let account = try await account(name, as: principal, scope: .messagesRead)
        let found = try await store.conversations(
            of: account.key, tenant: principal.tenant.key,
            after: try page.cursor.map(ConversationPosition.init(cursor:)),
            limit: page.limit + 1)
        let now = clock.now
        return page.answer(found, cursor: \.position.cursor) { writer, conversation in
            writer.object { writer in
                writer.member("peer", conversation.peer.id)
                writer.member("lastSeq", conversation.lastSeq)
                writer.member("unread", conversation.unread)
                writer.member(
                    "last", RawJSON(archived: conversation.last.payload(account: account.id, now: now)))
            }
        }
    }

    // MARK: Read state

    /// The `read` request of either door: everything up to `seq` in the conversation with `peer` was read, or all of
    /// it.
    ///
    /// - Parameters:
    ///   - peer: where the body does not name it.
    ///   - account: the same.
    public func read(
        _ body: RawJSON, peer: String? = nil, account: String? = nil, as principal: Principal
    ) async throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let seq = reader.integer("seq", in: 0...Int64.max)
        let named = reader.string("account")
        if let named, let account, named != account { reader.fault("account", "The query names another account.") }
        let peerName = peer == nil ? reader.required("peer", reader.string("peer")) : peer
        try reader.finish()
        // An app changes what others see of the account, and ends its notifications.
        let ref = try await self.account(account ?? named, as: principal, scope: .messagesSend)
        let known = try await known(peerName ?? "", "peer", as: principal)
        let outcome = try await store.read(known, through: seq, of: ref, by: principal, at: clock.now)
        if outcome.hasMoved { await changes.devicesChanged() }
        return .object { writer in
            writer.member("peer", known.id)
            writer.member("seq", outcome.seq)
            writer.member("unread", outcome.unread)
        }
    }

    /// What the account has not read: the total, and per conversation where there is any.
    ///
    /// - Parameter bytesMax: ids, and then conversations, are left out beyond this; `more` says so.
    public func unread(
        _ request: UnreadRequest, as principal: Principal, bytesMax: Int? = nil
    ) async throws -> RawJSON {
        let account = try await account(request.account, as: principal, scope: .messagesRead)
        let found = try await store.unread(
            of: account.key, idsPerPeer: request.wantsIDs ? limits.unreadIDsPerPeerMax : 0,
            idsMax: request.wantsIDs ? limits.unreadIDsMax : 0)
        return UnreadAnswer(conversations: found, wantsIDs: request.wantsIDs, bytesMax: bytesMax).json
    }

    // MARK: Names

    /// Throws `forbidden` where a device names another account than its own, `recipient_not_found` where the tenant has
    /// none of that name.
    private func account(_ name: String?, as principal: Principal, scope: Scope) async throws -> AccountRef {
        switch principal {
        case .device(let device):
            guard let name, name != device.account.id else { return device.account }
            guard try await known(name, as: principal) == device.account else {
                throw GatewayError(.forbidden, "A device may name only its own account.")
            }
            return device.account
        case .app:
            _ = try principal.app(with: scope)
            guard let name else { throw GatewayError.invalid("/account", "An app has to name the account.") }
            return try await known(name, as: principal)
        }
    }

    private func known(_ name: String, as principal: Principal) async throws -> AccountRef {
        guard let account = try await store.account(named: name, tenant: principal.tenant.key) else {
            throw Self.unknown("account", name)
        }
        return account
    }

    private func known(_ name: String, _ member: String, as principal: Principal) async throws -> NamedPeer {
        guard let peer = try await store.peer(named: name, tenant: principal.tenant.key) else {
            throw Self.unknown(member, name)
        }
        return peer
    }

    private static func unknown(_ member: String, _ name: String) -> GatewayError {
        let detail = "Nobody is known by the name \(name.prefix(200))."
        return GatewayError(.recipientNotFound, detail, errors: [.init(pointer: "/\(member)", detail: detail)])
    }
}

extension ConversationPosition {
    private static let fieldCount = 4

    var cursor: String { "\(head)|\(lastSeq)|\(importedTime)|\(peer)" }

    init(cursor: String) throws(GatewayError) {
        let fields = cursor.split(
            separator: "|", maxSplits: Self.fieldCount - 1, omittingEmptySubsequences: false)
        guard fields.count == Self.fieldCount, let head = Int64(fields[0]), let lastSeq = Int64(fields[1]),
            let time = Milliseconds(fields[2]), head >= 0, (0...head).contains(lastSeq), !fields[3].isEmpty
        else { throw PageRequest.unknownCursor }
        self.init(head: head, lastSeq: lastSeq, importedTime: time, peer: String(fields[3]))
    }
}
