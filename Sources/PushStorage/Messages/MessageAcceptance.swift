import GRDB
import PushCore

/// Accepting one message: one command of the writer (contract, sections 1, 2 and 8).
struct MessageAcceptance {
    let writer: Writer
    let limits: Limits
    let now: Milliseconds
    var ids = IDGenerator()

    private var db: Database { writer.db }

    func accept(_ message: Message, from principal: Principal) throws -> Acceptance {
        let tenant = principal.tenant
        let book = AddressBook(db: db, tenant: tenant.key, cache: writer.accounts)
        if let first = try firstAnswer(to: message, from: principal, book: book) { return first }
        let sender = try book.sender(of: message, principal: principal)
        let receivers = try book.receivers(of: message, sender: sender)
        let digest = try MessageDigest(
            message, from: sender.name, book: book, unknown: receivers.unknownNames)
        let serverTime = writer.serverTime(now)
        let numbers = message.options.numbers
        if let numbers,
            let first = try MessageRepeats(db: db, tenant: tenant)
                .first(of: numbers, digest, sender, to: receivers, at: serverTime)
        {
            return first
        }
        let groupSeq = try receivers.group.map(nextGroupSeq)
        let draft = Draft(
            message: message, tenant: tenant, sender: sender, receivers: receivers, digest: digest,
            key: writer.nextMessageKey(), serverTime: serverTime,
            numbers: try numbers.map { try archivedNumbers($0, tenant, sender, groupSeq: groupSeq, at: serverTime) },
            groupSeq: groupSeq)
        return try archive(draft)
    }

    /// A sender may use the same numbers again within a second, for something else. The time of its aliases is then that
    /// of a later second, so that each names one message: a `msgKey` has no sender, a `msgId` no sequence.
    private func archivedNumbers(
        _ sent: SendOptions.Numbers, _ tenant: Tenant, _ sender: AddressBook.Sender, groupSeq: Int64?,
        at serverTime: Milliseconds
    ) throws -> MessageNumbers {
        let sequence =
            sent.sequence ?? groupSeq.map { UInt32(truncatingIfNeeded: $0) } ?? sent.reserved ?? ids.number()
        let seconds = sent.seconds ?? sent.asked ?? serverTime / 1000
        func numbers(_ seconds: Int64) -> MessageNumbers {
            MessageNumbers(sequence: sequence, random: sent.random, seconds: seconds)
        }
        guard sent.seconds == nil else { return numbers(seconds) }
        let taken = try writer.statement(
            """
            SELECT EXISTS (SELECT 1 FROM message INDEXED BY message_alias
                    WHERE tenant = ?1 AND msg_random = ?2 AND msg_random IS NOT NULL AND msg_time = ?3 AND msg_seq = ?4),
                EXISTS (SELECT 1 FROM message INDEXED BY message_alias
                    WHERE tenant = ?1 AND msg_random = ?2 AND msg_random IS NOT NULL AND msg_time = ?3
                        AND sender_account IS ?5 AND (?5 IS NOT NULL OR sender_app IS ?6))
            """)
        var secondOfFreeKey: Int64?
        for later in seconds..<(seconds + Self.aliasSecondsMax) {
            taken.bind(1, tenant.key.rawValue)
            taken.bind(2, Int64(sent.random))
            taken.bind(3, later)
            taken.bind(4, Int64(sequence))
            taken.bind(5, sender.account?.key.rawValue)
            taken.bind(6, sender.app?.rawValue)
            let found = try taken.first { (key: $0.integer(0) != 0, id: $0.integer(1) != 0) }
            guard let found, found.key || found.id else { return numbers(later) }
            if !found.key { secondOfFreeKey = secondOfFreeKey ?? later }
        }
        return numbers(secondOfFreeKey ?? seconds)
    }

    /// Seconds that are tried for aliases; beyond them one is that of several, the `msgId` first.
    private static let aliasSecondsMax: Int64 = 10

    /// The place of the next message in a group.
    private func nextGroupSeq(_ group: GroupRow) throws -> Int64 {
        let select = try writer.statement(
            "SELECT max(group_seq) FROM message WHERE group_key = ? AND group_seq IS NOT NULL")
        select.bind(1, group.key.rawValue)
        return (try select.first { $0.optionalInteger(0) }.flatMap { $0 } ?? 0) + 1
    }

