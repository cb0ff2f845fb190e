import Foundation
import GRDB
import PushCore
import PushCredentials

/// The registry rules of the contract (section 4) as steps of one transaction: one active row per unique code, one
/// live place per token, and no waiting push for what has ended.
struct RegistryRules {
    let writer: Writer
    let ids: IDGenerator
    let now: Milliseconds

    private var db: Database { writer.db }

    /// What memory has to forget after COMMIT.
    struct Touched {
        var deviceIDs: [String] = []
        var accounts: [AccountKey] = []
    }

    struct Registered {
        let key: DeviceKey
        let deviceID: String
        let account: AccountRef
        let isNew: Bool
        let ended: [String]
        let head: Int64
        let broadcastHead: Int64
        var touched: Touched
    }

    func register(_ registration: Registration) throws -> Registered {
        let (account, isNewAccount) = try account(for: registration)
        var touched = Touched(accounts: [account.key])
        var ended: [String] = []
        let tenant = registration.tenant.key
        let draft = registration.draft
        let bound = try bound(registration.uniqueCode, tenant: tenant)
        let head = isNewAccount ? 0 : try writer.head(of: account.key.rawValue)
        let broadcastHead = try BroadcastLog(writer: writer).head(of: tenant)

        let key: DeviceKey
        let deviceID: String
        var isNew = true
        if let bound, bound.account == account.key {
            isNew = false
            (key, deviceID) = (bound.key, bound.deviceID)
            try change(key, draft, app: registration.app)
        } else {
            if let bound {
                guard registration.isSigned else {
                    throw GatewayError(.forbidden, "This uniqueCode belongs to another account.")
                }
                try noteMove("code/\(registration.uniqueCode)", tenant: tenant)
                try end(bound.key, as: .moved)
                try tellMoved(bound.deviceID, from: bound.account, tenant: registration.tenant)
                ended.append(bound.deviceID)
                touched.deviceIDs.append(bound.deviceID)
                touched.accounts.append(bound.account)
            }
            deviceID = ids.device()
            key = try insert(
                registration, deviceID: deviceID, account: account.key, head: head, broadcastHead: broadcastHead)
            if let bound {
                try noteMoved(
                    bound.key, from: bound.account, what: "code", to: account.key, device: deviceID, tenant: tenant)
            }
            try WebhookLog(writer: writer).record(
                .deviceRegistered, tenant: tenant, account: account.key, device: key, at: now)
        }
        touched.deviceIDs.append(deviceID)
        if let tokens = draft.tokens {
            try setTokens(
                tokens, of: key, account: account.key, tenant: registration.tenant,
                mayTakeFromOthers: registration.isSigned, isNew: isNew)
        }
        return Registered(
            key: key, deviceID: deviceID, account: account, isNew: isNew, ended: ended, head: head,
            broadcastHead: broadcastHead,
            touched: touched)
    }

    private struct Bound {
        let key: DeviceKey
        let deviceID: String
        let account: AccountKey
    }

    /// The active device with this code.
    private func bound(_ uniqueCode: String, tenant: TenantKey) throws -> Bound? {
        let select = try writer.statement(
            "SELECT key, device_id, account FROM device WHERE tenant = ? AND unique_code = ? AND status = 'active'")
        select.bind(1, tenant.rawValue)
        select.bind(2, uniqueCode)
        return try select.first { row in
            Bound(
                key: DeviceKey(rawValue: row.integer(0)), deviceID: row.text(1),
                account: AccountKey(rawValue: row.integer(2)))
        }
    }

    private func insert(
        _ registration: Registration, deviceID: String, account: AccountKey, head: Int64, broadcastHead: Int64
    ) throws -> DeviceKey {
        let draft = registration.draft
        let insert = try writer.statement(
            """
            INSERT INTO device (device_id, tenant, account, app, unique_code, os_type, push_enabled, info,
                registered_at, last_seen_at, start_seq, start_broadcast_seq)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11)
            """)
        insert.bind(1, deviceID)
        insert.bind(2, registration.tenant.key.rawValue)
        insert.bind(3, account.rawValue)
        insert.bind(4, registration.app.rawValue)
        insert.bind(5, registration.uniqueCode)
        insert.bind(6, Int64((draft.osType ?? .unknown).rawValue))
        insert.bind(7, draft.pushEnabled == false ? 0 : 1)
        insert.bind(8, draft.info?.bytes ?? RawJSON.emptyObject.bytes)
        insert.bind(9, now)
        insert.bind(10, head)
        insert.bind(11, broadcastHead)
        try insert.run()
        return DeviceKey(rawValue: db.lastInsertedRowID)
    }

    private static let movesPerHourMax = 5
    private static let hour: Milliseconds = 3_600_000

