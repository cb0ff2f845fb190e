import Foundation
import GRDB
import PushCore

/// Importing messages: rows with a time of their own, and rows in `imported` in place of entries. No `seq`, no unread,
/// no push, and the clock of `serverTime` does not notice.
struct HistoryImport {
    let db: Database
    let limits: Limits
    let app: AppIdentity
    /// The writer's; readers look everything up.
    let cache: AccountCache?
    let ids: IDGenerator

    private var tenant: TenantKey { app.tenant.key }
    private var book: AddressBook { AddressBook(db: db, tenant: tenant, cache: cache) }

    /// A message that may be imported.
    private struct Draft {
        let message: Message
        let sender: AddressBook.Sender
        let receivers: AddressBook.Receivers

        /// The account whose own history shows it as sent. A message to oneself is there whatever `sync` says.
        var own: AccountKey? {
            guard let sender = sender.account?.key else { return nil }
            if case .account(let receiver) = receivers, receiver.key == sender { return sender }
            return message.syncsToSender ? sender : nil
        }

        /// The conversation for those who received it.
        var receiverPeer: Peer {
            if case .group(let group, _) = receivers { return .group(group.key) }
            return sender.account.map { .account($0.key) } ?? sender.app.map(Peer.app) ?? .none
        }

        /// The conversation for its sender.
        var senderPeer: Peer {
            switch receivers {
            case .account(let account): .account(account.key)
            case .group(let group, _): .group(group.key)
            case .audience, .tagged, .everyone: .none
            }
        }
    }

    /// What a dry run answers: the checks of an import.
    func check(_ messages: [Message]) throws -> [ImportOutcome] {
        var seen: Set<String> = []
        return try messages.map { message in
            do {
                guard try !seen.contains(message.id) && !isTaken(message.id) else { return .exists }
                _ = try draft(message)
                seen.insert(message.id)
                return .imported
            } catch let error as GatewayError {
                return .refused(error)
            }
        }
    }

    /// Imports messages one after the other until one command has done enough; a group too large for that is the only
    /// message of its command. Returns the outcomes of those it came to, at least one where there is a message.
    func run(startOf messages: ArraySlice<Message>, on writer: Writer) throws -> [ImportOutcome] {
        var outcomes: [ImportOutcome] = []
        var rows = 0
        for message in messages.prefix(limits.commandMessagesMax) {
            do {
                guard try !isTaken(message.id) else {
                    outcomes.append(.exists)
                    continue
                }
                let draft = try draft(message)
                let count = try receiverCount(draft)
                if rows > 0, rows + count > limits.commandEntriesMax { break }
                try writer.attempt { try insert(draft, receivers: count, on: writer) }
                outcomes.append(.imported)
                rows += count + 1
            } catch let error as GatewayError {
                outcomes.append(.refused(error))
            }
        }
        return outcomes
    }

    // MARK: Checks

    private func isTaken(_ id: String) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM message WHERE tenant = ? AND id = ?)"),
            arguments: [tenant.rawValue, id]) ?? false
    }

    private func draft(_ message: Message) throws -> Draft {
        let sender = try book.sender(of: message, principal: .app(app))
        return Draft(
            message: message, sender: sender,
            receivers: try book.receivers(of: message, sender: sender, inHistory: true))
    }

    /// Accounts that received it, without the sender.
    private func receiverCount(_ draft: Draft) throws -> Int {
        let sender = draft.sender.account?.key
        switch draft.receivers {
        case .account(let account): return account.key == sender ? 0 : 1
        case .group(_, let target?): return target.key == sender ? 0 : 1
        case .group(let group, nil):
            guard let sender, try GroupRow.isMember(db, sender, of: group.key) else { return group.memberCount }
            return group.memberCount - 1
        case .audience, .tagged, .everyone: return 0
        }
    }

    // MARK: Rows

    private func insert(_ draft: Draft, receivers: Int, on writer: Writer) throws {
        let message = draft.message
        let numbers = message.options.numbers
        let key = writer.nextMessageKey()
        let digest = try MessageDigest(message, from: draft.sender.name, book: book, unknown: [])
        let form: AddressForm
        let to: String
        var group: GroupRow?
        var target: AccountRef?
        switch draft.receivers {
        case .account(let account): (form, to) = (.single, account.id)
        case .group(let named, let member): (form, to, group, target) = (.group, named.groupID, named, member)
        case .audience, .tagged, .everyone:
            throw GatewayError.invalid("/audience", "An imported message has one receiver or a group.")
        }
        let groupSeq = try group.map { try GroupMessages(db: db).newestPlace(of: $0.key) + 1 }
        try db.cachedStatement(
            sql: """
                INSERT INTO message (key, tenant, id, form, from_id, to_id, target_id, sender_account, sender_app,
                    group_key, group_version, target_account, type, content, timestamp, server_time, is_background, ttl,
                    counts_unread, syncs_to_sender, digest, recipients, is_imported, msg_seq, msg_random, msg_time,
                    group_seq)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16, ?17, 0, ?18, ?19,
                    ?20, 1, ?21, ?22, ?23, ?24)
                """
        ).execute(arguments: [
            key.rawValue, tenant.rawValue, message.id, form.rawValue, draft.sender.name, to, target?.id,
            draft.sender.account?.key.rawValue, draft.sender.app?.rawValue, group?.key.rawValue, group?.version,
            target?.key.rawValue, message.type.rawValue, Data(message.content.bytes), message.timestamp,
            message.isBackground, message.timeToLiveSeconds, message.syncsToSender, Data(digest.bytes), receivers,
            numbers.map { Int64($0.sequence ?? groupSeq.map { UInt32(truncatingIfNeeded: $0) } ?? ids.number()) },
            numbers.map { Int64($0.random) }, numbers.map { $0.seconds ?? message.timestamp / 1000 }, groupSeq,
        ])
        try insertCopies(of: key, draft)
    }

    private func insertCopies(of key: MessageKey, _ draft: Draft) throws {
        let sender = draft.sender.account?.key
        func insert(_ account: AccountKey, _ peer: Peer, _ flags: InboxEntry.Flags) throws {
            try db.cachedStatement(
                sql: "INSERT INTO imported (account, server_time, message, peer, flags) VALUES (?, ?, ?, ?, ?)"
            ).execute(arguments: [
                account.rawValue, draft.message.timestamp, key.rawValue, peer.rawValue, flags.rawValue,
            ])
        }
        if let own = draft.own { try insert(own, draft.senderPeer, .own) }
        switch draft.receivers {
        case .account(let account), .group(_, let account?):
            if account.key != sender { try insert(account.key, draft.receiverPeer, []) }
        case .group(let group, nil):
            try db.cachedStatement(
                sql: """
                    INSERT INTO imported (account, server_time, message, peer, flags)
                    SELECT account, ?, ?, ?, 0 FROM group_member
                    WHERE group_key = ? AND left_version IS NULL AND account <> ? ORDER BY account
                    """
            ).execute(arguments: [
                draft.message.timestamp, key.rawValue, draft.receiverPeer.rawValue, group.key.rawValue,
                sender?.rawValue ?? 0,
            ])
        case .audience, .tagged, .everyone: break
        }
    }

    /// Whether a message is in the imported history of an account.
    static func isImported(_ db: Database, _ message: MessageKey, for account: AccountKey) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM message m JOIN imported i
                        ON i.account = ?2 AND i.server_time = m.server_time AND i.message = m.key
                        WHERE m.key = ?1 AND m.is_imported = 1)
                    """),
            arguments: [message.rawValue, account.rawValue]) ?? false
    }
}