    /// Accepts messages one after the other until one command has done enough. Returns the outcomes of those it came to,
    /// at least one where there is a message.
    func accept(
        startOf messages: ArraySlice<Message>, from principal: Principal
    ) throws -> [Result<Acceptance, GatewayError>] {
        let before = writer.transaction.entries.count
        var outcomes: [Result<Acceptance, GatewayError>] = []
        for message in messages.prefix(limits.commandMessagesMax) {
            do {
                var acceptance: Acceptance?
                try writer.attempt { acceptance = try accept(message, from: principal) }
                if let acceptance { outcomes.append(.success(acceptance)) }
            } catch let error as GatewayError {
                outcomes.append(.failure(error))
            }
            if writer.transaction.entries.count - before >= limits.commandEntriesMax { break }
        }
        return outcomes
    }

    // MARK: Repeats

    /// The first answer where this id was accepted before; throws `message_id_conflict` where that was another message.
    private func firstAnswer(
        to message: Message, from principal: Principal, book: AddressBook
    ) throws -> Acceptance? {
        let select = try writer.statement(
            """
            SELECT digest, from_id, server_time, recipients, own_seq, unknown, sender_account, sender_app,
                EXISTS (SELECT 1 FROM job WHERE job.message = message.key), key, msg_random IS NOT NULL
            FROM message WHERE tenant = ? AND id = ?
            """)
        select.bind(1, principal.tenant.key.rawValue)
        select.bind(2, message.id)
        let stored = try select.first { row in
            (
                digest: row.bytes(0), from: row.text(1), serverTime: row.integer(2), recipients: row.optionalInteger(3),
                ownSeq: row.optionalInteger(4), unknown: row.bytes(5), account: row.optionalInteger(6),
                app: row.optionalInteger(7), isJob: row.integer(8) != 0, key: row.integer(9),
                hasNumbers: row.integer(10) != 0
            )
        }
        guard let stored else { return nil }
        let conflict = GatewayError(.messageIDConflict, "Another message has this id.")
        let unknown =
            stored.unknown.isEmpty
            ? [] : (RawJSON(archived: stored.unknown).array ?? []).compactMap(\.string)
        guard let sender = try? book.sender(of: message, principal: principal),
            sender.account?.key.rawValue == stored.account,
            sender.account != nil || sender.app?.rawValue == stored.app
        else { throw conflict }
        let digest = try MessageDigest(message, from: stored.from, book: book, unknown: Set(unknown))
        guard digest.bytes == stored.digest else { throw conflict }
        let named =
            stored.hasNumbers
            ? try MessageRows.message(db, key: MessageKey(rawValue: stored.key), tenantNo: { _ in "" }) : nil
        return Acceptance(
            id: message.id, serverTime: stored.serverTime, recipients: stored.recipients.map(Int.init),
            isDuplicate: true, ownSeq: stored.ownSeq, unknown: unknown, isJob: stored.isJob, numbers: named?.numbers,
            aliases: named.map(MessageAliases.init(of:)), groupSeq: named?.groupSeq)
    }

    // MARK: Archiving

    private struct Draft {
        let message: Message
        let tenant: Tenant
        let sender: AddressBook.Sender
        let receivers: AddressBook.Receivers
        let digest: MessageDigest
        let key: MessageKey
        let serverTime: Milliseconds
        let numbers: MessageNumbers?
        let groupSeq: Int64?

        /// The conversation of the sender's own copy: an audience is no other side, so that one is with oneself.
        func senderPeer(_ own: Int64) -> Peer {
            switch receivers {
            case .account(let account): .account(account.key)
            case .group(let group, _): .group(group.key)
            case .audience, .tagged, .everyone: .account(AccountKey(rawValue: own))
            }
        }

        /// The account that gets the sender's own copy.
        var ownCopy: Int64? {
            // Everyone's devices get a broadcast, the sender's among them.
            if case .everyone = receivers { return nil }
            return message.syncsToSender ? sender.account?.key.rawValue : nil
        }

