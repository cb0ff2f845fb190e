import Foundation
import GRDB
import PushCore

/// Originals as rows.
enum MessageRows {
    static let columns = """
        key, tenant, id, form, from_id, to_id, target_id, type, content, timestamp, is_background, server_time, revision,
        ttl, state, push, sender_account, sender_app, group_key, changed_at,
        burned_count, msg_seq, msg_random, msg_time, group_seq
        """

    static func message(_ row: Row, tenantNo: String) -> ArchivedMessage {
        ArchivedMessage(
            key: MessageKey(rawValue: row[0]), tenantKey: TenantKey(rawValue: row[1]), tenantNo: tenantNo, id: row[2],
            form: form(row[3], to: row[5]), from: row[4], to: row[5], target: row[6],
            type: MessageType(rawValue: row[7]), content: json(row[8]), timestamp: row[9], isBackground: row[10],
            serverTime: row[11], revision: row[12], timeToLiveSeconds: row[13],
            state: ArchivedMessage.State(rawValue: row[14]) ?? .live, push: PushOptions(archived: json(row[15])),
            senderAccount: (row[16] as Int64?).map(AccountKey.init(rawValue:)),
            senderApp: (row[17] as Int64?).map(AppKey.init(rawValue:)),
            groupKey: (row[18] as Int64?).map(GroupKey.init(rawValue:)), changedAt: row[19], burnedCount: row[20],
            numbers: numbers(row[21], row[22], row[23]), groupSeq: row[24])
    }

    static func numbers(_ sequence: Int64?, _ random: Int64?, _ seconds: Int64?) -> MessageNumbers? {
        guard let sequence, let random, let seconds else { return nil }
        return MessageNumbers(
            sequence: UInt32(truncatingIfNeeded: sequence), random: UInt32(truncatingIfNeeded: random),
            seconds: seconds)
    }

    /// In `to_id` of a message to everyone; an audience of names is a JSON object there.
    static let everyone = "*"

    private static func form(_ stored: Int, to: String) -> AddressForm {
        let form = AddressForm(rawValue: stored) ?? .single
        return form == .audience && to == everyone ? .broadcast : form
    }

    /// In `form`: a broadcast is an audience to everyone.
    static func storedForm(_ form: AddressForm) -> Int64 {
        Int64((form == .broadcast ? .audience : form).rawValue)
    }

    private static func json(_ data: Data?) -> RawJSON? { data.map { RawJSON(archived: [UInt8]($0)) } }

