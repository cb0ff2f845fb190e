import GRDB
import PushCore

/// The entries of one account: the table's, and after them what was not indexed yet, which has to be taken from memory
/// before the table is read. Entries that come later are not seen.
struct AccountEntries {
    let account: AccountKey
    /// The newest entries without a gap, oldest first.
    private let tail: [InboxEntry]
    /// The table is asked for what is below. It may hold a part of the tail already.
    private let floor: Int64

    /// For readers: to be made before the transaction that reads begins.
    init(of account: AccountKey, log: EntryLog) {
        self.init(account, tail: log.tail(of: account.rawValue))
    }

    /// With what the writer's open transaction has added.
    init(of account: AccountKey, writer: Writer) {
        var tail = writer.log.tail(of: account.rawValue)
        if writer.transaction.heads[account.rawValue] != nil {
            tail += writer.transaction.entries.lazy.filter { $0.account == account }
        }
        self.init(account, tail: tail)
    }

    private init(_ account: AccountKey, tail: [InboxEntry]) {
        self.account = account
        self.tail = tail
        floor = tail.first?.seq ?? .max
    }

    // MARK: Pages

    /// Entries in conversations, at most `limit`, with `above < seq < below`.
    ///
    /// - Parameter peer: nil = of all conversations.
    func page(
        _ db: Database, of peer: Peer?, above: Int64, below: Int64, order: HistoryOrder, limit: Int
    ) throws -> [InboxEntry] {
        let late = tail.lazy.filter { entry in
            entry.seq > above && entry.seq < below && (peer.map { entry.peer == $0 } ?? (entry.peer != .none))
        }
        switch order {
        case .descending:
            var found = Array(late.reversed().prefix(limit))
            if found.count < limit {
                found += try indexed(
                    db, of: peer, above: above, below: min(below, floor), order, limit: limit - found.count)
            }
            return found
        case .ascending:
            var found = try indexed(db, of: peer, above: above, below: min(below, floor), order, limit: limit)
            found += late.prefix(limit - found.count)
            return found
        }
    }

    private func indexed(
        _ db: Database, of peer: Peer?, above: Int64, below: Int64, _ order: HistoryOrder, limit: Int
    ) throws -> [InboxEntry] {
        guard above < below else { return [] }
        let select = try HotStatement(cached: Self.pageSQL(isOfPeer: peer != nil, order), db)
        select.bind(1, account.rawValue)
        select.bind(2, above)
        select.bind(3, below)
        if let peer { select.bind(4, peer.rawValue) }
        select.bind(peer == nil ? 4 : 5, Int64(limit))
        var found: [InboxEntry] = []
        try select.forEachRow { found.append(InboxEntry($0)) }
        return found
    }

    static func pageSQL(isOfPeer: Bool, _ order: HistoryOrder) -> String {
        // Without figures about the tables the planner would take either index for either question.
        let index = isOfPeer ? "INDEXED BY inbox_of_peer" : ""
        let peer = isOfPeer ? "peer = ? AND peer <> 0" : "+peer <> 0"
        let direction = order == .descending ? "DESC" : "ASC"
        return """
            SELECT \(InboxEntry.columns) FROM inbox \(index)
            WHERE account = ? AND seq > ? AND seq < ? AND \(peer)
            ORDER BY seq \(direction) LIMIT ?
            """
    }

    // MARK: Heads

    /// The newest entry of the account; 0 when there is none.
    func head(_ db: Database) throws -> Int64 {
        try tail.last?.seq ?? Int64.fetchOne(
            db.cachedStatement(sql: "SELECT max(seq) FROM inbox WHERE account = ?"), arguments: [account.rawValue]) ?? 0
    }

    /// The newest entry of a conversation, up to `seq`; nil when there is none.
    func last(_ db: Database, of peer: Peer, through seq: Int64 = .max) throws -> InboxEntry? {
        try page(db, of: peer, above: 0, below: seq == .max ? .max : seq + 1, order: .descending, limit: 1).first
    }

    /// The nearest entry at or below `seq` that brought a message, not one of its later revisions.
    func firstRevision(_ db: Database, above: Int64, through seq: Int64) throws -> InboxEntry? {
        if seq >= floor {
            let upTo = tail.prefix(Int(clamping: seq - floor + 1))
            if let found = upTo.last(where: { $0.revision == 0 }) { return found.seq > above ? found : nil }
        }
        return try Row.fetchOne(
            db.cachedStatement(sql: Self.firstRevisionSQL),
            arguments: [account.rawValue, above, min(seq, floor - 1)]
        ).map(InboxEntry.init)
    }