        var archived: ArchivedMessage {
            let address = receivers.address(digest)
            return ArchivedMessage(
                key: key, tenantKey: tenant.key, tenantNo: tenant.tenantNo, id: message.id, form: address.form,
                from: sender.name, to: address.to, target: address.target, type: message.type, content: message.content,
                timestamp: message.timestamp, isBackground: message.isBackground, serverTime: serverTime, revision: 0,
                timeToLiveSeconds: message.timeToLiveSeconds, state: .live, push: message.push,
                senderAccount: sender.account?.key, senderApp: sender.app, groupKey: receivers.group?.key,
                numbers: numbers,
                groupSeq: groupSeq)
        }
    }

    private func archive(_ draft: Draft) throws -> Acceptance {
        let accounts = try immediateReceivers(draft)
        let archived = draft.archived
        // The log's order: the sender's own copy first, then the receivers by account key.
        var copies: [Writer.Copy] = []
        copies.reserveCapacity((accounts?.count ?? 0) + 1)
        let own = ownEntryAccount(draft)
        let uncounted: InboxEntry.Flags = draft.message.countsUnread ? [] : .uncounted
        if let own { copies.append(.init(account: own, flags: [.own, uncounted], peer: draft.senderPeer(own))) }
        let peer = archived.receiverPeer
        for account in accounts ?? [] { copies.append(.init(account: account, flags: uncounted, peer: peer)) }

        let first = writer.log.last + Int64(writer.transaction.entries.count) + 1
        let ownSeq = try own.map { try writer.head(of: $0) + 1 }
        // The message first: what refers to it comes after.
        try insert(
            draft, archived, recipients: accounts?.count, ownSeq: ownSeq, first: copies.isEmpty ? nil : first,
            last: copies.isEmpty ? nil : first + Int64(copies.count) - 1)
        let entries = try writer.append(draft.key, copies)
        writer.announce(archived, entries)
        try WebhookLog(writer: writer).record(
            .messageSent, tenant: draft.tenant.key, account: archived.senderAccount, message: draft.key,
            detail: draft.message.options.isReported ? nil : { $0.member("isReported", false) }, at: draft.serverTime)
        if archived.type == .call, let sender = draft.sender.account, case .account(let caller) = draft.receivers {
            try CallAnswers(writer: writer, limits: limits, ids: ids, now: now)
                .archived(archived, from: sender, to: caller.key, tenant: draft.tenant)
        }
        if accounts == nil { try expandLater(draft, archived) }
        return Acceptance(
            id: draft.message.id, serverTime: draft.serverTime, recipients: accounts?.count, isDuplicate: false,
            ownSeq: ownSeq, unknown: draft.receivers.unknownNames.sorted(), isJob: draft.receivers.isJob,
            numbers: draft.numbers, aliases: draft.numbers.map { _ in MessageAliases(of: archived) },
            groupSeq: draft.groupSeq)
    }

    /// What is too much for one transaction, as it was in this one.
    private func expandLater(_ draft: Draft, _ archived: ArchivedMessage) throws {
        switch draft.receivers {
        case .account, .group, .audience:
            try Expansion(writer: writer, limits: limits).begin(draft.key, draft.receivers)
        case .tagged(let audience): try JobRows(writer: writer).begin(archived, audience)
        case .everyone: try JobRows(writer: writer).beginBroadcast(archived)
        }
    }

    /// Who gets the own entry. A message to oneself is one entry whatever `sync` says.
    private func ownEntryAccount(_ draft: Draft) -> Int64? {
        if case .account(let account) = draft.receivers, account.key == draft.sender.account?.key {
            return account.key.rawValue
        }
        return draft.ownCopy
    }

    /// Receivers without the sender, by account key; nil where there are too many for one transaction.
    private func immediateReceivers(_ draft: Draft) throws -> [Int64]? {
        let page = limits.expansionPageAccounts
        let sender = draft.sender.account?.key.rawValue
        switch draft.receivers {
        case .account(let account): return account.key.rawValue == sender ? [] : [account.key.rawValue]
        case .group(let group, let target):
            if try Expansion(writer: writer, limits: limits).isPending(group.key) { return nil }
            if let target { return target.key.rawValue == sender ? [] : [target.key.rawValue] }
            guard group.memberCount <= page + 1 else { return nil }
            var members = try members(of: group, limit: page + 1)
            members.removeAll { $0 == sender }
            return members.count <= page ? members : nil
        case .audience(let accounts, let groups, _):
            guard accounts.count + groups.reduce(0, { $0 + $1.memberCount }) <= page else { return nil }
            var found = Set(accounts.map(\.key.rawValue))
            for group in groups { found.formUnion(try members(of: group, limit: page)) }
            if let sender { found.remove(sender) }
            return found.sorted()
        case .tagged, .everyone: return nil
        }
    }