    static func message(
        _ db: Database, key: MessageKey, tenantNo: (TenantKey) -> String
    ) throws -> ArchivedMessage? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(columns) FROM message WHERE key = ?"), arguments: [key.rawValue]
        ).map { message($0, tenantNo: tenantNo(TenantKey(rawValue: $0[1]))) }
    }

    static func message(_ db: Database, tenant: TenantKey, id: String, tenantNo: String) throws -> ArchivedMessage? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(columns) FROM message WHERE tenant = ? AND id = ?"),
            arguments: [tenant.rawValue, id]
        ).map { message($0, tenantNo: tenantNo) }
    }

    /// The messages with this name: the one that has it as its id, then those that have it as an alias, oldest first.
    /// Whoever sends a message chooses its id, also one that is the alias of somebody else's: so both are looked for,
    /// and who asks decides which is meant (``NamedMessage``). Numbers that senders chose may be those of several
    /// messages, of one that went to many people as one call for instance.
    ///
    /// - Parameter names: of aliases, only messages to one of these two accounts or to an audience; empty = whoever they
    ///   are for.
    static func messages(
        _ db: Database, tenant: TenantKey, naming name: String, tenantNo: String, to names: [String] = []
    ) throws -> [ArchivedMessage] {
        let withID = try message(db, tenant: tenant, id: name, tenantNo: tenantNo).map { [$0] } ?? []
        let others = try messages(db, tenant: tenant, alias: name, tenantNo: tenantNo, to: names)
        return withID + others.filter { $0.key != withID.first?.key }
    }

    private static func messages(
        _ db: Database, tenant: TenantKey, alias name: String, tenantNo: String, to names: [String]
    ) throws -> [ArchivedMessage] {
        guard let numbers = MessageAliases.numbers(in: name) else { return [] }
        var found = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(columns) FROM message INDEXED BY message_alias
                    WHERE tenant = ?1 AND msg_random = ?2 AND msg_random IS NOT NULL AND (?3 IS NULL OR msg_seq = ?3)
                        AND msg_time = ?4 AND (?6 IS NULL OR form = 2 OR to_id IN (?6, ?7))
                    ORDER BY key LIMIT ?5
                    """),
            arguments: [
                tenant.rawValue, Int64(numbers.random), numbers.sequence.map { Int64($0) }, numbers.seconds,
                namesakesMax, names.first, names.last,
            ]
        ).map { message($0, tenantNo: tenantNo) }.filter { MessageAliases(of: $0).contains(name) }
        if !found.isEmpty { return found }
        let newest = try Int64.fetchOne(db.cachedStatement(sql: "SELECT max(key) FROM message")) ?? 0
        for key in MessageAliases.candidates(for: name, newest: MessageKey(rawValue: newest)) {
            guard let candidate = try message(db, key: key, tenantNo: { _ in tenantNo }),
                candidate.tenantKey == tenant, MessageAliases(of: candidate).contains(name)
            else { continue }
            found.append(candidate)
        }
        return found
    }

    /// Messages of one name that are looked at: as many as one call can make.
    private static let namesakesMax = 500

    /// The log after a position, entries of one message that stand together in one batch.
    static func entries(
        _ db: Database, after position: Int64, limit: Int, tenantNo: (TenantKey) -> String
    ) throws -> [CommittedEntries] {
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT \(InboxEntry.columns) FROM entry WHERE position > ?
                    ORDER BY position LIMIT ?
                    """),
            arguments: [position, limit])
        var groups: [[InboxEntry]] = []
        while let row = try rows.next() {
            let entry = InboxEntry(row)
            if let last = groups.last?.last, last.message == entry.message, last.revision == entry.revision {
                groups[groups.count - 1].append(entry)
            } else {
                groups.append([entry])
            }
        }
        return try groups.compactMap { entries in
            guard let key = entries.first?.message, let message = try message(db, key: key, tenantNo: tenantNo)
            else { return nil }
            return CommittedEntries(message: message, entries: entries)
        }
    }

    // MARK: Inboxes

    /// A page of an inbox out of what the tail knew and what the table has, without doubles.
    static func inbox(
        _ db: Database, of account: AccountKey, after seq: Int64, limit: Int,
        tail: (entries: [InboxEntry], head: Int64?), tenantNo: (TenantKey) -> String
    ) throws -> InboxPage {
        let head =
            try tail.head ?? Int64.fetchOne(
                db.cachedStatement(sql: "SELECT max(seq) FROM inbox WHERE account = ?"), arguments: [account.rawValue])
            ?? 0
        // The tail's entries are the newest without a gap, so the table is asked for what comes before them only.
        let below = tail.entries.first?.seq ?? (head + 1)
        var entries: [InboxEntry] = []
        // Not `seq + 1`: callers may ask for what comes after the largest number there is.
        if below - 1 > seq {
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT \(InboxEntry.columns) FROM inbox
                        WHERE account = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?
                        """),
                arguments: [account.rawValue, seq, below, limit])
            while let row = try rows.next() { entries.append(InboxEntry(row)) }
        }
        entries += tail.entries.prefix(limit - entries.count)
        let items = try entries.compactMap { entry in
            try message(db, key: entry.message, tenantNo: tenantNo).map {
                InboxPage.Item(entry: entry, message: $0, isBurned: try isBurned(db, $0, by: account))
            }
        }
        return InboxPage(items: items, head: head)
    }

    /// Whether an account burned its own copy of a message that others still have.
    static func isBurned(_ db: Database, _ message: ArchivedMessage, by account: AccountKey) throws -> Bool {
        guard message.burnedCount > 0 else { return false }
        return try Int.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM burned_copy WHERE message = ? AND account = ?"),
            arguments: [message.key.rawValue, account.rawValue]) != nil
    }

    /// Whether an account has an entry of a message: in the accepting transaction's part of the log, or in the page of
    /// its expansion that covers the account.
    static func hasEntry(_ db: Database, of message: MessageKey, account: AccountKey) throws -> Bool {
        try !entries(db, of: message, account: account).isEmpty
    }

    static func entries(_ db: Database, of message: MessageKey, account: AccountKey) throws -> [InboxEntry] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    WITH span (first, last) AS (
                        SELECT first_position, last_position FROM message WHERE key = ?1
                        UNION ALL
                        SELECT first_position, last_position FROM expansion_page
                        WHERE message = ?1 AND first_account <= ?2 AND last_account >= ?2)
                    SELECT e.position, e.account, e.seq, e.message, e.flags, e.peer FROM span
                    JOIN entry e ON e.position BETWEEN span.first AND span.last
                    WHERE e.account = ?2 AND e.message = ?1
                    """),
            arguments: [message.rawValue, account.rawValue]
        ).map(InboxEntry.init)
    }
}