    static let firstRevisionSQL = """
        SELECT \(InboxEntry.columns) FROM inbox WHERE account = ? AND seq > ? AND seq <= ? AND flags < 256
        ORDER BY seq DESC LIMIT 1
        """

    /// Everybody the account has a conversation with.
    func peers(_ db: Database) throws -> [Peer] {
        let indexed = try Int64.fetchAll(db.cachedStatement(sql: Self.peersSQL), arguments: [account.rawValue])
        var peers = Set(indexed.map(Peer.init(rawValue:)))
        for entry in tail where entry.peer != .none { peers.insert(entry.peer) }
        return peers.sorted { $0.rawValue < $1.rawValue }
    }

    /// A seek for each, however many entries there are.
    static let peersSQL = """
        WITH RECURSIVE found (peer) AS (
            SELECT min(peer) FROM inbox WHERE account = ?1 AND peer <> 0
            UNION ALL
            SELECT (SELECT min(i.peer) FROM inbox i WHERE i.account = ?1 AND i.peer > found.peer AND i.peer <> 0)
            FROM found WHERE found.peer IS NOT NULL)
        SELECT peer FROM found WHERE peer IS NOT NULL
        """

    // MARK: Unread

    /// How many entries of a conversation after `seq` count as unread.
    func unreadCount(_ db: Database, of peer: Peer, after seq: Int64) throws -> Int {
        let indexed =
            try Int.fetchOne(
                db.cachedStatement(sql: Self.unreadSQL("count(*)")),
                arguments: [account.rawValue, peer.rawValue, seq, floor]) ?? 0
        return try indexed + lateUnread(db, of: peer, after: seq).count
    }

    /// The oldest of them, oldest first.
    func unreadMessages(_ db: Database, of peer: Peer, after seq: Int64, limit: Int) throws -> [MessageKey] {
        let indexed = try Int64.fetchAll(
            db.cachedStatement(sql: Self.unreadSQL("i.message") + " ORDER BY i.seq LIMIT ?"),
            arguments: [account.rawValue, peer.rawValue, seq, floor, limit]
        ).map(MessageKey.init(rawValue:))
        guard indexed.count < limit else { return indexed }
        return try indexed + lateUnread(db, of: peer, after: seq).prefix(limit - indexed.count).map(\.message)
    }

    /// The newest of them; 0 when there is none.
    func lastUnread(_ db: Database, of peer: Peer, after seq: Int64) throws -> Int64 {
        if let late = try lateUnread(db, of: peer, after: seq).last { return late.seq }
        return try Int64.fetchOne(
            db.cachedStatement(sql: Self.unreadSQL("i.seq") + " ORDER BY i.seq DESC LIMIT 1"),
            arguments: [account.rawValue, peer.rawValue, seq, floor]) ?? 0
    }

    private func lateUnread(_ db: Database, of peer: Peer, after seq: Int64) throws -> [InboxEntry] {
        let counted = tail.filter { entry in
            entry.peer == peer && entry.seq > seq && entry.flags.isDisjoint(with: [.own, .uncounted])
        }
        guard !counted.isEmpty else { return [] }
        let isWithdrawn = try db.cachedStatement(sql: "SELECT \(Self.isWithdrawn("?1", "?2"))")
        return try counted.filter { entry in
            try !(Bool.fetchOne(isWithdrawn, arguments: [entry.message.rawValue, account.rawValue]) ?? false)
        }
    }

    /// Entries of a conversation that count, after a seq and below another.
    static func unreadSQL(_ columns: String) -> String {
        """
        SELECT \(columns) FROM inbox i INDEXED BY inbox_of_peer
        WHERE i.account = ? AND i.peer = ? AND i.peer <> 0 AND i.seq > ? AND i.seq < ? AND i.flags & 3 = 0
            AND NOT \(isWithdrawn("i.message", "i.account"))
        """
    }

    /// Whether a message was revoked or burned for an account. An index of the few messages that were for anybody
    /// answers it, so that no message has to be read.
    private static func isWithdrawn(_ message: String, _ account: String) -> String {
        """
        EXISTS (SELECT 1 FROM message m INDEXED BY message_withdrawn
            WHERE m.key = \(message) AND (m.state <> 0 OR m.burned_count > 0)
                AND (m.state <> 0 OR EXISTS (
                    SELECT 1 FROM burned_copy b WHERE b.message = m.key AND b.account = \(account))))
        """
    }
}
