import GRDB
import PushCore

/// An account reads a conversation: one command of the writer, with everything that follows from it.
struct Reading {
    let writer: Writer
    let ids: IDGenerator
    let principal: Principal
    let account: AccountRef
    let now: Milliseconds

    /// How far down a read receipt looks for a message that was sent to this account alone.
    private static let receiptEntriesMax = 1000

    private var db: Database { writer.db }

    func read(_ peer: NamedPeer, through seq: Int64?) throws -> ReadOutcome {
        let entries = AccountEntries(of: account.key, writer: writer)
        let before = try ReadCursors.cursor(db, of: account.key, peer.peer)
        let last = try entries.last(db, of: peer.peer)?.seq ?? 0
        let after = max(before, min(seq ?? last, last))
        if after > before {
            try ReadCursors.move(writer, of: account.key, peer.peer, to: after, at: now)
            try WebhookLog(writer: writer).record(
                .messageRead, tenant: principal.tenant.key, account: account.key,
                detail: { writer in
                    writer.member("peer", peer.id)
                    writer.member("seq", after)
                }, at: now)
            try tellOwnDevices(peer, through: after)
            try tellSender(peer.peer, entries, from: before, through: after)
            try endPushes(peer.peer, through: after)
        }
        let unread = try entries.unreadCount(db, of: peer.peer, after: after)
        return ReadOutcome(seq: after, unread: unread, hasMoved: after > before)
    }

    // MARK: Events

    private var events: EventArchive { EventArchive(writer: writer, ids: ids, tenant: principal.tenant, now: now) }

    private func tellOwnDevices(_ peer: NamedPeer, through seq: Int64) throws {
        let actor: EventArchive.Actor
        switch principal {
        case .device: actor = .init(name: account.id, account: account.key)
        case .app(let identity): actor = .init(name: identity.app.appID, app: identity.app.key)
        }
        var group: (key: GroupKey, id: String)?
        if case .group(let key) = peer.peer.name { group = (key, peer.id) }
        try events.archive(
            .conversationRead(peer: peer.id, seq: seq), by: actor, in: group, to: [account.key.rawValue])
    }

    /// Tells the other person of the newest message that was read now and had been written to this account alone.
    private func tellSender(_ peer: Peer, _ entries: AccountEntries, from before: Int64, through seq: Int64) throws {
        guard principal.tenant.settings.readReceipts, case .account(let sender) = peer.name, sender != account.key,
            try AccountRows.isLiving(db, sender)
        else { return }
        let form = try db.cachedStatement(sql: "SELECT id FROM message WHERE key = ? AND form = 0")
        let read = try entries.page(
            db, of: peer, above: before, below: seq + 1, order: .descending, limit: Self.receiptEntriesMax)
        for entry in read where !entry.flags.contains(.own) {
            guard let id = try String.fetchOne(form, arguments: [entry.message.rawValue]) else { continue }
            try events.archive(
                .messageRead(peer: account.id, messageID: id), by: .init(name: account.id, account: account.key),
                to: [sender.rawValue])
            return
        }
    }

    // MARK: Pushes

    /// What waits for the account's devices needs no notification any more. What takes a revoked one back goes out.
    private func endPushes(_ peer: Peer, through seq: Int64) throws {
        let devices = try Int64.fetchAll(
            db.cachedStatement(sql: "SELECT key FROM device WHERE account = ? AND status = 'active'"),
            arguments: [account.key.rawValue])
        let end = try db.cachedStatement(sql: Self.endPushesSQL)
        for device in devices { try end.execute(arguments: [now, device, seq, peer.rawValue]) }
    }

    static let endPushesSQL = """
        UPDATE push SET state = 'skipped', reason = 'read', is_leased = 0, updated_at = ?1
        WHERE device = ?2 AND state = 'waiting' AND seq BETWEEN 1 AND ?3 AND ?4 = (
            SELECT CASE WHEN m.group_key IS NOT NULL THEN m.group_key * 4 + 2
                WHEN m.sender_account IS NOT NULL THEN m.sender_account * 4 + 1
                ELSE m.sender_app * 4 + 3 END
            FROM message m WHERE m.key = push.message AND m.state = 0)
        """
}
