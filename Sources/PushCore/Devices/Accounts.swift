/// What an app asks about people and their devices. Scope `accounts`.
public struct Accounts: Sendable {
    private let devices: any DeviceStore
    private let presence: PresenceBook
    private let clock: WallClock

    public init(devices: any DeviceStore, presence: PresenceBook, clock: WallClock) {
        self.devices = devices
        self.presence = presence
        self.clock = clock
    }

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

    public func read(userID: String, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .accounts)
        guard let account = try await devices.account(tenant: identity.tenant.key, userID: userID) else {
            throw GatewayError(.notFound, "There is no such user.")
        }
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
}
