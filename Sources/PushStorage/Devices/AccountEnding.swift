import GRDB
import PushCore

/// How apps end a user's devices, or the account as a whole: steps of one transaction.
struct AccountEnding {
    let writer: Writer
    let ids: IDGenerator
    let now: Milliseconds
    let app: AppIdentity

    private var db: Database { writer.db }

    /// Ends all devices and refuses the signatures made so far. Returns the devices that were active.
    func kick(_ account: AccountKey) throws -> [String] {
        guard let row = try live(account) else { return [] }
        let ended = try endDevices(of: account)
        try db.execute(
            sql: "UPDATE account SET not_before = max(ifnull(not_before, 0), ?), opened_by = NULL WHERE key = ?",
            arguments: [now, account.rawValue])
        try AuditTrail.note(db, actor: app.app.appID, action: "account.kick", subject: row.ref.id, at: now)
        return ended
    }

    /// Takes an account its name, its devices, groups and tags; what is in its inbox goes by pages
    /// (``AccountErasure``). nil when it was deleted before.
    func delete(_ account: AccountKey) throws -> [String]? {
        guard let row = try live(account) else { return nil }
        let ended = try endDevices(of: account)
        try eraseDevices(of: account)
        try leaveGroups(row)
        try TagMembership(writer: writer, ids: ids, tenant: row.tenant, now: now).removeAll(of: account)
        if let notBefore = row.notBefore {
            try VoidedSignatures.note(db, tenant: row.tenant, userID: row.userID, notBefore: notBefore)
        }
        // No user can have a name with a slash: the old one is free.
        try db.execute(
            sql: """
                UPDATE account SET user_id = '/' || key, deleted_at = ?, opened_by = NULL, nick = NULL, face_url = NULL
                WHERE key = ?
                """,
            arguments: [now, account.rawValue])
        try db.execute(
            sql: "INSERT INTO erasure (account, last_message) SELECT ?, ifnull(max(key), 0) FROM message",
            arguments: [account.rawValue])
        // The userId is personal; the account's id says nothing to anybody any more.
        try AuditTrail.note(db, actor: app.app.appID, action: "account.delete", subject: row.ref.id, at: now)
        // Not after COMMIT: a later command of this transaction must not find it. Forgetting too much does no harm.
        writer.accounts.forget(row)
        return ended
    }

    private func live(_ account: AccountKey) throws -> AccountRow? {
        try AccountRows.find(db, key: account)
    }

    private func endDevices(of account: AccountKey) throws -> [String] {
        let rules = RegistryRules(writer: writer, ids: ids, now: now)
        let active = try Row.fetchAll(
            db, sql: "SELECT key, device_id FROM device WHERE account = ? AND status = 'active' ORDER BY key",
            arguments: [account.rawValue])
        for device in active { try rules.end(DeviceKey(rawValue: device[0]), as: .deregistered) }
        return active.map { $0[1] }
    }

    /// What devices said of themselves and of their owner goes; that there was one stays, so that its credential stays
    /// refused.
    private func eraseDevices(of account: AccountKey) throws {
        try db.execute(
            sql: """
                UPDATE push_token SET token = 'erased/' || key
                WHERE device IN (SELECT key FROM device WHERE account = ?)
                """,
            arguments: [account.rawValue])
        try db.execute(
            sql: "UPDATE device SET unique_code = '', info = CAST('{}' AS BLOB) WHERE account = ?",
            arguments: [account.rawValue])
    }

    private func leaveGroups(_ row: AccountRow) throws {
        let groups = try Int64.fetchAll(
            db,
            sql: """
                SELECT g.key FROM group_member m JOIN user_group g ON g.key = m.group_key
                WHERE m.account = ? AND m.left_version IS NULL AND g.deleted_at IS NULL
                """,
            arguments: [row.ref.key.rawValue])
        let membership = Membership(
            writer: writer, ids: ids, limits: writer.limits, tenant: row.tenant, now: now, announcedBy: app)
        for group in groups { _ = try membership.remove([row.userID], from: GroupKey(rawValue: group)) }
    }
}
