import GRDB
import PushCore

/// The walk over an audience that is too large for the accepting transaction: pages in the order of account keys, one
/// transaction each, resumed from the database after a crash. Audiences are walked in the order they were accepted, so
/// that the messages of a group keep theirs.
struct Expansion {
    let writer: Writer
    let limits: Limits

    private var db: Database { writer.db }

    /// Whether an earlier message of the group is still being expanded.
    func isPending(_ group: GroupKey) throws -> Bool {
        // Nearly always nothing is being expanded at all.
        let select = try writer.statement(
            "SELECT 1 FROM expansion x JOIN message m ON m.key = x.message WHERE m.group_key = ? LIMIT 1")
        select.bind(1, group.rawValue)
        return try select.first { _ in true } ?? false
    }

    /// Records the audience of a message that was just archived.
    func begin(_ message: MessageKey, _ receivers: AddressBook.Receivers) throws {
        try begin(message)
        guard case .audience(let accounts, let groups, _) = receivers else { return }
        for account in accounts {
            try db.execute(
                sql: "INSERT INTO audience_account (message, account) VALUES (?, ?)",
                arguments: [message.rawValue, account.key.rawValue])
        }
        for group in groups {
            try db.execute(
                sql: "INSERT INTO audience_group (message, group_key, version) VALUES (?, ?, ?)",
                arguments: [message.rawValue, group.key.rawValue, group.version])
        }
    }

    /// The same for a message whose row says it all: to a group at a version.
    func begin(_ message: MessageKey) throws {
        try db.execute(sql: "INSERT INTO expansion (message) VALUES (?)", arguments: [message.rawValue])
    }

    /// Sends to tags wait here, too, but go on with their jobs: one that is paused holds up nobody else.
    private static let isNoJob = "NOT EXISTS (SELECT 1 FROM job WHERE job.message = expansion.message)"

    @Sendable static func isAnyWaiting(_ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM expansion WHERE \(isNoJob))") ?? false
    }

    /// Expands one page of the oldest audience. False when there is none.
    ///
    /// - Parameter isDone: called in the transaction of a message's last page.
    func next(
        tenantNo: (TenantKey) -> String, isDone ended: (MessageKey) throws -> Void = { _ in }
    ) throws -> Bool {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT x.message, x.after_account, x.expanded, m.group_key, m.group_version, m.target_account,
                    m.sender_account, m.counts_unread
                FROM expansion x JOIN message m ON m.key = x.message
                WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.message = x.message)
                ORDER BY x.message LIMIT 1
                """)
        guard let row,
            let message = try MessageRows.message(
                db, key: MessageKey(rawValue: row[0]), tenantNo: tenantNo)
        else { return false }
        let limit = limits.expansionPageAccounts
        let after: Int64 = row[1]
        var accounts: [Int64]
        if let target = row[5] as Int64? {
            accounts = [target]
        } else if let group = row[3] as Int64? {
            accounts = try GroupRow.members(
                db, of: GroupKey(rawValue: group), version: row[4], after: after, limit: limit)
        } else {
            accounts = try audience(of: message.key, after: after, limit: limit)
        }
        let isDone = row[5] as Int64? != nil || accounts.count < limit
        let last = accounts.last ?? after
        accounts.removeAll { $0 == row[6] as Int64? }
        let flags: InboxEntry.Flags = row[7] as Bool ? [] : .uncounted
        let entries = try writer.append(
            message.key,
            accounts.map { Writer.Copy(account: $0, flags: flags, peer: message.receiverPeer) })
        writer.announce(message, entries)
        try record(message.key, entries)
        let expanded = (row[2] as Int) + accounts.count
        if isDone {
            try db.execute(sql: "DELETE FROM expansion WHERE message = ?", arguments: [message.key.rawValue])
            try db.execute(
                sql: "UPDATE message SET recipients = ? WHERE key = ?", arguments: [expanded, message.key.rawValue])
            try ended(message.key)
        } else {
            try db.execute(
                sql: "UPDATE expansion SET after_account = ?, expanded = ? WHERE message = ?",
                arguments: [last, expanded, message.key.rawValue])
        }
        return try !isDone || Self.isAnyWaiting(db)
    }

    func record(_ message: MessageKey, _ entries: ArraySlice<InboxEntry>) throws {
        guard let first = entries.first, let last = entries.last else { return }
        try db.execute(
            sql: """
                INSERT INTO expansion_page (message, first_account, last_account, first_position, last_position)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [
                message.rawValue, first.account.rawValue, last.account.rawValue, first.position, last.position,
            ])
    }

    /// The next accounts of accounts and groups together, each once, by key.
    func audience(of message: MessageKey, after: Int64, limit: Int) throws -> [Int64] {
        var found = Set(
            try Int64.fetchAll(
                db,
                sql: "SELECT account FROM audience_account WHERE message = ? AND account > ? ORDER BY account LIMIT ?",
                arguments: [message.rawValue, after, limit]))
        let groups = try Row.fetchAll(
            db, sql: "SELECT group_key, version FROM audience_group WHERE message = ?", arguments: [message.rawValue])
        for group in groups {
            found.formUnion(
                try GroupRow.members(
                    db, of: GroupKey(rawValue: group[0]), version: group[1], after: after, limit: limit))
            // Only the lowest count for this page.
            if found.count > 2 * limit { found = Set(found.sorted().prefix(limit)) }
        }
        return Array(found.sorted().prefix(limit))
    }
}