    /// Writes the move of a code or token to another account into the audit trail. Throws `rate_limited` when it has
    /// moved too often within the hour: nobody changes hands that fast, but a leaked signing key does.
    private func noteMove(_ what: String, tenant: TenantKey) throws {
        let subject = "tenant/\(tenant.rawValue)/\(what)"
        let recent =
            try Int.fetchOne(
                db.cachedStatement(
                    sql: "SELECT count(*) FROM audit WHERE subject = ? AND at > ? AND action = 'device.moved'"),
                arguments: [subject, now - Self.hour]) ?? 0
        guard recent < Self.movesPerHourMax else {
            throw GatewayError(
                .rateLimited, "This code or push token moved to another account too often.", retryAfterSeconds: 3600)
        }
        try db.executeCached(
            sql: "INSERT INTO audit (at, actor, action, subject) VALUES (?, 'registration', 'device.moved', ?)",
            arguments: [now, subject])
    }

    /// Tells the tenant's service that a device's code or token is another account's now.
    private func noteMoved(
        _ old: DeviceKey, from account: AccountKey, what: String, to newAccount: AccountKey, device: String,
        tenant: TenantKey
    ) throws {
        let log = WebhookLog(writer: writer)
        guard log.isNeeded(for: tenant) else { return }
        let newID = try String.fetchOne(
            db.cachedStatement(sql: "SELECT account_id FROM account WHERE key = ?"), arguments: [newAccount.rawValue])
        try log.record(
            .deviceMoved, tenant: tenant, account: account, device: old,
            detail: { writer in
                writer.member("what", what)
                writer.member("toAccount", ifPresent: newID)
                writer.member("toDeviceId", device)
            }, at: now)
    }

    /// Tells an account that a device of its, or that device's push token, is another account's now (event 256). From
    /// the account itself: nothing of the new owner is in it.
    private func tellMoved(_ deviceID: String, from account: AccountKey, tenant: Tenant) throws {
        let id = try String.fetchOne(
            db.cachedStatement(sql: "SELECT account_id FROM account WHERE key = ?"), arguments: [account.rawValue])
        guard let id else { return }
        try EventArchive(writer: writer, ids: ids, tenant: tenant, now: now).archive(
            .deviceMoved(deviceID: deviceID), by: .init(name: id, account: account), to: [account.rawValue])
    }

    /// The account a registration is for, as far as it may have it.
    private func account(for registration: Registration) throws -> (AccountRef, isNew: Bool) {
        let tenant = registration.tenant.key
        guard let known = try AccountRows.find(db, tenant: tenant, userID: registration.userID) else {
            let notBefore = try VoidedSignatures.notBefore(db, tenant: tenant, userID: registration.userID)
            try check(registration, notBefore: notBefore)
            let made = try AccountRows.insert(
                db, tenant: tenant, userID: registration.userID,
                openedBy: registration.isSigned ? nil : registration.app, notBefore: notBefore, ids: ids, at: now)
            return (made, true)
        }
        if registration.isSigned {
            try check(registration, notBefore: known.notBefore)
            if known.openedBy != nil { try AccountRows.close(db, known.ref.key) }
        } else if known.openedBy != registration.app {
            throw GatewayError(.forbidden, "This user's devices register with a signature.")
        }
        return (known.ref, false)
    }

    /// A signature that does not say when it was issued may be older than the kick.
    private func check(_ registration: Registration, notBefore: Milliseconds?) throws(GatewayError) {
        guard registration.isSigned, let notBefore, (registration.signedAt ?? 0) < notBefore else { return }
        throw GatewayError(.tokenRevoked, "This user's earlier signatures no longer count.")
    }

    /// Takes over what the draft names; the rest stays.
    func change(_ key: DeviceKey, _ draft: DeviceDraft, app: AppKey?) throws {
        try db.executeCached(
            sql: """
                UPDATE device SET os_type = ifnull(?, os_type), push_enabled = ifnull(?, push_enabled),
                    info = ifnull(?, info), app = ifnull(?, app), last_seen_at = max(last_seen_at, ?)
                WHERE key = ?
                """,
            arguments: [
                draft.osType?.rawValue, draft.pushEnabled, draft.info.map { Data($0.bytes) }, app?.rawValue, now,
                key.rawValue,
            ])
        if draft.pushEnabled == false { try skipWaiting(of: key, .pushDisabled) }
    }

    /// Ends an active device: its tokens and its waiting pushes end with it.
    func end(_ key: DeviceKey, as status: Device.Status) throws {
        try db.executeCached(
            sql: "UPDATE device SET status = ?, ended_at = ? WHERE key = ?",
            arguments: [status.rawValue, now, key.rawValue])
        try db.executeCached(
            sql: "UPDATE push_token SET state = 'ended', ended_at = ? WHERE device = ? AND state = 'live'",
            arguments: [now, key.rawValue])
        try skipWaiting(of: key, .deregistered)
        if status == .deregistered {
            try WebhookLog(writer: writer).record(.deviceDeregistered, device: key, at: now)
        }
    }

    private func skipWaiting(of key: DeviceKey, _ reason: SkipReason) throws {
        try db.executeCached(
            sql: """
                UPDATE push SET state = 'skipped', reason = ?, is_leased = 0, updated_at = ?
                WHERE device = ? AND state = 'waiting'
                """,
            arguments: [reason.rawValue, now, key.rawValue])
    }

