/// What delivery reads beside ``WebhookStore``. A row of the list of retries is *in line* when it waits for no time
/// (`notBefore` 0): it failed and holds up its account, or stands behind such a one. The others wait for their time: what
/// its account goes on without, and what is told once more.
public protocol WebhookDeliveryStore: WebhookStore {
    /// Tenants with events after their cursor, or rows in line, or rows whose time has come.
    func tenantsWithWebhookWork(at now: Milliseconds) async throws -> [TenantKey]
    /// These events, oldest first; those that are gone are left out.
    func webhookEvents(of tenant: TenantKey, at positions: [Int64]) async throws -> [WebhookEvent]
    /// Accounts with rows in line, after the one with this key (−1 = from the first, 0 = that of nobody's events), by key.
    func webhookAccountsInLine(of tenant: TenantKey, after key: Int64, limit: Int) async throws -> [AccountKey?]
    /// An account's rows in line after a position, oldest first; nil = nobody's.
    func webhookRowsInLine(
        of tenant: TenantKey, account: AccountKey?, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry]
    /// Rows whose time has come, those that wait longest first.
    func dueWebhookRows(of tenant: TenantKey, at now: Milliseconds, limit: Int) async throws -> [WebhookRetry]
    /// Of all tenants. A long queue is not counted to its end: figures end at some 100 000.
    func webhookCounts() async throws -> WebhookCounts
}

/// How much waits, of all tenants.
public struct WebhookCounts: Sendable, Equatable {
    /// Events that are to be delivered.
    public var waiting: Int64
    /// Events that were given up.
    public var aside: Int64

    public init(waiting: Int64, aside: Int64) {
        self.waiting = waiting
        self.aside = aside
    }
}
