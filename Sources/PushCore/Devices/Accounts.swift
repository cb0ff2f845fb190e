/// What an app asks about people and their devices, and how it ends them. Scope `accounts`.
public struct Accounts: Sendable {
    let store: any AccountStore
    private let devices: any DeviceStore
    let presence: PresenceBook
    private let changes: any DeviceChanges
    let limits: Limits
    let clock: WallClock

    public init(
        store: any AccountStore, devices: any DeviceStore, presence: PresenceBook, changes: any DeviceChanges,
        limits: Limits, clock: WallClock
    ) {
        self.store = store
        self.devices = devices
        self.presence = presence
        self.changes = changes
        self.limits = limits
        self.clock = clock
    }

    // MARK: Making

    /// An account without a device yet.
    public func ensure(userID: String, as principal: Principal) async throws -> (answer: RawJSON, isNew: Bool) {
        let identity = try principal.app(with: .accounts)
        guard IDRules.isUserID(userID) else { throw GatewayError(.invalidRequest, "This is no valid userId.") }
        let (account, isNew) = try await devices.ensureAccount(
            tenant: identity.tenant.key, userID: userID, at: clock.now)
        let answer = RawJSON.object { writer in
            writer.member("account", account.id)
            writer.member("userId", userID)
        }
        return (answer, isNew)
    }

    /// Accounts for many users. A user named twice is `exists` the second time.
    public func importAccounts(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .accounts)
        let users = try UserList.users(of: body, max: limits.usersPerCallMax)
        let made = try await store.ensureAccounts(tenant: identity.tenant.key, userIDs: users, at: clock.now)
        return .object { writer in
            writer.array("results") { writer in
                for (userID, account, isNew) in made {
                    writer.object { writer in
                        writer.member("userId", userID)
                        writer.member("account", account.id)
                        writer.member("status", isNew ? "created" : "exists")
                    }
                }
            }
        }
    }

    /// Accounts with what others see of them: `nick` is a user's name in notifications.
    public func importProfiles(_ profiles: [AccountProfile], as principal: Principal) async throws {
        let identity = try principal.app(with: .accounts)
        guard profiles.count <= limits.usersPerCallMax else {
            throw GatewayError(.tooLarge, "At most \(limits.usersPerCallMax) users a call.")
        }
        guard profiles.allSatisfy(\.isValid) else {
            throw GatewayError(.invalidRequest, "A userId is not valid, or a profile is too long.")
        }
        _ = try await store.importProfiles(tenant: identity.tenant.key, profiles, at: clock.now)
    }

    // MARK: Reading

    /// Which of the users have an account.
    public func known(among userIDs: [String], as principal: Principal) async throws -> Set<String> {
        let identity = try principal.app(with: .accounts)
        return Set(try await store.activeDevices(tenant: identity.tenant.key, userIDs: userIDs).map(\.userID))
    }

    public func read(userID: String, as principal: Principal) async throws -> RawJSON {
        let (_, account) = try await known(userID, as: principal)
        var rows: [(device: Device, cursor: Cursor)] = []
        for device in try await devices.devices(of: account.key) {
            rows.append((device, try await devices.cursor(of: device.key)))
        }
        return .object { writer in
            writer.member("account", account.id)
            writer.member("userId", userID)
            writer.array("devices") { writer in
                for (device, cursor) in rows {
                    writer.object { writer in
                        writer.member("deviceId", device.deviceID)
                        writer.member("osType", device.osType.rawValue)
                        writer.member("status", device.status.rawValue)
                        writer.member(
                            "online", device.status == .active && presence.connectedSince(device.deviceID) != nil)
                        writer.member("pushVendor", ifPresent: device.tokens.first?.vendor.rawValue)
                        writer.member("lastSeenAt", device.lastSeenAt)
                        writer.member("deregisteredAt", ifPresent: device.endedAt)
                        writer.member("cursor", cursor.json)
                    }
                }
            }
        }
    }

    /// Who of the users is connected now, with their active devices. Unknown users are left out; each user is there
    /// once. `since` is when the device connected, or for one that is away when it was last seen.
    ///
    /// - Parameter users: names with commas between them, as in the query.
    public func presence(users: String?, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .accounts)
        let names = (users ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard names.count <= limits.usersPerCallMax else {
            throw GatewayError(.tooLarge, "At most \(limits.usersPerCallMax) users a call.")
        }
        guard names.allSatisfy(IDRules.isUserID) else {
            throw GatewayError(.invalidRequest, "users must be valid names of users with commas between them.")
        }
        let found = try await store.activeDevices(tenant: identity.tenant.key, userIDs: names)
        return .object { writer in
            writer.array("items") { writer in for user in found { write(user, into: &writer) } }
        }
    }

    private func write(_ user: UserDevices, into writer: inout JSONWriter) {
        let devices = user.devices.map { ($0, presence.connectedSince($0.deviceID)) }
        writer.object { writer in
            writer.member("userId", user.userID)
            writer.member("account", user.account.id)
            writer.member("online", devices.contains { $0.1 != nil })
            writer.array("devices") { writer in
                for (device, connectedSince) in devices {
                    writer.object { writer in
                        writer.member("deviceId", device.deviceID)
                        writer.member("osType", device.osType.rawValue)
                        writer.member("online", connectedSince != nil)
                        writer.member("since", connectedSince ?? device.lastSeenAt)
                    }
                }
            }
        }
    }

    // MARK: Ending

    /// Ends one device: when this returns its credential is dead on HTTP and MQTT and no new push begins.
    public func endDevice(_ deviceID: String, of userID: String, as principal: Principal) async throws {
        let (identity, account) = try await known(userID, as: principal)
        let isKnown = try await store.endDevice(
            deviceID, of: account.key, by: identity, at: clock.now)
        guard isKnown else { throw GatewayError(.notFound, "This user has no such device.") }
        // Also for one that had ended: a repeat finishes what a crash may have cut short.
        await tell([deviceID])
    }

    /// Ends all devices of a user. Signatures issued before now are refused when a device registers; so are those that
    /// do not say when they were issued.
    public func kick(userID: String, as principal: Principal) async throws -> RawJSON {
        let (identity, account) = try await known(userID, as: principal)
        let ended = try await store.endDevices(of: account.key, by: identity, at: clock.now)
        await tell(ended)
        return .object { $0.member("devices", ended.count) }
    }

    /// Deletes a user's account with everything that only it has: when this returns nothing of it can be read. Single
    /// messages stay with the other side. The user may come back, with a new account.
    public func delete(userID: String, as principal: Principal) async throws {
        let (identity, account) = try await known(userID, as: principal)
        guard let ended = try await store.deleteAccount(account.key, by: identity, at: clock.now) else {
            throw Self.unknown
        }
        await tell(ended)
        while try await store.eraseNextPage(of: account.key) == .more {}
    }

    private func tell(_ ended: [String]) async {
        await changes.devicesChanged()
        if !ended.isEmpty { await changes.devicesEnded(ended) }
    }

    private func known(
        _ userID: String, as principal: Principal
    ) async throws -> (identity: AppIdentity, account: AccountRef) {
        let identity = try principal.app(with: .accounts)
        guard let account = try await devices.account(tenant: identity.tenant.key, userID: userID) else {
            throw Self.unknown
        }
        return (identity, account)
    }

    private static let unknown = GatewayError(.notFound, "There is no such user.")
}
