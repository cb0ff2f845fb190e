/// What delivery needs to know of an account, from memory where possible.
public struct AccountDevices: Sendable {
    public struct Member: Sendable, Hashable {
        public let key: DeviceKey
        public let deviceID: String
        public let startSeq: Int64

        public init(key: DeviceKey, deviceID: String, startSeq: Int64) {
            self.key = key
            self.deviceID = deviceID
            self.startSeq = startSeq
        }
    }

    public let account: AccountRef
    /// Active devices only.
    public let devices: [Member]

    public init(account: AccountRef, devices: [Member]) {
        self.account = account
        self.devices = devices
    }
}

/// How far the two roads have come in the log of entries. What lies above is looked at again after a restart.
public struct DeliveryMarks: Sendable, Equatable {
    /// Every entry up to here was handed to the broker.
    public var dispatched: Int64
    /// Every entry up to here was acknowledged by, queued for or skipped for each device that was active.
    public var decided: Int64

    public init(dispatched: Int64, decided: Int64) {
        self.dispatched = dispatched
        self.decided = decided
    }
}

/// A device that did not acknowledge an entry: is it to be pushed?
public struct FallbackCandidate: Sendable, Hashable {
    public let device: DeviceKey
    public let account: AccountKey
    public let message: MessageKey
    public let seq: Int64
    /// When the push may go out; nil = now.
    public let notBefore: Milliseconds?

    public init(
        device: DeviceKey, account: AccountKey, message: MessageKey, seq: Int64, notBefore: Milliseconds? = nil
    ) {
        self.device = device
        self.account = account
        self.message = message
        self.seq = seq
        self.notBefore = notBefore
    }
}

/// A vendor push on disk.
public struct PushJob: Sendable {
    public let key: Int64
    /// The vendor credential it goes through.
    public let lane: Int64
    public let message: MessageKey
    public let device: DeviceKey
    public let attempts: Int
    public let createdAt: Milliseconds
    /// 0 = the notification of the message; above that a replacement of what is shown.
    public let turn: Int
    public let expiresAt: Milliseconds
    public let messageClass: MessageClass
    /// When it was due before it was claimed.
    public let dueAt: Milliseconds
    public let claimedAt: Milliseconds

    /// - Parameter attempts: with the one that begins.
    public init(
        key: Int64, lane: Int64, message: MessageKey, device: DeviceKey, attempts: Int, createdAt: Milliseconds,
        turn: Int = 0, expiresAt: Milliseconds = .max, messageClass: MessageClass = .transactional,
        dueAt: Milliseconds? = nil, claimedAt: Milliseconds? = nil
    ) {
        self.messageClass = messageClass
        self.dueAt = dueAt ?? createdAt
        self.claimedAt = claimedAt ?? createdAt
        self.turn = turn
        self.expiresAt = expiresAt
        self.key = key
        self.lane = lane
        self.message = message
        self.device = device
        self.attempts = attempts
        self.createdAt = createdAt
    }
}

/// How many due jobs of one lane are taken at most.
public struct JobClaim: Sendable {
    public let lane: Int64
    public let limits: [MessageClass: Int]
    /// Of all classes together; transactional jobs come first.
    public let total: Int

    public init(lane: Int64, limits: [MessageClass: Int], total: Int = .max) {
        self.lane = lane
        self.limits = limits
        self.total = total
    }
}

/// Everything a push is built from, read at the moment it is sent.
public struct PushSubject: Sendable {
    public let message: ArchivedMessage
    public let device: Device
    public let tenant: Tenant
    /// The token to use, or nil when the one it was queued for is gone.
    public let token: PushToken?
    public let isAcknowledged: Bool
    /// What a person knows the sender by: the group's, app's or user's name.
    public let senderName: String?
    /// The account has burned its copy.
    public let isBurned: Bool
    /// The account's read cursor has reached the message.
    public let isRead: Bool
    /// What the account has not read, for a push that shows it; nil where nothing asks for it.
    public var unreadTotal: Int?
    /// The same, apart: what templates name.
    public var names = SenderNames()

    /// Badge or text may show what the account has not read.
    public var showsUnreadTotal: Bool {
        message.push.showsUnreadTotal || tenant.templates.usesUnread(for: message.type)
    }
    /// What the device was sent today by the vendor's clock, of credentials that bound it.
    public var deviceUsage = DeviceUsage()

