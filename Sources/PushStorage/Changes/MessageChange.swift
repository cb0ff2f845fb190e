import GRDB
import PushCore

/// Editing, revoking and burning one message: one command of the writer each (contract, sections 2, 4 and 6).
struct MessageChange {
    let writer: Writer
    let feed: EntryFeed
    let ids: IDGenerator
    let limits: Limits
    let now: Milliseconds

    private var db: Database { writer.db }
    private var erasure: ContentErasure { ContentErasure(writer: writer, feed: feed) }
    private var webhooks: WebhookLog { WebhookLog(writer: writer) }
    private var followUps: FollowUps { FollowUps(writer: writer, feed: feed, limits: limits, now: now) }

    private static let unknown = GatewayError(.notFound, "There is no such message.")

    // MARK: Update

    func update(_ id: String, to edit: MessageEdit, by principal: Principal) throws -> MessageRevision {
        let message = try message(id, ofSender: principal)
        try Self.checkLive(message)
        guard let content = message.content else {
            throw GatewayError(.conflict, "The content was erased for good, by retention or with its account.")
        }
        try edit.check(type: message.type)
        if edit.isSame(as: content) {
            let revisedAt = try Int64.fetchOne(
                db, sql: "SELECT revised_at FROM message WHERE key = ?", arguments: [message.key.rawValue])
            return MessageRevision(
                id: message.id, revision: message.revision, serverTime: revisedAt ?? message.serverTime,
                isFollowed: true)
        }
        let serverTime = writer.serverTime(now)
        try erasure.replace(
            message, content: edit.content, timestamp: edit.timestamp ?? message.timestamp, at: serverTime)
        guard let revised = try reread(message) else { throw Self.unknown }
        try webhooks.record(
            .messageUpdated, tenant: message.tenantKey, account: message.senderAccount, message: message.key,
            detail: { $0.member("revision", revised.revision) }, at: serverTime)
        return MessageRevision(
            id: message.id, revision: revised.revision, serverTime: serverTime,
            isFollowed: try tell(revised, about: revised, revision: revised.revision))
    }

    // MARK: Revoke

    func revoke(_ id: String, by principal: Principal) throws -> MessageErasure {
        let message = try message(id, ofSender: principal)
        switch message.state {
        case .revoked:
            return MessageErasure(id: message.id, at: message.changedAt ?? message.serverTime, isFollowed: true)
        case .burned: throw Self.burned
        case .live: break
        }
        if case .device = principal, let seconds = principal.tenant.settings.revokeWithinSeconds,
            now - message.serverTime > seconds * 1000
        {
            throw GatewayError(.forbidden, "A message may be revoked within \(seconds) seconds.")
        }
        let at = writer.serverTime(now)
        try erasure.erase(message, as: .revoked, at: at)
        try JobRows(writer: writer).endTags(message.key, at: at)
        guard let erased = try reread(message) else { throw Self.unknown }
        let actor = Self.actor(principal)
        try webhooks.record(
            .messageRevoked, tenant: message.tenantKey, account: message.senderAccount, message: message.key,
            detail: { $0.member("by", actor.name) }, at: at)
        let event = try EventArchive(writer: writer, ids: ids, tenant: principal.tenant, now: now).insert(
            .revoked(messageID: message.id, sender: message.from, by: actor.name), by: actor,
            in: Self.group(of: message), to: message.form == .broadcast ? MessageRows.everyone : "", recipients: nil)
        return MessageErasure(id: message.id, at: at, isFollowed: try tell(event, about: erased, revision: 0))
    }

    /// Tells everyone who has the message. Of a broadcast that is its channel, of everything else the inboxes.
    private func tell(_ message: ArchivedMessage, about source: ArchivedMessage, revision: Int) throws -> Bool {
        if source.form == .broadcast {
            try BroadcastLog(writer: writer).append(message.key, revision: revision, tenant: source.tenantKey)
            return true
        }
        return try followUps.begin(message, about: source, revision: revision)
    }

