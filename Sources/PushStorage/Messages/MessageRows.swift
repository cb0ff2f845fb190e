import GRDB
import PushCore

/// Originals as rows.
enum MessageRows {
    static let columns = """
        key, tenant, id, form, from_id, to_id, target_id, type, content, timestamp, is_background, server_time, revision,
        ttl, state, push, sender_account, sender_app, group_key, changed_at,
        burned_count, msg_seq, msg_random, msg_time, group_seq
        """

    /// A row of ``columns``.
    static func message(_ row: HotStatement, tenantNo: (TenantKey) -> String) -> ArchivedMessage {
        let tenant = TenantKey(rawValue: row.integer(1))
        let to = row.text(5)
        return ArchivedMessage(
            key: MessageKey(rawValue: row.integer(0)), tenantKey: tenant, tenantNo: tenantNo(tenant), id: row.text(2),
            form: form(Int(row.integer(3)), to: to), from: row.text(4), to: to, target: row.optionalText(6),
            type: MessageType(rawValue: Int(row.integer(7))), content: json(row.optionalBytes(8)),
            timestamp: row.integer(9), isBackground: row.integer(10) != 0, serverTime: row.integer(11),
            revision: Int(row.integer(12)), timeToLiveSeconds: row.optionalInteger(13),
            state: ArchivedMessage.State(rawValue: Int(row.integer(14))) ?? .live,
            push: PushOptions(archived: json(row.optionalBytes(15))),
            senderAccount: row.optionalInteger(16).map(AccountKey.init(rawValue:)),
            senderApp: row.optionalInteger(17).map(AppKey.init(rawValue:)),
            groupKey: row.optionalInteger(18).map(GroupKey.init(rawValue:)), changedAt: row.optionalInteger(19),
            burnedCount: Int(row.integer(20)),
            numbers: numbers(row.optionalInteger(21), row.optionalInteger(22), row.optionalInteger(23)),
            groupSeq: row.optionalInteger(24))
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

    private static func json(_ bytes: [UInt8]?) -> RawJSON? { bytes.map { RawJSON(archived: $0) } }

    static let byKeySQL = "SELECT \(columns) FROM message WHERE key = ?"
    private static let byIDSQL = "SELECT \(columns) FROM message WHERE tenant = ? AND id = ?"

    static func message(
        _ db: Database, key: MessageKey, tenantNo: (TenantKey) -> String
    ) throws -> ArchivedMessage? {
        let select = try HotStatement(cached: byKeySQL, db)
        select.bind(1, key.rawValue)
        return try select.first { message($0, tenantNo: tenantNo) }
    }

    static func message(_ db: Database, tenant: TenantKey, id: String, tenantNo: String) throws -> ArchivedMessage? {
        let select = try HotStatement(cached: byIDSQL, db)
        select.bind(1, tenant.rawValue)
        select.bind(2, id)
        return try select.first { message($0) { _ in tenantNo } }
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
        var found: [ArchivedMessage] = []
        let select = try HotStatement(cached: byAliasSQL, db)
        select.bind(1, tenant.rawValue)
        select.bind(2, Int64(numbers.random))
        select.bind(3, numbers.sequence.map { Int64($0) })
        select.bind(4, numbers.seconds)
        select.bind(5, namesakesMax)
        select.bind(6, names.first)
        select.bind(7, names.last)
        try select.forEachRow { row in
            let candidate = message(row) { _ in tenantNo }
            if MessageAliases(of: candidate).contains(name) { found.append(candidate) }
        }
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

    private static let byAliasSQL = """
        SELECT \(columns) FROM message INDEXED BY message_alias
        WHERE tenant = ?1 AND msg_random = ?2 AND msg_random IS NOT NULL AND (?3 IS NULL OR msg_seq = ?3)
            AND msg_time = ?4 AND (?6 IS NULL OR form = 2 OR to_id IN (?6, ?7))
        ORDER BY key LIMIT ?5
        """

    /// Messages of one name that are looked at: as many as one call can make.
    private static let namesakesMax: Int64 = 500

    /// The log after a position, entries of one message that stand together in one batch.
    static func entries(
        _ db: Database, after position: Int64, limit: Int, tenantNo: (TenantKey) -> String
    ) throws -> [CommittedEntries] {
        let select = try HotStatement(cached: entriesSQL, db)
        select.bind(1, position)
        select.bind(2, Int64(limit))
        var groups: [[InboxEntry]] = []
        try select.forEachRow { row in
            let entry = InboxEntry(row)
            if let last = groups.last?.last, last.message == entry.message, last.revision == entry.revision {
                groups[groups.count - 1].append(entry)
            } else {
                groups.append([entry])
            }
        }
        let messages = try MessageReader(db)
        return try groups.compactMap { entries in
            guard let key = entries.first?.message, let message = try messages.message(key, tenantNo: tenantNo) else {
                return nil
            }
            return CommittedEntries(message: message, entries: entries)
        }
    }

    private static let entriesSQL =
        "SELECT \(InboxEntry.columns) FROM entry WHERE position > ? ORDER BY position LIMIT ?"

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
            let select = try HotStatement(cached: inboxSQL, db)
            select.bind(1, account.rawValue)
            select.bind(2, seq)
            select.bind(3, below)
            select.bind(4, Int64(limit))
            try select.forEachRow { entries.append(InboxEntry($0)) }
        }
        entries += tail.entries.prefix(limit - entries.count)
        let messages = try MessageReader(db)
        let items = try entries.compactMap { entry in
            try messages.message(entry.message, tenantNo: tenantNo).map {
                InboxPage.Item(entry: entry, message: $0, isBurned: try isBurned(db, $0, by: account))
            }
        }
        return InboxPage(items: items, head: head)
    }

    static let inboxSQL = """
        SELECT \(InboxEntry.columns) FROM inbox WHERE account = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?
        """

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