    public init(
        message: ArchivedMessage, device: Device, tenant: Tenant, token: PushToken?, isAcknowledged: Bool,
        senderName: String?, isBurned: Bool = false, isRead: Bool = false, unreadTotal: Int? = nil
    ) {
        self.isBurned = isBurned
        self.isRead = isRead
        self.unreadTotal = unreadTotal
        self.message = message
        self.device = device
        self.tenant = tenant
        self.token = token
        self.isAcknowledged = isAcknowledged
        self.senderName = senderName
    }
}

/// Whom a message is from, as people know them; nil where there is none or it has no name.
public struct SenderNames: Sendable, Hashable {
    public var group: String?
    /// The nick that the user was imported with, else the id in the tenant's own system.
    public var user: String?
    /// The app that sent it, in its own name or for a user.
    public var app: String?

    public init(group: String? = nil, user: String? = nil, app: String? = nil) {
        self.group = group
        self.user = user
        self.app = app
    }

    /// What a person knows the sender by.
    public var shown: String? { group ?? user ?? app }
}

/// Why a device was not pushed (contract, section 13, trace). The raw value is public.
public enum SkipReason: String, Sendable, CaseIterable {
    case acknowledged, waiting
    case pushDisabled = "push_disabled"
    case noToken = "no_token"
    case tokenDead = "token_dead"
    case vendorNotConfigured = "vendor_not_configured"
    case vendorRefused = "vendor_refused"
    case background
    case policyNever = "policy_never"
    case expired, revoked, burned, deregistered
    case own, event, read, superseded, cancelled, quota
}

/// How a job ended, or how it goes on.
public enum PushJobChange: Sendable {
    /// `use` is what it takes from the tenant's budget; `token` the one it went to, which the device may have left since.
    case accepted(vendor: Vendor, vendorID: String?, use: BudgetUse? = nil, token: PushToken? = nil)
    case skipped(SkipReason)
    case failed(vendor: Vendor, SkipReason, VendorReply)
    /// Its credential was refused: it waits for a good one. The reply is kept for the trace, the attempt is not counted.
    case heldBack(vendor: Vendor, VendorReply)
    /// Another try later; `reply` is kept for the trace.
    case retry(at: Milliseconds, vendor: Vendor, VendorReply)
    /// The token is dead for good: quarantine it and go on with the device's next one, if any. `isDoubtful`: a wrong
    /// credential gives the same code; where the credential is doubted by now the token stays and the push waits.
    case tokenDead(PushToken, VendorReply, since: Milliseconds?, isDoubtful: Bool = false)
    /// Back into the queue untouched (a credential was stopped, the gateway is stopping).
    case released(at: Milliseconds)
}

/// One tenant's credential for one vendor.
public struct VendorSettings: Sendable {
    /// Changes with every PUT: a lane is a credential, not a name.
    public let lane: Int64
    public let tenantKey: TenantKey
    public let app: AppKey?
    public let vendor: Vendor
    public let settings: RawJSON
    /// When too many of its tokens died; nil once it was found good.
    public let doubtedAt: Milliseconds?

    public init(
        lane: Int64, tenantKey: TenantKey, app: AppKey?, vendor: Vendor, settings: RawJSON,
        doubtedAt: Milliseconds? = nil
    ) {
        self.doubtedAt = doubtedAt
        self.lane = lane
        self.tenantKey = tenantKey
        self.app = app
        self.vendor = vendor
        self.settings = settings
    }
}