    // MARK: Burn

    func burn(_ id: String, by device: DeviceIdentity) throws -> MessageErasure {
        guard let message = try find(id, for: .burning, by: .device(device)) else { throw Self.unknown }
        let account = device.account
        if message.form != .broadcast, message.senderAccount != account.key,
            try !MessageHolders(db: db, message: message.key).contains(account.key)
        {
            throw Self.unknown
        }
        if message.form == .broadcast || message.type.isEvent {
            throw GatewayError(.notBurnable, "Only messages to accounts and groups can be burned.")
        }
        if message.senderAccount == account.key {
            throw GatewayError(.notRecipient, "A message is burned by who received it; its sender revokes it.")
        }
        let burnedAt = try Int64.fetchOne(
            db, sql: "SELECT at FROM burned_copy WHERE message = ? AND account = ?",
            arguments: [message.key.rawValue, account.key.rawValue])
        switch message.state {
        case .revoked: throw GatewayError(.messageRevoked, "The message has been revoked.")
        case .burned:
            return MessageErasure(
                id: message.id, at: burnedAt ?? message.changedAt ?? message.serverTime, isFollowed: true)
        case .live: break
        }
        if let burnedAt { return MessageErasure(id: message.id, at: burnedAt, isFollowed: true) }
        let at = writer.serverTime(now)
        if message.form == .single {
            try erasure.erase(message, as: .burned, at: at)
            try noteBurned(message, by: account, isErased: true, at: at)
            try tellBurned(message, by: account, tenant: device.tenant, to: [account.key, message.senderAccount])
        } else {
            let isLast = try burnCopy(of: message, account.key, at: at)
            if isLast { try erasure.erase(message, as: .burned, at: at) }
            try noteBurned(message, by: account, isErased: isLast, at: at)
            try tellBurned(
                message, by: account, tenant: device.tenant,
                to: [account.key, isLast ? message.senderAccount : nil])
        }
        try PushReplacements(writer: writer, now: now).skip(message.key, of: account.key, .burned)
        return MessageErasure(id: message.id, at: at, isFollowed: true)
    }

    /// One receiver's copy of a message that has several. True when it was the last one.
    private func burnCopy(of message: ArchivedMessage, _ account: AccountKey, at now: Milliseconds) throws -> Bool {
        try db.execute(
            sql: "INSERT INTO burned_copy (message, account, at) VALUES (?, ?, ?)",
            arguments: [message.key.rawValue, account.rawValue, now])
        try db.execute(
            sql: "UPDATE message SET burned_count = burned_count + 1 WHERE key = ?", arguments: [message.key.rawValue])
        erasure.noteChange(of: message.key)
        return try isBurnedByAll(message.key)
    }