    /// A token that its device no longer names is not to be restored either, whatever its vendor said of it.
    private func forgetDead(of device: DeviceKey, except tokens: [PushToken]) throws {
        let dead = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT key, vendor, token FROM push_token WHERE device = ? AND state = 'dead'"),
            arguments: [device.rawValue])
        for row in dead where !tokens.contains(where: { $0.vendor.rawValue == row[1] && $0.token == row[2] }) {
            try db.executeCached(
                sql: "UPDATE push_token SET state = 'ended' WHERE key = ?", arguments: [row[0] as Int64])
        }
    }

    /// Replaces a device's set of tokens. A token that is live on another device is taken from there; waiting pushes
    /// that had chosen a token which is gone go to the next one of their device or are skipped.
    ///
    /// - Parameter isNew: the device was made in this transaction, and has none yet.
    func setTokens(
        _ tokens: [PushToken], of device: DeviceKey, account: AccountKey, tenant: Tenant, mayTakeFromOthers: Bool,
        isNew: Bool = false
    ) throws {
        var gone: [Int64] = []
        var losers: [String: (device: DeviceKey, account: AccountKey)] = [:]
        for token in tokens {
            guard let holder = try holder(of: token, besides: device, tenant: tenant.key) else { continue }
            guard mayTakeFromOthers || holder.account == account else {
                throw GatewayError(.forbidden, "A push token belongs to another account.")
            }
            if holder.account != account {
                // The trail must not hold a token that could be used.
                try noteMove(
                    "token/\(SecretHash.hash("\(token.vendor.rawValue)/\(token.token)"))", tenant: tenant.key)
                losers[holder.deviceID] = (holder.device, holder.account)
            }
            try db.executeCached(
                sql: "UPDATE push_token SET state = 'taken', ended_at = ? WHERE key = ?",
                arguments: [now, holder.token])
            gone.append(holder.token)
        }
        if !isNew { gone += try forget(of: device, except: tokens) }
        for (position, token) in tokens.enumerated() {
            try put(token, at: position, of: device, tenant: tenant.key)
        }
        try PushDecisions(writer: writer, now: now).leave(tokens: gone)
        guard !losers.isEmpty else { return }
        let winner = try String.fetchOne(
            db.cachedStatement(sql: "SELECT device_id FROM device WHERE key = ?"), arguments: [device.rawValue])
        for (deviceID, loser) in losers.sorted(by: { $0.key < $1.key }) {
            try tellMoved(deviceID, from: loser.account, tenant: tenant)
            try noteMoved(
                loser.device, from: loser.account, what: "token", to: account, device: winner ?? "",
                tenant: tenant.key)
        }
    }

    private struct Holder {
        let token: Int64
        let account: AccountKey
        let deviceID: String
        let device: DeviceKey
    }

    /// Where a token is live beside the device that names it now.
    private func holder(of token: PushToken, besides device: DeviceKey, tenant: TenantKey) throws -> Holder? {
        let select = try writer.statement(
            """
            SELECT t.key, d.account, d.device_id, d.key FROM push_token t JOIN device d ON d.key = t.device
            WHERE t.tenant = ? AND t.vendor = ? AND t.token = ? AND t.state = 'live' AND t.device <> ?
            """)
        select.bind(1, tenant.rawValue)
        select.bind(2, token.vendor.rawValue)
        select.bind(3, token.token)
        select.bind(4, device.rawValue)
        return try select.first { row in
            Holder(
                token: row.integer(0), account: AccountKey(rawValue: row.integer(1)), deviceID: row.text(2),
                device: DeviceKey(rawValue: row.integer(3)))
        }
    }

    /// Ends what the device no longer names. Returns the tokens that were live.
    private func forget(of device: DeviceKey, except tokens: [PushToken]) throws -> [Int64] {
        var gone: [Int64] = []
        for known in try DeviceRows.tokens(db, of: device.rawValue)
        where !tokens.contains(where: { $0.vendor == known.token.vendor && $0.token == known.token.token }) {
            try db.executeCached(
                sql: "UPDATE push_token SET state = 'ended', ended_at = ? WHERE key = ?", arguments: [now, known.key])
            gone.append(known.key)
        }
        try forgetDead(of: device, except: tokens)
        return gone
    }

    private func put(_ token: PushToken, at position: Int, of device: DeviceKey, tenant: TenantKey) throws {
        let insert = try writer.statement(
            """
            INSERT INTO push_token (device, tenant, position, vendor, token, kind, environment, set_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device, vendor, token) DO UPDATE SET position = excluded.position,
                kind = excluded.kind, environment = excluded.environment, set_at = excluded.set_at,
                state = 'live', reason = NULL, ended_at = NULL, is_doubtful = 0
            """)
        insert.bind(1, device.rawValue)
        insert.bind(2, tenant.rawValue)
        insert.bind(3, Int64(position))
        insert.bind(4, token.vendor.rawValue)
        insert.bind(5, token.token)
        insert.bind(6, token.kind.rawValue)
        insert.bind(7, token.environment.rawValue)
        insert.bind(8, now)
        try insert.run()
    }
}