/// What delivery reads and writes. Implemented by PushStorage.
public protocol DeliveryStore: Sendable {
    func marks() async throws -> DeliveryMarks
    func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws
    /// The log after `position`, at most `limit` entries, grouped by message.
    func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries]
    /// A message as it is now, and which of these accounts have burned their own copy; nil when there is none.
    func current(
        _ message: MessageKey, for accounts: [AccountKey]
    ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)?

    /// The account and its active devices if they are in memory.
    func cachedDevices(of account: AccountKey) -> AccountDevices?
    func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices]

    /// Decides each candidate by ``FallbackRule`` on what is true in one transaction: a push job, a row that says why
    /// not, or nothing where it was acknowledged after all. A second decision for the same message and device does
    /// nothing. Returns whether any job was made.
    func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool

    /// Devices have disconnected: their jobs that only wait for a late acknowledgement are due now. Returns whether
    /// there were any.
    func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool

    /// Takes due jobs in one transaction and leases them: nobody else gets them before `leaseUntil`, a crash frees them
    /// then.
    ///
    /// - Parameter held: jobs that the caller has in memory. They are never taken again, whatever became of the clock
    ///   and their lease.
    func claimJobs(
        _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob]
    /// Ends at most `limit` waiting jobs that have outlived their time and that nobody holds. `words`: why they waited,
    /// by lane. Returns how many it ended.
    func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int
    /// The vendor requests of these claimed jobs begin now, and a repeat of theirs would be a second notification: where
    /// no outcome follows, because the process ends, they are not claimed again but end.
    func markBegun(_ jobs: [PushJob]) async throws
    /// At start: leases of the process that is gone are free at once, and what it had marked as begun ends.
    func releaseLeases(at now: Milliseconds) async throws
    /// The clock was set back: what was written down while it was ahead waits as long as it was to wait then, counted
    /// from now.
    func clockWentBack(to now: Milliseconds) async throws
    /// Lanes with waiting jobs and the time of each one's next due job.
    func lanesWithJobs() async throws -> [Int64: Milliseconds]
    /// What these jobs' pushes are built from, as it is in one moment. None for a job that waits no longer, or whose
    /// message or device is gone.
    func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject]
    func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws

    func vendorSettings() async throws -> [VendorSettings]
    func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings?
    func setVendorSettings(
        _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
    ) async throws

    /// Everything that is known of a message's way to every device.
    func trace(of message: ArchivedMessage) async throws -> [DeviceTrace]
    /// Why devices were not pushed, as counts: of a broadcast, where no row says so for each.
    func skippedCounts(of message: MessageKey) async throws -> [String: Int]
}

extension DeliveryStore {
    /// The accounts of these entries with their active devices: from memory, and what is not there in one read.
    func devices(ofEntries entries: [InboxEntry]) async throws -> [AccountKey: AccountDevices] {
        if entries.count == 1, let devices = cachedDevices(of: entries[0].account) {
            return [entries[0].account: devices]
        }
        var found: [AccountKey: AccountDevices] = [:]
        found.reserveCapacity(entries.count)
        var missing: [AccountKey] = []
        for entry in entries where found[entry.account] == nil {
            if let devices = cachedDevices(of: entry.account) {
                found[entry.account] = devices
            } else {
                missing.append(entry.account)
            }
        }
        if !missing.isEmpty { found.merge(try await devices(of: missing)) { $1 } }
        return found
    }
}

/// One device's part of a message's trace.
public struct DeviceTrace: Sendable {
    public struct Stage: Sendable {
        public let stage: String
        public let at: Milliseconds?
        public let vendor: Vendor?
        public let vendorID: String?
        public let detail: String?
        /// The vendor's own code in `detail`, for what can be done about it.
        public let code: String?
        /// What a receipt says.
        public let meaning: VendorReceipt.Meaning?

        public init(
            stage: String, at: Milliseconds?, vendor: Vendor? = nil, vendorID: String? = nil, detail: String? = nil,
            code: String? = nil, meaning: VendorReceipt.Meaning? = nil
        ) {
            self.code = code
            self.meaning = meaning
            self.stage = stage
            self.at = at
            self.vendor = vendor
            self.vendorID = vendorID
            self.detail = detail
        }
    }

    public let account: String
    public let userID: String
    public let deviceID: String?
    public let osType: OSType?
    public let outcome: String
    public let reason: String?
    public let stages: [Stage]
    /// The push that waits for its vendor, if one does.
    public let waiting: Waiting?

    /// A push on its way to a vendor.
    public struct Waiting: Sendable, Equatable {
        /// The credential it waits for.
        public let lane: Int64
        public let vendor: Vendor?
        public let attempts: Int
        public let nextTryAt: Milliseconds
        public let isUnderWay: Bool

        public init(lane: Int64, vendor: Vendor?, attempts: Int, nextTryAt: Milliseconds, isUnderWay: Bool) {
            self.lane = lane
            self.vendor = vendor
            self.attempts = attempts
            self.nextTryAt = nextTryAt
            self.isUnderWay = isUnderWay
        }
    }

    public init(
        account: String, userID: String, deviceID: String?, osType: OSType?, outcome: String, reason: String?,
        stages: [Stage], waiting: Waiting? = nil
    ) {
        self.waiting = waiting
        self.account = account
        self.userID = userID
        self.deviceID = deviceID
        self.osType = osType
        self.outcome = outcome
        self.reason = reason
        self.stages = stages
    }
}
