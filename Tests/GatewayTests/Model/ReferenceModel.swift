import PushGateClient

/// What the contract says about one tenant, in memory and without any concern for speed: who has which entries, how far
/// they were read, what became of each message.
///
/// It is told every operation before the gateway's answer is looked at, and says how the operation has to end. Ids and
/// times that only the gateway knows are taken over from its answers (``learn(_:_:)``) and may never change afterwards.
struct ReferenceModel: Sendable {
    let tenantNo: String
    let appID: String
    var accounts: [String: Account] = [:]
    /// In the order of creation.
    private(set) var accountIDs: [String] = []
    private(set) var accountOfUser: [String: String] = [:]
    var groups: [String: Group] = [:]
    var tags: [String: Set<String>] = [:]
    var messages: [String: Message] = [:]
    var messageIDs: [String] = []
    var devices: [Device] = []
    /// How often a code went to another account.
    var moves: [String: Int] = [:]
    /// What the last operation changed, or should have left alone.
    var touched = Touched()

    init(tenantNo: String, appID: String) {
        self.tenantNo = tenantNo
        self.appID = appID
    }

    mutating func addAccount(_ account: String, user: String) {
        accounts[account] = Account(id: account, userID: user)
        accountIDs.append(account)
        accountOfUser[user] = account
    }

    // MARK: What there is

    struct Account: Sendable {
        let id: String
        let userID: String
        var entries: [Entry] = []
        /// By peer, positions in this inbox.
        var readCursors: [String: Int64] = [:]

        var head: Int64 { Int64(entries.count) }
    }

    struct Group: Sendable {
        let id: String
        var members: Set<String>
        var isDeleted = false
    }

    struct Device: Sendable {
        let account: String
        let code: String
        var deviceID = ""
        var isActive = true
        var isConnected = false
        /// Head of the inbox at registration: older entries are not for it.
        let startSeq: Int64
        /// Acknowledged up to here; at least, where that is not exact.
        var cursor: Int64
        /// A connected device acknowledges by itself.
        var isCursorExact = true
        /// When it ended, as a number of messages archived until then.
        var endedAtMessage: Int?
    }

    struct Message: Sendable {
        enum Form: Sendable { case single, group, audience }
        enum State: Sendable { case live, revoked, burned }
        struct Revision: Sendable {
            var content: JSONValue
            /// nil: the update named none.
            var timestamp: Int64?
            /// Learned.
            var serverTime: Int64?
        }
        struct Copy: Sendable {
            let account: String
            let seq: Int64
            let isOwn: Bool
        }

        let sent: OutgoingMessage
        let form: Form
        let from: String
        let to: String
        let target: String?
        /// nil: the app in its own name.
        let senderAccount: String?
        var revisions: [Revision]
        var copies: [Copy] = []
        var recipients = 0
        var state = State.live
        var changedAt: Int64?
        /// Receivers whose own copy is burned, and when.
        var burned: [String: Int64?] = [:]
        var ordinal = 0

        var id: String { sent.id }
        var serverTime: Int64? { revisions[0].serverTime }
        var current: Revision { revisions[revisions.count - 1] }
        var ownSeq: Int64? { copies.first(where: \.isOwn)?.seq }
        var receivers: [String] { copies.filter { !$0.isOwn }.map(\.account) }
        func copy(of account: String) -> Copy? { copies.first { $0.account == account } }
    }

    struct Event: Sendable {
        let type: Int
        let content: Field
        let from: Field
        /// nil: there must be none.
        var target: Field?
    }

    struct Entry: Sendable {
        enum Source: Sendable {
            case message(String, revision: Int)
            case event(Event)
        }
        let seq: Int64
        let source: Source
        /// The conversation it belongs to; nil for events and later revisions.
        var peer: String?
        var isOwn = false
        var counts = false
        /// Learned, of an event.
        var id: String?
        var serverTime: Int64?
    }

    /// Where a comparison is worth while.
    struct Touched: Sendable {
        var accounts: Set<String> = []
        /// Earlier entries that look different now.
        var entries: [String: Set<Int64>] = [:]
        var conversations: Set<Conversation> = []
        var messages: [String] = []

        struct Conversation: Hashable, Sendable {
            let account: String
            let peer: String
        }
    }

    // MARK: Names

    /// The account behind an account id or `user:{userId}`.
    func account(named name: String) -> String? {
        name.hasPrefix("user:") ? accountOfUser[String(name.dropFirst(5))] : accounts[name].map(\.id)
    }

    func device(_ caller: Operation.Caller) -> Device? {
        if case .device(let index) = caller { devices[index] } else { nil }
    }

    var activeDevices: [Int] { devices.indices.filter { devices[$0].isActive } }

    // MARK: Entries

    @discardableResult
    mutating func append(
        _ source: Entry.Source, to account: String, peer: String? = nil, isOwn: Bool = false,
        counts: Bool = false
    ) -> Int64 {
        let seq = (accounts[account]?.head ?? 0) + 1
        accounts[account]?.entries.append(
            Entry(seq: seq, source: source, peer: peer, isOwn: isOwn, counts: counts))
        touched.accounts.insert(account)
        if let peer { touched.conversations.insert(.init(account: account, peer: peer)) }
        return seq
    }

    mutating func tell(_ event: Event, _ accounts: [String]) {
        for account in accounts { append(.event(event), to: account) }
    }

    /// All copies of a message look different now.
    mutating func touch(_ message: Message, only account: String? = nil) {
        touched.messages.append(message.id)
        for copy in message.copies where account == nil || copy.account == account {
            touched.accounts.insert(copy.account)
            touched.entries[copy.account, default: []].insert(copy.seq)
            if let peer = accounts[copy.account]?.entries[Int(copy.seq) - 1].peer {
                touched.conversations.insert(.init(account: copy.account, peer: peer))
            }
        }
    }

    // MARK: Learning

    /// Takes over what only the gateway knows. What it had said before must be the same (``Expectation``).
    mutating func learn(_ lesson: Lesson, _ answer: JSONValue) {
        switch lesson {
        case .sent(let id): messages[id]?.revisions[0].serverTime = answer["serverTime"]?.integer
        case .updated(let id):
            guard let count = messages[id]?.revisions.count else { return }
            messages[id]?.revisions[count - 1].serverTime = answer["serverTime"]?.integer
        case .revoked(let id): messages[id]?.changedAt = answer["revokedAt"]?.integer
        case .burned(let id, let account):
            messages[id]?.burned[account] = answer["burnedAt"]?.integer
        case .registered(let device): devices[device].deviceID = answer["deviceId"]?.string ?? ""
        case .acknowledged(let device):
            guard let seq = answer["seq"]?.integer else { return }
            devices[device].cursor = seq
            devices[device].isCursorExact = !devices[device].isConnected
        case .read: break
        }
    }

    /// The id and time of an event, when it was first seen.
    mutating func learnEvent(_ account: String, seq: Int64, _ item: JSONValue) {
        accounts[account]?.entries[Int(seq) - 1].id = item["id"]?.string
        accounts[account]?.entries[Int(seq) - 1].serverTime = item["serverTime"]?.integer
    }
}
