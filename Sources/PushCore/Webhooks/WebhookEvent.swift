/// What a tenant's service is told afterwards. The raw value is public (contract, section 9; details, *Moves*).
public enum WebhookEventType: String, Sendable, CaseIterable {
    case messageSent = "message.sent"
    case messageUpdated = "message.updated"
    case messageRevoked = "message.revoked"
    case messageBurned = "message.burned"
    case messageRead = "message.read"
    case deviceRegistered = "device.registered"
    case deviceDeregistered = "device.deregistered"
    case deviceMoved = "device.moved"
    case deviceOnline = "device.online"
    case deviceOffline = "device.offline"
    case tokenDead = "device.token_dead"
    case pushAccepted = "push.accepted"
    case pushFailed = "push.failed"
    case pushReceipt = "push.receipt"

    /// In the store. Never changed, never used again.
    public var number: Int {
        switch self {
        case .messageSent: 1
        case .messageUpdated: 2
        case .messageRevoked: 3
        case .messageBurned: 4
        case .messageRead: 5
        case .deviceRegistered: 16
        case .deviceDeregistered: 17
        case .deviceMoved: 18
        case .deviceOnline: 19
        case .deviceOffline: 20
        case .tokenDead: 21
        case .pushAccepted: 32
        case .pushFailed: 33
        case .pushReceipt: 34
        }
    }

    public init?(number: Int) {
        guard let type = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = type
    }
}

/// One event of the queue, with what it tells of as that is now: what was erased since is not in it.
public struct WebhookEvent: Sendable {
    /// Its place in the queue, and the cursor after it.
    public let position: Int64
    public let tenant: TenantKey
    public let type: WebhookEventType
    public let at: Milliseconds
    /// Whose order it keeps; nil = nobody's.
    public let account: AccountKey?
    public let message: ArchivedMessage?
    public let device: Device?
    /// The account behind `account`, or behind the device.
    public let person: Person?
    /// The facts that no row says, a JSON object: `vendor`, `code` and the like.
    public let detail: RawJSON

    public struct Person: Sendable, Hashable {
        public let account: String
        /// Empty once the account was deleted.
        public let userID: String

        public init(account: String, userID: String) {
            self.account = account
            self.userID = userID
        }
    }

    public init(
        position: Int64, tenant: TenantKey, type: WebhookEventType, at: Milliseconds, account: AccountKey?,
        message: ArchivedMessage?, device: Device?, person: Person?, detail: RawJSON
    ) {
        self.position = position
        self.tenant = tenant
        self.type = type
        self.at = at
        self.account = account
        self.message = message
        self.device = device
        self.person = person
        self.detail = detail
    }

    /// `webhook-id`: the same on every try and in every replay.
    public var id: String { Self.id(at: position) }

    static func id(at position: Int64) -> String { "evt_\(position)" }
}
