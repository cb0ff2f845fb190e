/// A user with the devices that are active now, for who asks about presence.
public struct UserDevices: Sendable {
    public struct Member: Sendable {
        public let deviceID: String
        public let osType: OSType
        public let lastSeenAt: Milliseconds
        /// It has a live push token and has not turned pushes off.
        public let canBePushed: Bool

        public init(deviceID: String, osType: OSType, lastSeenAt: Milliseconds, canBePushed: Bool = false) {
            self.canBePushed = canBePushed
            self.deviceID = deviceID
            self.osType = osType
            self.lastSeenAt = lastSeenAt
        }
    }

    public let userID: String
    public let account: AccountRef
    public let devices: [Member]

    public init(userID: String, account: AccountRef, devices: [Member]) {
        self.userID = userID
        self.account = account
        self.devices = devices
    }
}

/// A user as an app imports one: what others see of them. nil leaves what was there.
public struct AccountProfile: Sendable, Equatable {
    public let userID: String
    public let nick: String?
    /// Address of a picture.
    public let faceURL: String?

    /// Longest `nick` and `faceURL`, in bytes.
    public static let textBytesMax = 500

    public init(userID: String, nick: String? = nil, faceURL: String? = nil) {
        self.userID = userID
        self.nick = nick
        self.faceURL = faceURL
    }

    var isValid: Bool {
        IDRules.isUserID(userID) && [nick, faceURL].allSatisfy { ($0?.utf8.count ?? 0) <= Self.textBytesMax }
    }
}

/// How far the erasing of a deleted account has come.
public enum ErasureProgress: Sendable, Equatable {
    /// There is a next page.
    case more
    /// What remains is on its way through the log: index rows that are not written yet.
    case waiting
    case done
}

/// What apps do with whole accounts. Implemented by PushStorage; each change stands in the audit trail with the app that
/// made it.
public protocol AccountStore: Sendable {
    /// The accounts of users, in their order, made where there are none. An app's use closes them to open registration.
    func ensureAccounts(
        tenant: TenantKey, userIDs: [String], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)]

    /// The same for users with profiles; what a profile says takes the place of what was there.
    func importProfiles(
        tenant: TenantKey, _ profiles: [AccountProfile], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)]

    /// Known users among those named, in their order.
    func activeDevices(tenant: TenantKey, userIDs: [String]) async throws -> [UserDevices]

    /// Ends a device of an account as deregistered; one that has ended stays as it is. False when the account has no
    /// such device.
    func endDevice(
        _ deviceID: String, of account: AccountKey, by app: AppIdentity, at now: Milliseconds
    ) async throws -> Bool

    /// Ends all devices of an account as deregistered and refuses user signatures that were issued before now. Returns
    /// the ids of those that were active.
    func endDevices(of account: AccountKey, by app: AppIdentity, at now: Milliseconds) async throws -> [String]

    /// Deletes an account: when this returns it has no name any more, its devices have ended, and it is in no group and
    /// has no tag; its inbox is erased by pages (``eraseNextPage(of:)``). Its user may get a new account at once. Returns
    /// the ids of the devices that were active, nil when it was deleted before.
    func deleteAccount(_ account: AccountKey, by app: AppIdentity, at now: Milliseconds) async throws -> [String]?

    /// Erases the next page of a deleted account: its places in the inbox, its read state, and the content that nobody
    /// else has. Ids stay taken.
    func eraseNextPage(of account: AccountKey) async throws -> ErasureProgress

    /// Deleted accounts that are not erased to the end.
    func accountsToErase(limit: Int) async throws -> [AccountKey]
}
