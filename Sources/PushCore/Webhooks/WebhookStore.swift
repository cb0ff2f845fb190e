/// The queue of events on disk, and how far it was delivered. Implemented by PushStorage.
///
/// Events are written in the transaction of the fact they tell of, for tenants that have a webhook.
public protocol WebhookStore: Sendable {
    // MARK: Settings

    /// From memory: every message asks.
    func webhook(of tenant: TenantKey) -> WebhookSettings?
    /// All tenants that have one.
    func webhooks() -> [TenantKey: WebhookSettings]
    /// With nil the webhook is taken away, and what waits for it with it; the events stay as long as others do.
    func setWebhook(_ settings: WebhookSettings?, of tenant: TenantKey, at now: Milliseconds) async throws

    // MARK: Events

    /// Events of a tenant after a position, oldest first, of all types or one.
    func webhookEvents(
        of tenant: TenantKey, after position: Int64, type: WebhookEventType?, limit: Int
    ) async throws -> [WebhookEvent]
    /// The first position at or after a time; nil when nothing is that new.
    func webhookPosition(of tenant: TenantKey, at time: Milliseconds) async throws -> Int64?
    /// Records that no command of the store makes: who came and went. A device that is told online already is not told
    /// so again.
    func recordPresence(_ changes: [PresenceChange]) async throws
    /// Takes events away that are older than `keptSince`, and that no delivery waits for; those set aside are kept a
    /// week longer. In steps of `limit` rows. True when there is more.
    func dropWebhookEvents(before keptSince: Milliseconds, limit: Int) async throws -> Bool

    // MARK: Delivery

    /// Everything up to here is delivered or in the list of retries; nil without a webhook.
    func webhookCursor(of tenant: TenantKey) async throws -> Int64?
    /// Those set aside, or those that wait for another try, oldest first.
    func webhookRetries(
        of tenant: TenantKey, aside: Bool, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry]
    /// One transaction: what came of a round of deliveries.
    func settle(_ outcome: WebhookSettlement, of tenant: TenantKey) async throws
    /// Puts events after a position in line once more. Returns how many.
    func replayWebhookEvents(of tenant: TenantKey, after position: Int64, at now: Milliseconds) async throws -> Int
    /// The delivery log, newest first.
    func webhookRequests(of tenant: TenantKey, before key: Int64?, limit: Int) async throws -> [WebhookRequest]
}

/// What services were told of who is there. Implemented by PushStorage.
public protocol PresenceEventStore: WebhookStore {
    /// A page of the devices that were last told online, after one of them.
    func devicesToldOnline(after device: String?, limit: Int) async throws -> [String]
}

/// An event that waits for another try.
public struct WebhookRetry: Sendable, Hashable {
    public let position: Int64
    public let account: AccountKey?
    /// Tries so far; 0 for one that stands behind a failed one of its account.
    public var attempts: Int
    public var notBefore: Milliseconds
    public var isAside: Bool
    /// Of the last answer; nil = there was none.
    public var status: Int?
    public var reason: String?

    public init(
        position: Int64, account: AccountKey?, attempts: Int, notBefore: Milliseconds, isAside: Bool = false,
        status: Int? = nil, reason: String? = nil
    ) {
        self.position = position
        self.account = account
        self.attempts = attempts
        self.notBefore = notBefore
        self.isAside = isAside
        self.status = status
        self.reason = reason
    }
}

/// What a round of deliveries came to.
public struct WebhookSettlement: Sendable {
    /// The new cursor; nil = it stays.
    public var cursor: Int64?
    /// Retries that were delivered.
    public var delivered: [Int64] = []
    /// New retries, and changed ones.
    public var retries: [WebhookRetry] = []
    public var requests: [WebhookRequest] = []

    public init() {}
}

/// A row of the delivery log: one request.
public struct WebhookRequest: Sendable, Hashable {
    /// Its place in the log; 0 before it is written.
    public var key: Int64 = 0
    public let at: Milliseconds
    public let firstPosition: Int64
    public let lastPosition: Int64
    public let events: Int
    /// 1 = the first try.
    public let attempt: Int
    /// nil = no answer.
    public let status: Int?
    public let milliseconds: Int64
    public let reason: String?

    public init(
        key: Int64 = 0, at: Milliseconds, firstPosition: Int64, lastPosition: Int64, events: Int, attempt: Int,
        status: Int?, milliseconds: Int64, reason: String?
    ) {
        self.key = key
        self.at = at
        self.firstPosition = firstPosition
        self.lastPosition = lastPosition
        self.events = events
        self.attempt = attempt
        self.status = status
        self.milliseconds = milliseconds
        self.reason = reason
    }
}
