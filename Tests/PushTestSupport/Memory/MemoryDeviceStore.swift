import PushCore
import Synchronization

/// Devices and accounts in memory, with as many of the registry's rules as a door's tests need: one active device per
/// code, ended ones stay ended.
public final class MemoryDeviceStore: DeviceStore, AccountStore {
    private struct State {
        var accounts: [AccountRef] = []
        var users: [String] = []
        var devices: [(device: Device, tenant: Tenant)] = []
    }

    private let state = Mutex(State())
    private let access: MemoryAccessStore?

    /// - Parameter access: tells what a device's tenant is now; without it a tenant stays as it was at registration.
    public init(access: MemoryAccessStore? = nil) { self.access = access }

    public func register(_ registration: Registration, at now: Milliseconds) async throws -> RegistrationOutcome {
        state.withLock { state in
            let account = Self.account(of: registration.userID, in: &state).account
            let known = state.devices.firstIndex {
                $0.device.uniqueCode == registration.uniqueCode && $0.device.status == .active
                    && $0.tenant.key == registration.tenant.key
            }
            let isSame = known.map { state.devices[$0].device.account == account } ?? false
            var ended: [String] = []
            if let known, !isSame {
                ended = [state.devices[known].device.deviceID]
                state.devices[known].device = Self.copy(state.devices[known].device, status: .moved, endedAt: now)
            }
            if let known, isSame {
                let device = Self.copy(state.devices[known].device, draft: registration.draft)
                state.devices[known].device = device
                return Self.outcome(device, registration.tenant, isNew: false, ended: [])
            }
            let key = Int64(state.devices.count + 1)
            let blank = Device(
                key: DeviceKey(rawValue: key), deviceID: "dev_\(key)", tenantKey: registration.tenant.key,
                account: account, userID: registration.userID, uniqueCode: registration.uniqueCode, osType: .unknown,
                status: .active, pushEnabled: true, tokens: [], info: .emptyObject, registeredAt: now, lastSeenAt: now,
                endedAt: nil, startSeq: 0)
            let device = Self.copy(blank, draft: registration.draft)
            state.devices.append((device, registration.tenant))
            return Self.outcome(device, registration.tenant, isNew: true, ended: ended)
        }
    }

    public func lookUp(deviceID: String) async throws -> DeviceLookup {
        state.withLock { state in
            guard let found = state.devices.first(where: { $0.device.deviceID == deviceID }) else { return .unknown }
            let tenant = access?.tenant(key: found.tenant.key) ?? found.tenant
            return found.device.status == .active ? .active(Self.identity(found.device, tenant)) : .ended
        }
    }

    public func device(_ key: DeviceKey) async throws -> Device? {
        state.withLock { $0.devices.first { $0.device.key == key }?.device }
    }

    public func update(_ key: DeviceKey, _ draft: DeviceDraft, at now: Milliseconds) async throws -> Device {
        try state.withLock { state in
            guard let index = state.devices.firstIndex(where: { $0.device.key == key && $0.device.status == .active })
            else { throw GatewayError(.tokenRevoked, "The device was deregistered or moved.") }
            state.devices[index].device = Self.copy(state.devices[index].device, draft: draft)
            return state.devices[index].device
        }
    }

    public func deregister(_ key: DeviceKey, at now: Milliseconds) async throws -> Bool {
        state.withLock { state in
            guard let index = state.devices.firstIndex(where: { $0.device.key == key && $0.device.status == .active })
            else { return false }
            state.devices[index].device = Self.copy(
                state.devices[index].device, status: .deregistered, endedAt: now)
            return true
        }
    }

    public func account(tenant: TenantKey, userID: String) async throws -> AccountRef? {
        state.withLock { state in state.users.firstIndex(of: userID).map { state.accounts[$0] } }
    }

    public func ensureAccount(
        tenant: TenantKey, userID: String, at now: Milliseconds
    ) async throws -> (account: AccountRef, isNew: Bool) {
        state.withLock { Self.account(of: userID, in: &$0) }
    }

    public func signaturesNotBefore(tenant: TenantKey, userID: String) async throws -> Milliseconds? { nil }

    public func devices(of account: AccountKey) async throws -> [Device] {
        state.withLock { state in state.devices.map(\.device).filter { $0.account.key == account } }
    }

    // MARK: Whole accounts

