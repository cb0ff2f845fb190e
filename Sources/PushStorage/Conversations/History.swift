import GRDB
import PushCore

/// One page of a history: the account's entries in the order of `seq`, merged by server time with what was imported.
///
/// Where the times are equal, what was imported counts as older.
struct History {
    let db: Database
    let entries: AccountEntries
    let query: HistoryQuery
    let now: Milliseconds
    let limits: Limits
    let tenantNo: (TenantKey) -> String

    /// A candidate of one of the streams.
    private struct Candidate {
        let message: ArchivedMessage
        let seq: Int64?
    }

    func page() throws -> HistoryPage {
        let range = try query.from == nil && query.to == nil ? EntryRange.all : entryRange()
        var inbox = EntryStream(db: db, entries: entries, query: query, range: range)
        var imports = try ImportStream(db: db, query: query)
        var position = query.after
        var items: [HistoryPage.Item] = []
        let messages = try MessageReader(db)
        func candidate(_ key: MessageKey, seq: Int64?) throws -> Candidate? {
            try messages.message(key, tenantNo: tenantNo).map { Candidate(message: $0, seq: seq) }
        }
        var (nextEntry, nextImport): (Candidate?, Candidate?) = (nil, nil)
        for _ in 0..<limits.historyEntriesReadMax {
            if nextEntry == nil { nextEntry = try inbox.next().flatMap { try candidate($0.message, seq: $0.seq) } }
            if nextImport == nil { nextImport = try imports.next().flatMap { try candidate($0, seq: nil) } }
            guard let found = isEntryFirst(nextEntry, nextImport) ? nextEntry : nextImport else {
                return HistoryPage(items: items, next: nil)
            }
            let isBurned = try MessageRows.isBurned(db, found.message, by: query.account)
            let isShown = isInRange(found) && !isGone(found.message, isBurned: isBurned)
            // One more than the page holds says that something follows.
            if isShown, items.count == query.limit { return HistoryPage(items: items, next: position) }
            if let seq = found.seq {
                position.seq = seq
                nextEntry = nil
            } else {
                position.imported = .init(serverTime: found.message.serverTime, messageID: found.message.id)
                nextImport = nil
            }
            if isShown {
                let content = AccountMessage(message: found.message, seq: found.seq, isBurned: isBurned)
                items.append(.init(content: content, position: position))
            }
        }
        return HistoryPage(items: items, next: position)
    }

    /// Which of the two comes next in the order of the query.
    private func isEntryFirst(_ entry: Candidate?, _ imported: Candidate?) -> Bool {
        guard let entry else { return false }
        guard let imported else { return true }
        return switch query.order {
        case .ascending: entry.message.serverTime < imported.message.serverTime
        case .descending: entry.message.serverTime >= imported.message.serverTime
        }
    }

    private func isInRange(_ candidate: Candidate) -> Bool {
        let time = candidate.message.serverTime
        return time >= query.from ?? .min && query.to.map { time < $0 } ?? true
    }

    /// Past its life, or erased by age: nothing is left to be shown.
    private func isGone(_ message: ArchivedMessage, isBurned: Bool) -> Bool {
        message.reasonForNoContent(revision: nil, isBurned: isBurned, now: now) == .expired
    }

    // MARK: Time

    private func entryRange() throws -> EntryRange {
        try EntryTimes(db: db, entries: entries, lateness: limits.historyLatenessMax.components.seconds * 1000)
            .range(from: query.from, to: query.to)
    }
}

/// The account's entries in the order of the query, read in steps.
private struct EntryStream {
    private let db: Database
    private let entries: AccountEntries
    private let query: HistoryQuery
    private let range: EntryRange
    private var above: Int64
    private var below: Int64
    private var step: ArraySlice<InboxEntry> = []
    private var isAtEnd = false
    private let stepSize: Int

    init(db: Database, entries: AccountEntries, query: HistoryQuery, range: EntryRange) {
        self.db = db
        self.entries = entries
        self.query = query
        self.range = range
        (above, below) = (range.above, range.below)
        switch query.order {
        case .ascending: above = max(above, query.after.seq ?? 0)
        case .descending: below = min(below, query.after.seq ?? .max)
        }
        stepSize = query.limit + 1
    }

    mutating func next() throws -> InboxEntry? {
        while true {
            if let entry = step.popFirst() {
                switch query.order {
                case .ascending: above = entry.seq
                case .descending: below = entry.seq
                }
                if range.mayHold(entry) { return entry }
                continue
            }
            guard !isAtEnd else { return nil }
            let found = try entries.page(
                db, of: query.peer, above: above, below: below, order: query.order, limit: stepSize)
            isAtEnd = found.count < stepSize
            step = found[...]
        }
    }
}

/// What was imported for the account, in the order of the query, read in steps.
private struct ImportStream {
    private let db: Database
    private let query: HistoryQuery
    private var time: Milliseconds
    private var message: Int64
    private var step: ArraySlice<(time: Milliseconds, message: Int64)> = []
    private var isAtEnd = false
    private let stepSize: Int

    init(db: Database, query: HistoryQuery) throws {
        self.db = db
        self.query = query
        stepSize = query.limit + 1
        if let after = query.after.imported {
            let key = try Int64.fetchOne(
                db.cachedStatement(sql: HistorySQL.importedKey), arguments: [query.account.rawValue, after.messageID])
            guard let key else { throw PageRequest.unknownCursor }
            (time, message) = (after.serverTime, key)
        } else {
            let isAscending = query.order == .ascending
            (time, message) = isAscending ? (.min, .min) : (.max, .max)
        }
    }

    mutating func next() throws -> MessageKey? {
        if step.isEmpty, !isAtEnd { try readStep() }
        guard let found = step.popFirst() else { return nil }
        (time, message) = found
        return MessageKey(rawValue: found.message)
    }

    private mutating func readStep() throws {
        let statement = try db.cachedStatement(
            sql: HistorySQL.imported(isOfPeer: query.peer != nil, query.order))
        var arguments: StatementArguments = [
            query.account.rawValue, time, message, query.from ?? .min, query.to ?? .max,
        ]
        if let peer = query.peer { arguments += [peer.rawValue] }
        arguments += [stepSize]
        let found =
            try Row.fetchAll(statement, arguments: arguments).map { (time: $0[0], message: $0[1]) }
            as [(time: Milliseconds, message: Int64)]
        isAtEnd = found.count < stepSize
        step = found[...]
    }
}

enum HistorySQL {
    /// An imported message of the account's tenant by its id.
    static let importedKey = """
        SELECT key FROM message
        WHERE tenant = (SELECT tenant FROM account WHERE key = ?) AND id = ? AND is_imported = 1
        """

    static func imported(isOfPeer: Bool, _ order: HistoryOrder) -> String {
        let (comparison, direction) = order == .descending ? ("<", "DESC") : (">", "ASC")
        return """
            SELECT server_time, message FROM imported
            WHERE account = ? AND (server_time, message) \(comparison) (?, ?) AND server_time BETWEEN ? AND ?
                \(isOfPeer ? "AND peer = ?" : "")
            ORDER BY server_time \(direction), message \(direction) LIMIT ?
            """
    }
}
