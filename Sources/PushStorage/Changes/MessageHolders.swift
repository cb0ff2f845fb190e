import GRDB
import PushCore

/// The accounts that have a copy of a message: by the entries that its sending made, or as imported history. Deleted
/// accounts have nothing any more.
struct MessageHolders {
    let db: Database
    let message: MessageKey

    struct Holder {
        let account: Int64
        let flags: InboxEntry.Flags
    }

    /// Some holders, and where the next page begins; nil when there are no more.
    struct Page {
        let holders: [Holder]
        let next: Int64?
    }

    func contains(_ account: AccountKey) throws -> Bool {
        if try MessageRows.hasEntry(db, of: message, account: account) { return true }
        return try Int.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM imported WHERE message = ? AND account = ?"),
            arguments: [message.rawValue, account.rawValue]) != nil
    }

    /// At most `limit` holders after a position of the log, in its order. Imported messages have no place there: theirs
    /// are walked by account.
    func page(after: Int64, limit: Int) throws -> Page {
        var found = try entries(after: after, limit: limit + 1)
        if found.isEmpty { found = try imported(after: after, limit: limit + 1) }
        guard found.count > limit else { return Page(holders: found.map(\.holder), next: nil) }
        return Page(holders: found.prefix(limit).map(\.holder), next: found[limit - 1].place)
    }

    private struct Found {
        let place: Int64
        let holder: Holder
    }

    /// Part by part of the log, so that a page costs what it returns and not what is left.
    private func entries(after: Int64, limit: Int) throws -> [Found] {
        let spans = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT first, last FROM (
                        SELECT first_position AS first, last_position AS last FROM message WHERE key = ?1
                        UNION ALL
                        SELECT first_position, last_position FROM expansion_page WHERE message = ?1)
                    WHERE last > ?2 ORDER BY first
                    """),
            arguments: [message.rawValue, after])
        let select = try db.cachedStatement(
            sql: """
                SELECT position, account, flags FROM entry
                WHERE position BETWEEN ? AND ? AND message = ? AND flags < 256
                    AND NOT EXISTS (SELECT 1 FROM account a WHERE a.key = entry.account AND a.deleted_at IS NOT NULL)
                ORDER BY position LIMIT ?
                """)
        var found: [Found] = []
        for span in spans where found.count < limit {
            let rows = try Row.fetchCursor(
                select,
                arguments: [max(span[0] as Int64, after + 1), span[1], message.rawValue, limit - found.count])
            while let row = try rows.next() {
                found.append(
                    Found(place: row[0], holder: Holder(account: row[1], flags: .init(rawValue: row[2]))))
            }
        }
        return found
    }

    private func imported(after: Int64, limit: Int) throws -> [Found] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT account, flags FROM imported WHERE message = ? AND account > ? ORDER BY account LIMIT ?"),
            arguments: [message.rawValue, after, limit]
        ).map { row in
            let bits: Int = row[1]
            return Found(place: row[0], holder: Holder(account: row[0], flags: .init(rawValue: bits & 255)))
        }
    }
}
