/// What a store holds and has done. Kept cheap to ask for: numbers of rows come from the newest keys.
public struct StoreStatistics: Sendable {
    public struct Devices: Sendable {
        public let active: Int64
        public let deregistered: Int64
        public let moved: Int64

        public init(active: Int64, deregistered: Int64, moved: Int64) {
            self.active = active
            self.deregistered = deregistered
            self.moved = moved
        }
    }

    /// Of the one writer, since the start.
    public struct Writer: Sendable {
        /// Commands that wait now.
        public let waiting: Int
        public let transactions: Int
        public let commands: Int
        /// Transactions that could not be committed.
        public let failures: Int

        public init(waiting: Int, transactions: Int, commands: Int, failures: Int) {
            self.waiting = waiting
            self.transactions = transactions
            self.commands = commands
            self.failures = failures
        }
    }

    public let tenants: Int64
    public let apps: Int64
    public let accounts: Int64
    public let devices: Devices
    /// Archived originals, events and stubs included.
    public let messages: Int64
    /// Places in inboxes.
    public let entries: Int64
    public let waitingPushes: Int64
    public let writer: Writer

    public init(
        tenants: Int64, apps: Int64, accounts: Int64, devices: Devices, messages: Int64, entries: Int64,
        waitingPushes: Int64, writer: Writer
    ) {
        self.tenants = tenants
        self.apps = apps
        self.accounts = accounts
        self.devices = devices
        self.messages = messages
        self.entries = entries
        self.waitingPushes = waitingPushes
        self.writer = writer
    }
}

/// One line of the audit trail.
public struct AuditEntry: Sendable, Equatable {
    public let key: Int64
    public let at: Milliseconds
    /// `operator`, `registration`, or an appId.
    public let actor: String
    public let action: String
    public let subject: String

    public init(key: Int64, at: Milliseconds, actor: String, action: String, subject: String) {
        self.key = key
        self.at = at
        self.actor = actor
        self.action = action
        self.subject = subject
    }
}

/// Implemented by PushStorage.
public protocol StatisticsStore: Sendable {
    func statistics() async throws -> StoreStatistics
    /// Vendor pushes that wait now.
    func waitingPushes() async throws -> [Vendor: Int64]
    /// Newest first, older than `key`.
    func auditTrail(before key: Int64?, limit: Int) async throws -> [AuditEntry]
}

/// What the operator sees of the gateway as a whole.
public struct Statistics: Sendable {
    private let store: any StatisticsStore
    private let presence: PresenceBook

    public init(store: any StatisticsStore, presence: PresenceBook) {
        self.store = store
        self.presence = presence
    }

    public func read() async throws -> RawJSON {
        let found = try await store.statistics()
        return .object { writer in
            writer.member("tenants", found.tenants)
            writer.member("apps", found.apps)
            writer.member("accounts", found.accounts)
            writer.object("devices") { writer in
                writer.member("active", found.devices.active)
                writer.member("deregistered", found.devices.deregistered)
                writer.member("moved", found.devices.moved)
                writer.member("online", presence.connectedCount)
            }
            writer.member("messages", found.messages)
            writer.member("entries", found.entries)
            writer.member("waitingPushes", found.waitingPushes)
            writer.object("writer") { writer in
                writer.member("waiting", found.writer.waiting)
                writer.member("transactions", found.writer.transactions)
                writer.member("commands", found.writer.commands)
                writer.member("failures", found.writer.failures)
            }
        }
    }

    /// The audit trail, newest first.
    public func audit(_ page: PageRequest) async throws -> RawJSON {
        var before: Int64?
        if let cursor = page.cursor {
            guard let key = Int64(cursor) else { throw GatewayError(.invalidRequest, "This cursor is not known.") }
            before = key
        }
        let entries = try await store.auditTrail(before: before, limit: page.limit + 1)
        let cursor = { (entry: AuditEntry) in String(entry.key) }
        return page.answer(entries, cursor: cursor) { writer, entry in
            writer.object { writer in
                writer.member("at", entry.at)
                writer.member("actor", entry.actor)
                writer.member("action", entry.action)
                writer.member("subject", entry.subject)
            }
        }
    }
}
