import GRDB
import PushCore

/// The walk over an audience by tags: candidates in the order of account keys, a page in a transaction, each held
/// against the rule as everything was when the message was archived.
struct TagExpansion {
    let writer: Writer
    let limits: Limits
    let now: Milliseconds
    /// Called in the transaction of the last page.
    let isDone: (MessageKey) throws -> Void

    private var db: Database { writer.db }
    private var expansion: Expansion { Expansion(writer: writer, limits: limits) }

    func next(_ message: ArchivedMessage) throws -> JobStep {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT x.after_account, x.expanded, x.last_account, m.counts_unread
                    FROM expansion x JOIN message m ON m.key = x.message WHERE x.message = ?
                    """),
            arguments: [message.key.rawValue])
        guard let row else { return JobStep(walked: 0, hasPushes: false) }
        let limit = limits.expansionPageAccounts
        let candidates = try candidates(message, after: row[0], last: row[2] ?? .max, limit: limit)
        let flags: InboxEntry.Flags = row[3] ? [] : .uncounted
        let peer = message.receiverPeer
        let copies = try candidates.filter { try isMeant($0, message) }
            .map { Writer.Copy(account: $0, flags: flags, peer: peer) }
        let entries = try writer.append(message.key, copies)
        writer.announce(message, entries)
        try expansion.record(message.key, entries)
        let expanded = (row[1] as Int) + copies.count
        if candidates.count < limit {
            try db.execute(sql: "DELETE FROM expansion WHERE message = ?", arguments: [message.key.rawValue])
            try JobRows(writer: writer).finishTags(message.key, recipients: expanded, at: now)
            try isDone(message.key)
        } else {
            try db.execute(
                sql: "UPDATE expansion SET after_account = ?, expanded = ? WHERE message = ?",
                arguments: [candidates.last, expanded, message.key.rawValue])
            try db.execute(
                sql: "UPDATE job SET published = ? WHERE message = ?", arguments: [expanded, message.key.rawValue])
        }
        return JobStep(walked: candidates.count, hasPushes: false)
    }

    // MARK: Candidates

    /// The lowest accounts after one that may fit: of those named, else of those with one of the tags, else of all.
    private func candidates(
        _ message: ArchivedMessage, after: Int64, last: Int64, limit: Int
    ) throws -> [Int64] {
        let key = message.key.rawValue
        let listsPeople = try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM audience_account WHERE message = ?1)
                    OR EXISTS (SELECT 1 FROM audience_group WHERE message = ?1)
                """,
            arguments: [key])
        if listsPeople == true { return try expansion.audience(of: message.key, after: after, limit: limit) }
        let any = try tags(of: key, kind: 0)
        if !any.isEmpty { return try members(of: any, after: after, limit: limit) }
        let all = try tags(of: key, kind: 1)
        if !all.isEmpty { return try members(of: Array(all.prefix(1)), after: after, limit: limit) }
        return try Int64.fetchAll(
            db.cachedStatement(
                sql: "SELECT key FROM account WHERE tenant = ? AND key > ? AND key <= ? ORDER BY key LIMIT ?"),
            arguments: [message.tenantKey.rawValue, after, last, limit])
    }

    private func tags(of message: Int64, kind: Int) throws -> [TagAudience.Tag] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT tag, version FROM audience_tag WHERE message = ? AND kind = ? ORDER BY tag"),
            arguments: [message, kind]
        ).map { TagAudience.Tag(key: $0[0], version: $0[1]) }
    }

    private func members(of tags: [TagAudience.Tag], after: Int64, limit: Int) throws -> [Int64] {
        let select = try writer.statement(
            """
            SELECT DISTINCT account FROM tag_member WHERE tag = ? AND account > ? AND joined_version <= ?
                AND (left_version IS NULL OR left_version > ?)
            ORDER BY account LIMIT ?
            """)
        var found: Set<Int64> = []
        for tag in tags {
            select.bind(1, tag.key)
            select.bind(2, after)
            select.bind(3, tag.version)
            select.bind(4, tag.version)
            select.bind(5, Int64(limit))
            try select.forEachRow { found.insert($0.integer(0)) }
            // Only the lowest count for this page.
            if found.count > 2 * limit { found = Set(found.sorted().prefix(limit)) }
        }
        return Array(found.sorted().prefix(limit))
    }

    // MARK: The rule

    private func isMeant(_ account: Int64, _ message: ArchivedMessage) throws -> Bool {
        guard account != message.senderAccount?.rawValue else { return false }
        let select = try writer.statement(
            """
            SELECT a.deleted_at IS NULL
                AND (NOT EXISTS (SELECT 1 FROM audience_tag t WHERE t.message = ?1 AND t.kind = 0)
                    OR EXISTS (SELECT 1 FROM audience_tag t JOIN tag_member m ON m.tag = t.tag
                        WHERE t.message = ?1 AND t.kind = 0 AND m.account = ?2 AND m.joined_version <= t.version
                            AND (m.left_version IS NULL OR m.left_version > t.version)))
                AND NOT EXISTS (SELECT 1 FROM audience_tag t WHERE t.message = ?1 AND t.kind = 1
                    AND NOT EXISTS (SELECT 1 FROM tag_member m
                        WHERE m.tag = t.tag AND m.account = ?2 AND m.joined_version <= t.version
                            AND (m.left_version IS NULL OR m.left_version > t.version)))
                AND NOT EXISTS (SELECT 1 FROM audience_tag t JOIN tag_member m ON m.tag = t.tag
                    WHERE t.message = ?1 AND t.kind = 2 AND m.account = ?2 AND m.joined_version <= t.version
                        AND (m.left_version IS NULL OR m.left_version > t.version))
            FROM account a WHERE a.key = ?2
            """)
        select.bind(1, message.key.rawValue)
        select.bind(2, account)
        return try select.first { $0.integer(0) != 0 } ?? false
    }
}
