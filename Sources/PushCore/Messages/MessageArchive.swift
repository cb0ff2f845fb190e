/// The answer to a send: what is on disk when it is given.
public struct Acceptance: Sendable, Equatable {
    public let id: String
    public let serverTime: Milliseconds
    /// Receiving accounts without the sender; nil while a large audience is still being expanded.
    public let recipients: Int?
    public let isDuplicate: Bool
    /// Position of the sender's own copy, if it has one.
    public let ownSeq: Int64?
    /// Names in an audience that nobody answers to.
    public let unknown: [String]
    /// It reaches its receivers by a job, which may be watched and stopped (``Broadcasts``).
    public let isJob: Bool
    /// The names it can be called by besides its id, where it was sent with numbers of its own (``SendOptions``).
    public let numbers: MessageNumbers?
    public let aliases: MessageAliases?
    /// Its place in its group.
    public let groupSeq: Int64?

    public init(
        id: String, serverTime: Milliseconds, recipients: Int?, isDuplicate: Bool, ownSeq: Int64?,
        unknown: [String] = [], isJob: Bool = false, numbers: MessageNumbers? = nil, aliases: MessageAliases? = nil,
        groupSeq: Int64? = nil
    ) {
        self.numbers = numbers
        self.aliases = aliases
        self.groupSeq = groupSeq
        self.isJob = isJob
        self.id = id
        self.serverTime = serverTime
        self.recipients = recipients
        self.isDuplicate = isDuplicate
        self.ownSeq = ownSeq
        self.unknown = unknown
    }

    /// The HTTP status of this answer, which a batch reports too.
    public var status: Int { isJob ? 202 : 200 }

    public var json: RawJSON {
        .object { writer in
            writer.member("id", id)
            writer.member("serverTime", serverTime)
            writer.member("recipients", ifPresent: recipients)
            writer.member("duplicate", isDuplicate)
            writer.member("seq", ifPresent: ownSeq)
            if !unknown.isEmpty { writer.array("unknown") { for name in unknown { $0.string(name) } } }
        }
    }
}

/// A page of an inbox, oldest first.
public struct InboxPage: Sendable {
    public struct Item: Sendable {
        public let entry: InboxEntry
        public let message: ArchivedMessage
        /// The account burned its own copy of a message that others still have.
        public let isBurned: Bool

        public init(entry: InboxEntry, message: ArchivedMessage, isBurned: Bool = false) {
            self.entry = entry
            self.message = message
            self.isBurned = isBurned
        }
    }

    public let items: [Item]
    /// The newest `seq` of the account; 0 when its inbox is empty.
    public let head: Int64

    public init(items: [Item], head: Int64) {
        self.items = items
        self.head = head
    }
}

/// How far a device has stored what it was sent.
public struct Cursor: Sendable, Equatable {
    public let seq: Int64
    public let broadcastSeq: Int64

    public init(seq: Int64, broadcastSeq: Int64) {
        self.seq = seq
        self.broadcastSeq = broadcastSeq
    }

    public var json: RawJSON {
        .object { writer in
            writer.member("seq", seq)
            writer.member("broadcastSeq", broadcastSeq)
        }
    }
}

/// The archive of originals and the inboxes made from them. Implemented by PushStorage.
public protocol MessageArchive: Sendable {
    /// Archives a message with its audience in one synced transaction: sender, receivers and membership are looked up
    /// inside it. When it returns, the message survives any crash, and its entries are in the log or will be put there
    /// by the expansion of a large audience. Repeating it with the same content gives the first answer again.
    ///
    /// Throws `recipient_not_found`, `not_a_member`, `message_id_conflict`, and `overloaded` before anything is
    /// accepted when the writer's queue is full.
    func accept(_ message: Message, from principal: Principal) async throws -> Acceptance

    /// The same for several messages, one after the other: each has its own outcome, a refusal undoes that message
    /// alone. They are committed in parts; from the first part that cannot be written on, every outcome is its error.
    ///
    /// Throws `overloaded` when that was the first part: nothing was accepted.
    func accept(_ messages: [Message], from principal: Principal) async throws -> [Result<Acceptance, GatewayError>]

    /// What would be archived now, with the checks of ``accept(_:from:)``; nothing is written. nil for a repeat, which
    /// nobody is asked about again, and for an id that is taken.
    func question(about message: Message, from principal: Principal) async throws -> MessageQuestion?

    /// Entries after `seq`, oldest first, at most `limit`.
    func inbox(of account: AccountKey, after seq: Int64, limit: Int) async throws -> InboxPage

    /// An original by its id, with whether the principal's account sent or received it.
    func message(id: String, tenant: TenantKey) async throws -> ArchivedMessage?

    /// An original by any of its names, its id or an alias (``MessageAliases``): of several the one that who asks has to
    /// do with. Throws `conflict` where it is the alias of several that could be meant.
    func message(naming name: String, for principal: Principal) async throws -> ArchivedMessage?

    /// Whether the account has an entry of the message, or the message in its imported history.
    func hasEntry(of message: MessageKey, account: AccountKey) async throws -> Bool

    /// Whether the account burned its own copy of a message that others still have.
    func hasBurned(_ message: ArchivedMessage, account: AccountKey) async throws -> Bool

    /// Expands the next page of accounts of an accepted message. False when nothing is left to expand. Sends to tags are
    /// expanded by their jobs.
    func expandNextPage() async throws -> Bool

    /// What is on a tenant's broadcast channel after `seq`, oldest first, at most `limit`; with 0 only the head.
    func broadcasts(of tenant: TenantKey, after seq: Int64, limit: Int) async throws -> BroadcastPage

    /// Who would receive this ephemeral message now, with the same checks as `accept`. Nothing is written.
    func receivers(of message: Message, from principal: Principal) async throws -> EphemeralDelivery
}

/// What a tenant's service is asked about: a message as it would be archived now.
public struct MessageQuestion: Sendable {
    /// Without a key.
    public let message: ArchivedMessage
    /// The user behind the sender; nil for an app.
    public let sender: String?
    /// The user behind the one receiver, or behind `target`.
    public let receiver: String?
    /// Tencent's `Type` of the group.
    public let groupType: String?

    public init(message: ArchivedMessage, sender: String?, receiver: String?, groupType: String?) {
        self.message = message
        self.sender = sender
        self.receiver = receiver
        self.groupType = groupType
    }
}

/// A message that is never archived, with the accounts that are to get it now.
public struct EphemeralDelivery: Sendable {
    public let message: ArchivedMessage
    public let accounts: [AccountRef]

    public init(message: ArchivedMessage, accounts: [AccountRef]) {
        self.message = message
        self.accounts = accounts
    }
}

/// Acknowledgements of devices. Implemented by PushStorage.
public protocol ReceiptStore: Sendable {
    /// Moves a device's cursor to `seq`, never back and never beyond the head, and returns it as stored on disk.
    func acknowledge(_ device: DeviceIdentity, seq: Int64?, broadcastSeq: Int64?) async throws -> Cursor
}
