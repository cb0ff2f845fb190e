import Foundation
import GRDB
import PushCore

extension Storage: DeviceStore {
    public func register(_ registration: Registration, at now: Milliseconds) async throws -> RegistrationOutcome {
        try await commits.run { [ids, deviceCache] writer in
            let done = try RegistryRules(writer: writer, ids: ids, now: now).register(registration)
            writer.afterCommit {
                deviceCache.invalidate(deviceIDs: done.touched.deviceIDs, accounts: done.touched.accounts)
            }
            return RegistrationOutcome(
                identity: DeviceIdentity(
                    key: done.key, deviceID: done.deviceID, account: done.account, userID: registration.userID,
                    tenant: registration.tenant),
                isNew: done.isNew, endedDevices: done.ended, seq: done.head, broadcastSeq: done.broadcastHead)
        }
    }

    public func lookUp(deviceID: String) async throws -> DeviceLookup {
        if let known = deviceCache.device(id: deviceID) { return lookup(known, deviceID: deviceID) }
        let fill = deviceCache.beginFill(id: deviceID)
        do {
            let known = try await file.read { db in
                let select = try HotStatement(cached: Self.knownSQL, db)
                select.bind(1, deviceID)
                return try select.first { row in
                    DeviceCache.Known(
                        key: DeviceKey(rawValue: row.integer(0)),
                        account: AccountRef(key: AccountKey(rawValue: row.integer(1)), id: row.text(2)),
                        userID: row.text(3), tenantKey: TenantKey(rawValue: row.integer(4)),
                        isActive: row.integer(5) != 0)
                }
            }
            deviceCache.endFill(fill, id: deviceID, known)
            guard let known else { return .unknown }
            return lookup(known, deviceID: deviceID)
        } catch {
            deviceCache.endFill(fill, id: deviceID, nil)
            throw error
        }
    }

    private static let knownSQL = """
        SELECT d.key, d.account, a.account_id, a.user_id, d.tenant, d.status = 'active'
        FROM device d JOIN account a ON a.key = d.account WHERE d.device_id = ?
        """

    private func lookup(_ known: DeviceCache.Known, deviceID: String) -> DeviceLookup {
        guard let tenant = access.tenant(key: known.tenantKey) else { return .unknown }
        guard known.isActive else { return .ended }
        return .active(
            DeviceIdentity(
                key: known.key, deviceID: deviceID, account: known.account, userID: known.userID, tenant: tenant))
    }

    public func device(_ key: DeviceKey) async throws -> Device? {
        try await file.read { try DeviceRows.device($0, key) }
    }

    public func update(_ key: DeviceKey, _ draft: DeviceDraft, at now: Milliseconds) async throws -> Device {
        try await commits.run { [ids, deviceCache, access] writer in
            guard let device = try DeviceRows.device(writer.db, key), device.status == .active,
                let tenant = access.tenant(key: device.tenantKey)
            else { throw GatewayError(.tokenRevoked, "This device has ended.") }
            let rules = RegistryRules(writer: writer, ids: ids, now: now)
            try rules.change(key, draft, app: nil)
            if let tokens = draft.tokens {
                // Whoever holds a device of an openly registered account may not take another account's token.
                let isClosed = try AccountRows.find(writer.db, id: device.account.id)?.openedBy == nil
                try rules.setTokens(
                    tokens, of: key, account: device.account.key, tenant: tenant, mayTakeFromOthers: isClosed)
            }
            writer.afterCommit { deviceCache.invalidate(deviceIDs: [device.deviceID], accounts: [device.account.key]) }
            return try DeviceRows.device(writer.db, key) ?? device
        }
    }

    public func deregister(_ key: DeviceKey, at now: Milliseconds) async throws -> Bool {
        try await commits.run { [ids, deviceCache] writer in
            guard let device = try DeviceRows.device(writer.db, key), device.status == .active else { return false }
            try RegistryRules(writer: writer, ids: ids, now: now).end(key, as: .deregistered)
            writer.afterCommit { deviceCache.invalidate(deviceIDs: [device.deviceID], accounts: [device.account.key]) }
            return true
        }
    }

    public func account(tenant: TenantKey, userID: String) async throws -> AccountRef? {
        try await file.read { try AccountRows.find($0, tenant: tenant, userID: userID)?.ref }
    }

    public func signaturesNotBefore(tenant: TenantKey, userID: String) async throws -> Milliseconds? {
        try await file.read { db in
            guard let account = try AccountRows.find(db, tenant: tenant, userID: userID) else {
                return try VoidedSignatures.notBefore(db, tenant: tenant, userID: userID)
            }
            return account.notBefore
        }
    }

    public func ensureAccount(
        tenant: TenantKey, userID: String, at now: Milliseconds
    ) async throws -> (account: AccountRef, isNew: Bool) {
        let known = try await file.read { try AccountRows.find($0, tenant: tenant, userID: userID) }
        if let known, known.openedBy == nil { return (known.ref, false) }
        return try await commits.run { [ids] writer in
            try AccountRows.ensure(writer.db, tenant: tenant, userID: userID, ids: ids, at: now)
        }
    }

    public func devices(of account: AccountKey) async throws -> [Device] {
        try await file.read { try DeviceRows.devices($0, of: account) }
    }

    public func cursor(of device: DeviceKey) async throws -> PushCore.Cursor {
        try await file.read { try Cursors.cursor($0, of: device) }
    }

    public func endedDevices(since: Milliseconds, after deviceID: String?, limit: Int) async throws -> [String] {
        try await file.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT device_id FROM device WHERE ended_at IS NOT NULL AND ended_at > ? AND device_id > ?
                    ORDER BY device_id LIMIT ?
                    """,
                arguments: [since, deviceID ?? "", limit])
        }
    }

    public func noteSeen(_ seen: [(device: DeviceKey, at: Milliseconds)]) async throws {
        guard !seen.isEmpty else { return }
        try await commits.run { writer in
            let update = try writer.statement("UPDATE device SET last_seen_at = max(last_seen_at, ?) WHERE key = ?")
            for (device, at) in seen {
                update.bind(1, at)
                update.bind(2, device.rawValue)
                try update.run()
            }
        }
    }
}