    public func ensureAccounts(
        tenant: TenantKey, userIDs: [String], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)] {
        state.withLock { state in
            userIDs.map { user in
                let (account, isNew) = Self.account(of: user, in: &state)
                return (user, account, isNew)
            }
        }
    }

    public func importProfiles(
        tenant: TenantKey, _ profiles: [AccountProfile], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)] {
        try await ensureAccounts(tenant: tenant, userIDs: profiles.map(\.userID), at: now)
    }

    public func activeDevices(tenant: TenantKey, userIDs: [String]) async throws -> [UserDevices] {
        state.withLock { state in
            userIDs.compactMap { user in
                guard let index = state.users.firstIndex(of: user) else { return nil }
                let account = state.accounts[index]
                let active = state.devices.map(\.device).filter { $0.account == account && $0.status == .active }
                return UserDevices(
                    userID: user, account: account,
                    devices: active.map { .init(deviceID: $0.deviceID, osType: $0.osType, lastSeenAt: $0.lastSeenAt) })
            }
        }
    }

    public func endDevice(
        _ deviceID: String, of account: AccountKey, by app: AppIdentity, at now: Milliseconds
    ) async throws -> Bool {
        let device = state.withLock { state in
            state.devices.map(\.device).first { $0.deviceID == deviceID && $0.account.key == account }
        }
        guard let device else { return false }
        _ = try await deregister(device.key, at: now)
        return true
    }

    public func endDevices(of account: AccountKey, by app: AppIdentity, at now: Milliseconds) async throws -> [String] {
        let active = try await devices(of: account).filter { $0.status == .active }
        for device in active { _ = try await deregister(device.key, at: now) }
        return active.map(\.deviceID)
    }

    public func deleteAccount(
        _ account: AccountKey, by app: AppIdentity, at now: Milliseconds
    ) async throws -> [String]? {
        let ended = try await endDevices(of: account, by: app, at: now)
        return state.withLock { state in
            guard let index = state.accounts.firstIndex(where: { $0.key == account }), state.users[index] != "/" else {
                return nil
            }
            state.users[index] = "/"
            return ended
        }
    }

    public func eraseNextPage(of account: AccountKey) async throws -> ErasureProgress { .done }
    public func accountsToErase(limit: Int) async throws -> [AccountKey] { [] }

    public func cursor(of device: DeviceKey) async throws -> Cursor { Cursor(seq: 0, broadcastSeq: 0) }

    public func endedDevices(since: Milliseconds, after deviceID: String?, limit: Int) async throws -> [String] {
        state.withLock { $0.devices.map(\.device).filter { $0.status != .active }.map(\.deviceID) }
    }

    public func noteSeen(_ seen: [(device: DeviceKey, at: Milliseconds)]) async throws {}

    private static func account(of userID: String, in state: inout State) -> (account: AccountRef, isNew: Bool) {
        if let index = state.users.firstIndex(of: userID) { return (state.accounts[index], false) }
        let key = Int64(state.users.count + 1)
        let account = AccountRef(key: AccountKey(rawValue: key), id: "acct_\(key)")
        state.users.append(userID)
        state.accounts.append(account)
        return (account, true)
    }

    private static func identity(_ device: Device, _ tenant: Tenant) -> DeviceIdentity {
        DeviceIdentity(
            key: device.key, deviceID: device.deviceID, account: device.account, userID: device.userID, tenant: tenant)
    }

    private static func outcome(
        _ device: Device, _ tenant: Tenant, isNew: Bool, ended: [String]
    ) -> RegistrationOutcome {
        RegistrationOutcome(
            identity: identity(device, tenant), isNew: isNew, endedDevices: ended, seq: 0, broadcastSeq: 0)
    }

    private static func copy(
        _ device: Device, draft: DeviceDraft? = nil, status: Device.Status? = nil, endedAt: Milliseconds? = nil
    ) -> Device {
        Device(
            key: device.key, deviceID: device.deviceID, tenantKey: device.tenantKey, account: device.account,
            userID: device.userID, uniqueCode: device.uniqueCode, osType: draft?.osType ?? device.osType,
            status: status ?? device.status, pushEnabled: draft?.pushEnabled ?? device.pushEnabled,
            tokens: draft?.tokens ?? device.tokens, info: draft?.info ?? device.info,
            registeredAt: device.registeredAt, lastSeenAt: device.lastSeenAt, endedAt: endedAt ?? device.endedAt,
            startSeq: device.startSeq)
    }
}
