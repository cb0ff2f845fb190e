/// A registration whose signature was checked.
public struct Registration: Sendable {
    public let tenant: Tenant
    public let app: AppKey
    /// Signed registrations may use any account; open ones only accounts the same app made openly.
    public let isSigned: Bool
    /// When the user's signature was issued, if it says so: a kick refuses what is older.
    public let signedAt: Milliseconds?
    public let userID: String
    public let uniqueCode: String
    public let draft: DeviceDraft

    public init(
        tenant: Tenant, app: AppKey, isSigned: Bool, signedAt: Milliseconds?, userID: String, uniqueCode: String,
        draft: DeviceDraft
    ) {
        self.tenant = tenant
        self.app = app
        self.isSigned = isSigned
        self.signedAt = signedAt
        self.userID = userID
        self.uniqueCode = uniqueCode
        self.draft = draft
    }
}

public struct RegistrationOutcome: Sendable {
    public let identity: DeviceIdentity
    /// 201 rather than 200.
    public let isNew: Bool
    /// Devices that ended through this registration (the code moved): to be cut off the broker.
    public let endedDevices: [String]
    /// Inbox head now.
    public let seq: Int64
    public let broadcastSeq: Int64

    public init(identity: DeviceIdentity, isNew: Bool, endedDevices: [String], seq: Int64, broadcastSeq: Int64) {
        self.identity = identity
        self.isNew = isNew
        self.endedDevices = endedDevices
        self.seq = seq
        self.broadcastSeq = broadcastSeq
    }
}

/// What is known of a device id.
public enum DeviceLookup: Sendable {
    case active(DeviceIdentity)
    case ended
    case unknown
}

/// The registry of devices and accounts. Implemented by PushStorage; every method leaves the registry rules of the
/// contract (section 4) true.
public protocol DeviceStore: Sendable {
    func register(_ registration: Registration, at now: Milliseconds) async throws -> RegistrationOutcome

    /// From memory where possible: it is asked for every request.
    func lookUp(deviceID: String) async throws -> DeviceLookup
    func device(_ key: DeviceKey) async throws -> Device?
    /// Changes tokens, push switch or information of an active device. Throws `token_revoked` when it has ended.
    func update(_ key: DeviceKey, _ draft: DeviceDraft, at now: Milliseconds) async throws -> Device
    /// Ends an active device; false when it had ended before.
    func deregister(_ key: DeviceKey, at now: Milliseconds) async throws -> Bool

    func account(tenant: TenantKey, userID: String) async throws -> AccountRef?
    /// The account of a user, made when there is none. A use by an app closes it to open registration for ever.
    func ensureAccount(
        tenant: TenantKey, userID: String, at now: Milliseconds
    ) async throws -> (account: AccountRef, isNew: Bool)
    /// When a user was kicked last: signatures that were issued before are refused. nil = never, or no such user.
    func signaturesNotBefore(tenant: TenantKey, userID: String) async throws -> Milliseconds?
    /// All devices of an account, ended ones included, oldest first.
    func devices(of account: AccountKey) async throws -> [Device]
    func cursor(of device: DeviceKey) async throws -> Cursor

    /// Ids of devices that ended after `since`, by page: their credentials may still be unexpired.
    func endedDevices(since: Milliseconds, after deviceID: String?, limit: Int) async throws -> [String]

    /// Notes when devices were last connected. Lost on a crash; it is information only.
    func noteSeen(_ seen: [(device: DeviceKey, at: Milliseconds)]) async throws
}
