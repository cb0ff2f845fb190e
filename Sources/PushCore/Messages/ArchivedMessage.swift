/// How `from`, `to` and `target` of a message become those of a receiver's copy (contract, section 2).
public enum AddressForm: Int, Sendable {
    /// `from` and `to` as written; an entry in an inbox keeps them.
    case single = 0
    /// From the group, to the member, the sender in `target`.
    case group = 1
    /// To each account of an audience: `from` the sender, `to` the receiver.
    case audience = 2
    /// To everyone of the tenant at once, on its broadcast channel.
    case broadcast = 3
}

/// An original in the archive, with everything that its copies are made of.
public struct ArchivedMessage: Sendable {
    public enum State: Int, Sendable {
        case live = 0
        case revoked = 1
        case burned = 2
    }

    public let key: MessageKey
    public let tenantKey: TenantKey
    public let tenantNo: String
    public let id: String
    public let form: AddressForm
    public let from: String
    public let to: String
    public let target: String?
    public let type: MessageType
    /// nil once erased.
    public let content: RawJSON?
    public let timestamp: Milliseconds
    public let isBackground: Bool
    public let serverTime: Milliseconds
    public let revision: Int
    public let timeToLiveSeconds: Int64?
    public let state: State
    public let push: PushOptions
    /// The account that sent it; nil when an app did so in its own name.
    public let senderAccount: AccountKey?
    /// The app that sent it, in its own name or for an account; nil when a device did.
    public let senderApp: AppKey?
    public let groupKey: GroupKey?
    /// When it was revoked or burned.
    public let changedAt: Milliseconds?
    /// Copies that their receivers burned one by one, while others still have theirs.
    public let burnedCount: Int
    /// The numbers it was sent with; nil for one that has only what its row makes of it.
    public let numbers: MessageNumbers?
    /// Its place in its group; nil outside of groups and for events.
    public let groupSeq: Int64?

    public init(
        key: MessageKey, tenantKey: TenantKey, tenantNo: String, id: String, form: AddressForm, from: String,
        to: String, target: String?, type: MessageType, content: RawJSON?, timestamp: Milliseconds,
        isBackground: Bool, serverTime: Milliseconds, revision: Int, timeToLiveSeconds: Int64?, state: State,
        push: PushOptions, senderAccount: AccountKey? = nil, senderApp: AppKey? = nil, groupKey: GroupKey? = nil,
        changedAt: Milliseconds? = nil, burnedCount: Int = 0, numbers: MessageNumbers? = nil, groupSeq: Int64? = nil
    ) {
        self.key = key
        self.tenantKey = tenantKey
        self.tenantNo = tenantNo
        self.id = id
        self.form = form
        self.from = from
        self.to = to
        self.target = target
        self.type = type
        self.content = content
        self.timestamp = timestamp
        self.isBackground = isBackground
        self.serverTime = serverTime
        self.revision = revision
        self.timeToLiveSeconds = timeToLiveSeconds
        self.state = state
        self.push = push
        self.senderAccount = senderAccount
        self.senderApp = senderApp
        self.groupKey = groupKey
        self.changedAt = changedAt
        self.burnedCount = burnedCount
        self.numbers = numbers
        self.groupSeq = groupSeq
    }

    /// The conversation that the message belongs to for those who received it.
    public var receiverPeer: Peer {
        if type.isEvent { return .none }
        if let groupKey { return .group(groupKey) }
        if let senderAccount { return .account(senderAccount) }
        return senderApp.map(Peer.app) ?? .none
    }

    /// When the message's life ends; nil when it has no end.
    public var expiresAt: Milliseconds? { timeToLiveSeconds.map { serverTime + $0 * 1000 } }

    /// Seconds from `serverTime` that a push of it may wait, as far as its sender said so: the shorter of `ttl` and
    /// `push.ttl`.
    public var pushLifeSeconds: Int64? { [timeToLiveSeconds, push.timeToLiveSeconds].compactMap(\.self).min() }

    public func isExpired(at now: Milliseconds) -> Bool { expiresAt.map { now >= $0 } ?? false }
}

/// One place in one account's inbox.
public struct InboxEntry: Sendable, Hashable {
    public struct Flags: OptionSet, Sendable, Hashable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// The receiving account sent it: never unread, never pushed.
        public static let own = Flags(rawValue: 1)
        /// Does not count as unread.
        public static let uncounted = Flags(rawValue: 2)
    }

    /// The place in the log of all entries: grows by one with every entry the gateway ever made.
    public let position: Int64
    public let account: AccountKey
    /// 1, 2, 3 … in this account, without gaps.
    public let seq: Int64
    public let message: MessageKey
    public let flags: Flags
    /// The conversation it belongs to in this account; ``Peer/none`` for events and later revisions.
    public let peer: Peer
    /// The revision of the message that this entry brought.
    public let revision: Int

    public init(
        position: Int64, account: AccountKey, seq: Int64, message: MessageKey, flags: Flags, peer: Peer = .none,
        revision: Int = 0
    ) {
        self.position = position
        self.account = account
        self.seq = seq
        self.message = message
        self.flags = flags
        self.peer = peer
        self.revision = revision
    }
}
