/// The other side of a conversation with its public id: an account, a group or an app.
public struct NamedPeer: Sendable, Hashable {
    public let peer: Peer
    public let id: String

    public init(peer: Peer, id: String) {
        self.peer = peer
        self.id = id
    }
}

extension NamedPeer {
    public init(_ account: AccountRef) { self.init(peer: .account(account.key), id: account.id) }

    public init(_ app: App) { self.init(peer: .app(app.key), id: app.appID) }

    /// nil for a group and an app, which have no inbox.
    public var account: AccountRef? {
        guard case .account(let key) = peer.name else { return nil }
        return AccountRef(key: key, id: id)
    }
}

/// In which direction a history is read.
public enum HistoryOrder: String, Sendable {
    /// Newest first.
    case descending = "desc"
    case ascending = "asc"
}

/// How far a history was read. It is merged from two streams, the account's entries and what was imported, and has a
/// place in each: what is added to one does not move the other.
public struct HistoryPosition: Sendable, Equatable {
    /// The last entry that was read; nil before the first.
    public var seq: Int64?
    /// The last imported message that was read; nil before the first.
    public var imported: Imported?

    public struct Imported: Sendable, Equatable {
        public let serverTime: Milliseconds
        public let messageID: String

        public init(serverTime: Milliseconds, messageID: String) {
            self.serverTime = serverTime
            self.messageID = messageID
        }
    }

    public static let start = HistoryPosition()

    public init(seq: Int64? = nil, imported: Imported? = nil) {
        self.seq = seq
        self.imported = imported
    }
}

/// What a page of history is asked for with.
public struct HistoryQuery: Sendable {
    public let account: AccountKey
    /// nil = all conversations.
    public let peer: Peer?
    /// Server time: inclusive.
    public let from: Milliseconds?
    /// Server time: exclusive.
    public let to: Milliseconds?
    public let order: HistoryOrder
    public let after: HistoryPosition
    public let limit: Int

    public init(
        account: AccountKey, peer: Peer?, from: Milliseconds? = nil, to: Milliseconds? = nil,
        order: HistoryOrder = .descending, after: HistoryPosition = .start, limit: Int
    ) {
        self.account = account
        self.peer = peer
        self.from = from
        self.to = to
        self.order = order
        self.after = after
        self.limit = limit
    }
}

/// A message as one account has it.
public struct AccountMessage: Sendable {
    public let message: ArchivedMessage
    /// nil for what was imported.
    public let seq: Int64?
    /// The account burned its own copy.
    public let isBurned: Bool

    public init(message: ArchivedMessage, seq: Int64?, isBurned: Bool) {
        self.message = message
        self.seq = seq
        self.isBurned = isBurned
    }

    /// The message as the account's devices receive it, with its newest content.
    func payload(account: String, now: Milliseconds) -> [UInt8] {
        DownlinkTemplate(message, isBurned: isBurned, now: now).payload(account: account, seq: seq)
    }
}

public struct HistoryPage: Sendable {
    public struct Item: Sendable {
        public let content: AccountMessage
        /// What a page that begins after this item is asked for with.
        public let position: HistoryPosition

        public init(content: AccountMessage, position: HistoryPosition) {
            self.content = content
            self.position = position
        }
    }

    public let items: [Item]
    /// Where the next page begins; nil when nothing follows.
    public let next: HistoryPosition?

    public init(items: [Item], next: HistoryPosition?) {
        self.items = items
        self.next = next
    }
}

/// One conversation of an account.
public struct Conversation: Sendable {
    public let peer: NamedPeer
    /// Its newest entry; 0 where everything in it was imported.
    public let lastSeq: Int64
    public let unread: Int
    public let last: AccountMessage
    public let position: ConversationPosition

    public init(
        peer: NamedPeer, lastSeq: Int64, unread: Int, last: AccountMessage, position: ConversationPosition
    ) {
        self.peer = peer
        self.lastSeq = lastSeq
        self.unread = unread
        self.last = last
        self.position = position
    }
}