    /// While a large audience is being expanded nobody is the last. Receivers whose accounts were deleted since can burn
    /// nothing: then those who are left decide.
    private func isBurnedByAll(_ message: MessageKey) throws -> Bool {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT burned_count, recipients,
                    EXISTS (SELECT 1 FROM account a WHERE a.tenant = message.tenant AND a.deleted_at IS NOT NULL)
                FROM message WHERE key = ?
                """, arguments: [message.rawValue])
        guard let row, let recipients = row[1] as Int?, row[0] as Int > 0 else { return false }
        if row[0] as Int >= recipients { return true }
        guard row[2] as Bool else { return false }
        let living = try MessageHolders(db: db, message: message).page(after: 0, limit: limits.expansionPageAccounts)
        // Of more than a page of holders not all are asked: that is revoked, or retention takes it.
        guard living.next == nil else { return false }
        let burned = try db.cachedStatement(sql: "SELECT 1 FROM burned_copy WHERE message = ? AND account = ?")
        return try living.holders.allSatisfy { holder in
            try holder.flags.contains(.own)
                || Int.fetchOne(burned, arguments: [message.rawValue, holder.account]) != nil
        }
    }

    /// The expansion of an audience has ended: all of it may have burned its copies by then.
    func expanded(_ key: MessageKey, tenant: (TenantKey) -> Tenant?) throws {
        guard try isBurnedByAll(key),
            let message = try MessageRows.message(db, key: key, tenantNo: { tenant($0)?.tenantNo ?? "" }),
            message.state == .live, let owner = tenant(message.tenantKey),
            let last = try Row.fetchOne(
                db,
                sql: """
                    SELECT a.key, a.account_id FROM burned_copy b JOIN account a ON a.key = b.account
                    WHERE b.message = ? ORDER BY b.at DESC, b.account DESC LIMIT 1
                    """, arguments: [key.rawValue])
        else { return }
        let at = writer.serverTime(now)
        try erasure.erase(message, as: .burned, at: at)
        let account = AccountRef(key: AccountKey(rawValue: last[0]), id: last[1])
        try noteBurned(message, by: account, isErased: true, at: at)
        try tellBurned(message, by: account, tenant: owner, to: [message.senderAccount])
    }

    /// - Parameter isErased: the original is gone, not only this account's copy.
    private func noteBurned(
        _ message: ArchivedMessage, by account: AccountRef, isErased: Bool, at: Milliseconds
    ) throws {
        try webhooks.record(
            .messageBurned, tenant: message.tenantKey, account: account.key, message: message.key,
            detail: { writer in
                writer.member("by", account.id)
                writer.member("erased", isErased)
            }, at: at)
    }

    private func tellBurned(
        _ message: ArchivedMessage, by account: AccountRef, tenant: Tenant, to accounts: [AccountKey?]
    ) throws {
        let told = try accounts.compactMap(\.self).filter { try AccountRows.isLiving(db, $0) }.map(\.rawValue)
        guard !told.isEmpty else { return }
        try EventArchive(writer: writer, ids: ids, tenant: tenant, now: now).archive(
            .burned(messageID: message.id, by: account.id),
            by: .init(name: account.id, account: account.key), in: Self.group(of: message), to: told)
    }

    // MARK: Who may

    /// The message, if the principal may change it as its sender does.
    private func message(_ id: String, ofSender principal: Principal) throws -> ArchivedMessage {
        guard let message = try find(id, for: .changing, by: principal) else { throw Self.unknown }
        switch principal {
        case .app:
            // Events are the gateway's own: to an app they are no messages.
            if message.type.isEvent { throw Self.unknown }
        case .device(let device):
            if message.senderAccount == device.account.key, !message.type.isEvent { break }
            guard
                try message.form == .broadcast
                    || MessageHolders(db: db, message: message.key).contains(device.account.key)
            else { throw Self.unknown }
            throw GatewayError(.notSender, "Only the sender may do that.")
        }
        return message
    }

    private func find(
        _ name: String, for purpose: NamedMessage.Purpose, by principal: Principal
    ) throws -> ArchivedMessage? {
        try NamedMessage(db: db, principal: principal).find(name, for: purpose)
    }

    private func reread(_ message: ArchivedMessage) throws -> ArchivedMessage? {
        try MessageRows.message(db, key: message.key) { _ in message.tenantNo }
    }

    private static let burned = GatewayError(.messageBurned, "The message has been burned.")

    private static func checkLive(_ message: ArchivedMessage) throws {
        switch message.state {
        case .live: return
        case .revoked: throw GatewayError(.messageRevoked, "The message has been revoked.")
        case .burned: throw burned
        }
    }

    private static func actor(_ principal: Principal) -> EventArchive.Actor {
        switch principal {
        case .device(let device): .init(name: device.account.id, account: device.account.key)
        case .app(let identity): .init(name: identity.app.appID, app: identity.app.key)
        }
    }

    private static func group(of message: ArchivedMessage) -> (key: GroupKey, id: String)? {
        message.groupKey.map { ($0, message.to) }
    }
}