    private func members(of group: GroupRow, limit: Int) throws -> [Int64] {
        let select = try writer.statement(
            "SELECT account FROM group_member WHERE group_key = ? AND left_version IS NULL ORDER BY account LIMIT ?")
        select.bind(1, group.key.rawValue)
        select.bind(2, Int64(limit))
        var members: [Int64] = []
        members.reserveCapacity(min(group.memberCount, limit))
        try select.forEachRow { members.append($0.integer(0)) }
        return members
    }

    private func insert(
        _ draft: Draft, _ archived: ArchivedMessage, recipients: Int?, ownSeq: Int64?, first: Int64?, last: Int64?
    ) throws {
        let message = draft.message
        let insert = try writer.statement(
            """
            INSERT INTO message (key, tenant, id, form, from_id, to_id, target_id, sender_account, sender_app,
                sender_device, group_key, group_version, target_account, type, content, timestamp, server_time,
                is_background, ttl, push, counts_unread, syncs_to_sender, digest, recipients, own_seq, unknown,
                first_position, last_position, msg_seq, msg_random, msg_time, group_seq)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        var group: GroupRow?
        var target: AccountRef?
        if case .group(let named, let member) = draft.receivers { (group, target) = (named, member) }
        insert.bind(1, draft.key.rawValue)
        insert.bind(2, draft.tenant.key.rawValue)
        insert.bind(3, message.id)
        insert.bind(4, MessageRows.storedForm(archived.form))
        insert.bind(5, archived.from)
        insert.bind(6, archived.to)
        insert.bind(7, archived.target)
        insert.bind(8, draft.sender.account?.key.rawValue)
        insert.bind(9, draft.sender.app?.rawValue)
        insert.bind(10, draft.sender.device?.rawValue)
        insert.bind(11, group?.key.rawValue)
        insert.bind(12, group?.version)
        insert.bind(13, target?.key.rawValue)
        insert.bind(14, Int64(message.type.rawValue))
        insert.bind(15, message.content.bytes)
        insert.bind(16, message.timestamp)
        insert.bind(17, draft.serverTime)
        insert.bind(18, Int64(message.isBackground ? 1 : 0))
        insert.bind(19, message.timeToLiveSeconds)
        insert.bind(20, message.push == .standard ? nil : message.push.raw.bytes)
        insert.bind(21, Int64(message.countsUnread ? 1 : 0))
        insert.bind(22, Int64(message.syncsToSender ? 1 : 0))
        insert.bind(23, draft.digest.bytes)
        insert.bind(24, recipients.map(Int64.init))
        insert.bind(25, ownSeq)
        insert.bind(26, draft.receivers.unknownNames.isEmpty ? nil : names(draft.receivers.unknownNames.sorted()))
        insert.bind(27, first)
        insert.bind(28, last)
        insert.bind(29, draft.numbers.map { Int64($0.sequence) })
        insert.bind(30, draft.numbers.map { Int64($0.random) })
        insert.bind(31, draft.numbers?.seconds)
        insert.bind(32, draft.groupSeq)
        try insert.run()
    }

    private func names(_ names: [String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.array { writer in for name in names { writer.string(name) } }
        return writer.bytes
    }
}

extension AddressBook.Receivers {
    /// The group that is written to, as a whole or to one member of it.
    var group: GroupRow? {
        if case .group(let group, _) = self { return group }
        return nil
    }

    /// How the original is addressed.
    func address(_ digest: MessageDigest) -> (form: AddressForm, to: String, target: String?) {
        switch self {
        case .account(let account): (.single, account.id, nil)
        case .group(let group, let member): (.group, group.groupID, member?.id)
        case .audience, .tagged: (.audience, digest.audience ?? "", nil)
        case .everyone: (.broadcast, MessageRows.everyone, nil)
        }
    }

    var unknownNames: Set<String> {
        switch self {
        case .audience(_, _, let unknown): Set(unknown)
        case .tagged(let audience): Set(audience.unknown)
        case .account, .group, .everyone: []
        }
    }

    var isJob: Bool {
        switch self {
        case .tagged, .everyone: true
        case .account, .group, .audience: false
        }
    }
}