/// A place in the list of conversations, which stands still while messages arrive: the order is that of the moment
/// when the list was begun.
public struct ConversationPosition: Sendable, Equatable {
    /// The newest entry of the account when the list was begun.
    public let head: Int64
    /// The conversation's newest entry then; 0 where everything in it was imported.
    public let lastSeq: Int64
    /// Time of the newest imported message, where there is nothing else.
    public let importedTime: Milliseconds
    /// Public id of the peer.
    public let peer: String

    public init(head: Int64, lastSeq: Int64, importedTime: Milliseconds, peer: String) {
        self.head = head
        self.lastSeq = lastSeq
        self.importedTime = importedTime
        self.peer = peer
    }
}

/// What an account has not read of one conversation.
public struct UnreadConversation: Sendable {
    public let peer: NamedPeer
    public let count: Int
    /// Ids of the oldest of them, oldest first; empty where they were not asked for.
    public let ids: [String]

    public init(peer: NamedPeer, count: Int, ids: [String]) {
        self.peer = peer
        self.count = count
        self.ids = ids
    }
}

/// A read cursor, as it is on disk.
public struct ReadOutcome: Sendable {
    public let seq: Int64
    public let unread: Int
    /// It was further back before.
    public let hasMoved: Bool

    public init(seq: Int64, unread: Int, hasMoved: Bool) {
        self.seq = seq
        self.unread = unread
        self.hasMoved = hasMoved
    }
}

/// Conversations of an account: their history, how far they were read, what is unread. Implemented by PushStorage.
public protocol ConversationStore: Sendable {
    /// The account behind an account id or `user:{userId}` of the tenant; nil when there is none.
    func account(named name: String, tenant: TenantKey) async throws -> AccountRef?
    /// The account, group or app behind a name; nil when the tenant has none. A group that was deleted can still be
    /// named, as long as no other has its id.
    func peer(named name: String, tenant: TenantKey) async throws -> NamedPeer?

    /// A page in the order of `seq`, merged by server time with what was imported. Each message is there once, with its
    /// newest content; events and what has expired or was erased by age are left out. Throws `invalid_request` for a
    /// position that is none.
    func history(_ query: HistoryQuery) async throws -> HistoryPage

    /// Where a history from the newest down stands when it has shown this message of a conversation; nil when the
    /// account has no such message in it.
    func position(of message: ArchivedMessage, in account: AccountKey, with peer: Peer) async throws -> HistoryPosition?

    /// The messages of this name, an id or an alias, that one of the two sent the other, oldest first. Numbers that
    /// senders chose may be those of one in either direction.
    func messages(
        naming name: String, between one: NamedPeer, and other: NamedPeer, tenant: Tenant
    ) async throws -> [ArchivedMessage]

    /// Which of these messages an account has read: its cursor in this conversation has passed them. What was imported
    /// has no place that a cursor could pass.
    func readMessages(
        among messages: [MessageKey], by account: AccountKey, with peer: Peer
    ) async throws -> Set<MessageKey>

    /// The newest entry of a conversation whose message was archived before `time`; 0 when there is none.
    func lastSeq(of account: AccountKey, with peer: Peer, before time: Milliseconds) async throws -> Int64

    /// Conversations by their newest entry, newest first; those that were imported whole come last.
    func conversations(
        of account: AccountKey, tenant: TenantKey, after position: ConversationPosition?, limit: Int
    ) async throws -> [Conversation]

    /// Conversations in which something is unread, the one with the newest unread entry first.
    ///
    /// - Parameters:
    ///   - idsPerPeer: how many ids are listed for one conversation at most.
    ///   - idsMax: how many for all.
    func unread(of account: AccountKey, idsPerPeer: Int, idsMax: Int) async throws -> [UnreadConversation]

    /// Moves a read cursor to `seq` (nil = the newest entry), never back and never beyond the newest entry. When it
    /// moves, the same transaction holds the events that tell of it, and waiting pushes of the account's devices for
    /// what was read have ended.
    func read(
        _ peer: NamedPeer, through seq: Int64?, of account: AccountRef, by principal: Principal, at now: Milliseconds
    ) async throws -> ReadOutcome
}
