import PushCore

/// What outlives a crash: only what was committed is here.
struct SimulatedDisk {
    struct DeviceRow {
        let key: DeviceKey
        let deviceID: String
        let account: Int
        let startSeq: Int64
        var acknowledged: Int64 = 0
        var isActive = true
        var tokens: [TokenRow]

        var cursor: Int64 { max(startSeq, acknowledged) }
        var liveTokens: [PushToken] { tokens.filter(\.isLive).map(\.token) }
    }

    struct TokenRow {
        let token: PushToken
        var isLive = true
    }

    struct PushRow {
        enum State { case waiting, accepted, skipped, failed }

        let key: Int64
        let message: MessageKey
        let device: DeviceKey
        let account: Int
        let seq: Int64
        var state: State
        var reason: SkipReason?
        var lane: Int64
        var token: PushToken?
        /// Tokens that were called dead while it was tried.
        var tried: [PushToken] = []
        var messageClass = MessageClass.transactional
        var notBefore: Int64
        var expiresAt: Int64
        var createdAt: Int64
        var claimedAt: Int64?
        var attempts = 0
        var isLeased = false
        var isBegun = false
    }

    struct Pair: Hashable {
        let message: MessageKey
        let device: DeviceKey
    }

    struct LedgerKey: Hashable {
        let vendor: Vendor
        let day: Int64
        let messageClass: MessageClass
    }

    var messages: [ArchivedMessage] = []
    var entries: [InboxEntry] = []
    var heads: [Int64]
    var devices: [DeviceRow] = []
    var pushes: [PushRow] = []
    var pushOf: [Pair: Int] = [:]
    var marks = DeliveryMarks(dispatched: 0, decided: 0)
    var ledger: [LedgerKey: Int64] = [:]
    var settings: [VendorSettings] = []
    var lastLane: Int64 = 0
    private(set) var accounts: [AccountRef]

    init(accounts count: Int) {
        heads = Array(repeating: 0, count: count)
        accounts = (0..<count).map { AccountRef(key: AccountKey(rawValue: Int64($0 + 1)), id: "acct_\($0 + 1)") }
    }

    func message(_ key: MessageKey) -> ArchivedMessage { messages[Int(key.rawValue) - 1] }
    func device(_ key: DeviceKey) -> DeviceRow { devices[Int(key.rawValue) - 1] }
    func push(_ key: Int64) -> PushRow { pushes[Int(key) - 1] }

    func lane(of vendor: Vendor) -> Int64? { settings.first { $0.vendor == vendor }?.lane }

    func device(for row: DeviceRow) -> Device {
        Device(
            key: row.key, deviceID: row.deviceID, tenantKey: SimulatedDisk.tenant.key,
            account: accounts[row.account], userID: "user", uniqueCode: row.deviceID, osType: .android,
            status: row.isActive ? .active : .deregistered, pushEnabled: true, tokens: row.liveTokens,
            info: .emptyObject, registeredAt: 0, lastSeenAt: 0, endedAt: nil, startSeq: row.startSeq)
    }

    static let tenant = Tenant(key: TenantKey(rawValue: 1), tenantNo: "acme", name: "Acme", createdAt: 0)
}
