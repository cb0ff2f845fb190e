import GRDB
import PushCore

/// A call that was taken on one device stops ringing on the others of that account.
///
/// The rule: an account answers an invitation when it sends its caller a CALL with status `answer` or `refuse` and the
/// `roomId` of the invitation, or with the invitation's id in `content.messageId`. The invitation is the newest live
/// CALL with status `invite` from that caller, at most ``Limits/callAnswerWindow`` old. The answering account then gets
/// event 256 (`op` `call`, status `other_answer` or `other_refuse`), and its devices are not pushed for the invitation
/// any more. The caller needs no event: it gets the answer itself. A status that the caller changes by `update` is no
/// answer: everybody with a copy gets the new revision.
struct CallAnswers {
    let writer: Writer
    let limits: Limits
    let ids: IDGenerator
    let now: Milliseconds

    private var db: Database { writer.db }

    /// - Parameters:
    ///   - answer: a message that was just archived.
    ///   - caller: whom it is for.
    func archived(
        _ answer: ArchivedMessage, from account: AccountRef, to caller: AccountKey, tenant: Tenant
    ) throws {
        guard answer.type == .call, caller != account.key, let content = answer.content?.object,
            let status = Self.taken[content["status"]?.string ?? ""],
            let invitation = try invitation(answeredBy: content, in: account.key, from: caller)
        else { return }
        try EventArchive(writer: writer, ids: ids, tenant: tenant, now: now).archive(
            .callTaken(messageID: invitation.id, status: status), by: .init(name: account.id, account: account.key),
            to: [account.key.rawValue])
        try stopRinging(invitation.key, in: account.key)
    }

    private static let taken = ["answer": "other_answer", "refuse": "other_refuse"]

    private func invitation(
        answeredBy answer: JSONObject, in account: AccountKey, from caller: AccountKey
    ) throws -> ArchivedMessage? {
        let id = answer["messageId"]?.string
        let room = answer["roomId"].flatMap { $0.isNull ? nil : $0.canonical }
        guard id != nil || room != nil else { return nil }
        let oldest = now - limits.callAnswerWindow.milliseconds
        for key in try newest(in: account, from: caller) {
            guard let message = try MessageRows.message(db, key: key, tenantNo: { _ in "" }),
                message.serverTime >= oldest
            else { return nil }
            guard message.type == .call, message.state == .live, message.form == .single,
                let content = message.content?.object, content["status"]?.string == "invite"
            else { continue }
            if message.id == id || (room != nil && content["roomId"]?.canonical == room) { return message }
        }
        return nil
    }

    /// The newest messages of the caller in this account, newest first.
    private func newest(in account: AccountKey, from caller: AccountKey) throws -> [MessageKey] {
        let peer = Peer.account(caller)
        let unindexed = writer.log.tail(of: account.rawValue, newestFirst: limits.callLookUpEntriesMax) {
            $0.peer == peer && !$0.flags.contains(.own)
        }
        let indexed = try Row.fetchAll(
            db.cachedStatement(
                // The term that says nothing new keeps the index of conversations in play.
                sql: """
                    SELECT message, flags FROM inbox WHERE account = ? AND peer = ? AND peer <> 0
                    ORDER BY seq DESC LIMIT ?
                    """),
            arguments: [account.rawValue, peer.rawValue, limits.callLookUpEntriesMax]
        ).filter { ($0[1] as Int) & InboxEntry.Flags.own.rawValue == 0 }
        return unindexed.map(\.message) + indexed.map { MessageKey(rawValue: $0[0]) }
    }

    /// Also for devices that nothing was decided about yet: their deadline may be about to end.
    private func stopRinging(_ invitation: MessageKey, in account: AccountKey) throws {
        try PushReplacements(writer: writer, now: now).skip(invitation, of: account, .superseded)
        let entries = try MessageRows.entries(db, of: invitation, account: account)
        guard let entry = entries.first else { return }
        try db.execute(
            sql: """
                INSERT INTO push (message, device, seq, state, reason, not_before, expires_at, created_at, updated_at)
                SELECT ?1, key, ?2, 'skipped', 'superseded', ?3, ?3, ?3, ?3 FROM device
                WHERE account = ?4 AND status = 'active' AND start_seq < ?2
                ON CONFLICT (message, device, turn) DO NOTHING
                """,
            arguments: [invitation.rawValue, entry.seq, now, account.rawValue])
    }
}
