import GRDB
import PushCore

extension Storage: AccountStore {
    public func ensureAccounts(
        tenant: TenantKey, userIDs: [String], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)] {
        try await commits.run { [ids] writer in
            try userIDs.map { userID in
                let (account, isNew) = try AccountRows.ensure(
                    writer.db, tenant: tenant, userID: userID, ids: ids, at: now)
                return (userID, account, isNew)
            }
        }
    }

    public func importProfiles(
        tenant: TenantKey, _ profiles: [AccountProfile], at now: Milliseconds
    ) async throws -> [(userID: String, account: AccountRef, isNew: Bool)] {
        try await commits.run { [ids] writer in
            try profiles.map { profile in
                let (account, isNew) = try AccountRows.ensure(
                    writer.db, tenant: tenant, userID: profile.userID, ids: ids, at: now)
                if profile.nick != nil || profile.faceURL != nil {
                    try writer.db.execute(
                        sql: """
                            UPDATE account SET nick = ifnull(?, nick), face_url = ifnull(?, face_url) WHERE key = ?
                            """,
                        arguments: [profile.nick, profile.faceURL, account.key.rawValue])
                }
                return (profile.userID, account, isNew)
            }
        }
    }

    public func activeDevices(tenant: TenantKey, userIDs: [String]) async throws -> [UserDevices] {
        try await file.read { db in
            let devices = try db.cachedStatement(
                sql: """
                    SELECT device_id, os_type, last_seen_at, push_enabled AND EXISTS (
                        SELECT 1 FROM push_token WHERE push_token.device = device.key AND push_token.state = 'live')
                    FROM device WHERE account = ? AND status = 'active' ORDER BY key
                    """)
            var seen: Set<String> = []
            return try userIDs.compactMap { userID in
                guard seen.insert(userID).inserted,
                    let account = try AccountRows.find(db, tenant: tenant, userID: userID)?.ref
                else { return nil }
                let members = try Row.fetchAll(devices, arguments: [account.key.rawValue]).map { row in
                    UserDevices.Member(
                        deviceID: row[0], osType: OSType(rawValue: row[1]) ?? .unknown, lastSeenAt: row[2],
                        canBePushed: row[3])
                }
                return UserDevices(userID: userID, account: account, devices: members)
            }
        }
    }

    public func endDevice(
        _ deviceID: String, of account: AccountKey, by app: AppIdentity, at now: Milliseconds
    ) async throws -> Bool {
        try await commits.run { [ids, deviceCache] writer in
            let db = writer.db
            let device = try Row.fetchOne(
                db, sql: "SELECT key, status FROM device WHERE device_id = ? AND account = ?",
                arguments: [deviceID, account.rawValue])
            guard let device else { return false }
            guard device[1] == Device.Status.active.rawValue else { return true }
            try RegistryRules(writer: writer, ids: ids, now: now)
                .end(DeviceKey(rawValue: device[0]), as: .deregistered)
            try AuditTrail.note(db, actor: app.app.appID, action: "device.end", subject: deviceID, at: now)
            writer.afterCommit { deviceCache.invalidate(deviceIDs: [deviceID], accounts: [account]) }
            return true
        }
    }

    public func endDevices(of account: AccountKey, by app: AppIdentity, at now: Milliseconds) async throws -> [String] {
        try await commits.run { [ids, deviceCache] writer in
            let ending = AccountEnding(writer: writer, ids: ids, now: now, app: app)
            let ended = try ending.kick(account)
            writer.afterCommit { deviceCache.invalidate(deviceIDs: ended, accounts: [account]) }
            return ended
        }
    }

    public func deleteAccount(
        _ account: AccountKey, by app: AppIdentity, at now: Milliseconds
    ) async throws -> [String]? {
        try await commits.run { [ids, deviceCache] writer in
            let ending = AccountEnding(writer: writer, ids: ids, now: now, app: app)
            guard let ended = try ending.delete(account) else { return nil }
            writer.afterCommit { deviceCache.invalidate(deviceIDs: ended, accounts: [account]) }
            return ended
        }
    }

    public func eraseNextPage(of account: AccountKey) async throws -> ErasureProgress {
        let unindexed = Array(log.tail(of: account.rawValue, newestFirst: .max) { _ in true }.reversed())
        return try await commits.run { [limits] writer in
            try AccountErasure(writer: writer, account: account.rawValue, pageEntries: limits.erasurePageEntries)
                .next(unindexed: unindexed)
        }
    }

    public func accountsToErase(limit: Int) async throws -> [AccountKey] {
        try await file.read { db in
            try Int64.fetchAll(db, sql: "SELECT account FROM erasure ORDER BY account LIMIT ?", arguments: [limit])
                .map(AccountKey.init(rawValue:))
        }
    }
}
