import GRDB
import PushCore

/// Finds the place of a message in the history of one conversation.
struct HistoryPlaces {
    let db: Database
    let entries: AccountEntries
    let limits: Limits

    private var account: AccountKey { entries.account }

    /// Where a history from the newest down stands when it has shown this message (``History``): at the message in the
    /// stream that has it, and in the other one at the last that comes before it in that order.
    func position(of message: ArchivedMessage, with peer: Peer) throws -> HistoryPosition? {
        if let seq = try seq(of: message.key, peer) {
            return HistoryPosition(seq: seq, imported: try firstImport(after: message.serverTime, peer))
        }
        guard try isImported(message.key, peer) else { return nil }
        return HistoryPosition(
            seq: try firstEntry(from: message.serverTime, peer),
            imported: .init(serverTime: message.serverTime, messageID: message.id))
    }

    /// The place of the entry that brought a message to this conversation.
    private func seq(of message: MessageKey, _ peer: Peer) throws -> Int64? {
        try MessageRows.entries(db, of: message, account: account).first { $0.peer == peer && $0.revision == 0 }?.seq
    }

    private func isImported(_ message: MessageKey, _ peer: Peer) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM message m JOIN imported i
                        ON i.account = ?2 AND i.server_time = m.server_time AND i.message = m.key AND i.peer = ?3
                        WHERE m.key = ?1 AND m.is_imported = 1)
                    """), arguments: [message.rawValue, account.rawValue, peer.rawValue]) ?? false
    }

    /// The oldest imported message that is newer than a time; nil when there is none.
    private func firstImport(after time: Milliseconds, _ peer: Peer) throws -> HistoryPosition.Imported? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT i.server_time, m.id FROM imported i JOIN message m ON m.key = i.message
                    WHERE i.account = ? AND i.peer = ? AND i.server_time > ?
                    ORDER BY i.server_time, i.message LIMIT 1
                    """), arguments: [account.rawValue, peer.rawValue, time]
        ).map { .init(serverTime: $0[0], messageID: $0[1]) }
    }

    /// The first entry of a message that is not older than a time; nil when there is none.
    private func firstEntry(from time: Milliseconds, _ peer: Peer) throws -> Int64? {
        let range = try EntryTimes(db: db, entries: entries, lateness: limits.historyLatenessMax.milliseconds)
            .range(from: time, to: nil)
        var above = range.above
        while true {
            let page = try entries.page(
                db, of: peer, above: above, below: .max, order: .ascending, limit: Self.stepEntries)
            for entry in page where try serverTime(of: entry.message) >= time { return entry.seq }
            guard page.count == Self.stepEntries, let last = page.last else { return nil }
            above = last.seq
        }
    }

    /// The newest entry of a message that is older than a time; 0 when there is none.
    func lastSeq(with peer: Peer, before time: Milliseconds) throws -> Int64 {
        let range = try EntryTimes(db: db, entries: entries, lateness: limits.historyLatenessMax.milliseconds)
            .range(from: nil, to: time)
        var below = range.below
        while true {
            let page = try entries.page(
                db, of: peer, above: 0, below: below, order: .descending, limit: Self.stepEntries)
            for entry in page where try serverTime(of: entry.message) < time { return entry.seq }
            guard page.count == Self.stepEntries, let last = page.last else { return 0 }
            below = last.seq
        }
    }

    private static let stepEntries = 100

    private func serverTime(of message: MessageKey) throws -> Milliseconds {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT server_time FROM message WHERE key = ?"), arguments: [message.rawValue])
            ?? .max
    }
}

extension MessageRows {
    /// The messages of this name that one of two sides sent the other, in either direction. Who asks so has read the
    /// name as an alias: one that has it as its id comes last.
    static func messages(
        _ db: Database, naming name: String, between one: NamedPeer, and other: NamedPeer, tenant: Tenant
    ) throws -> [ArchivedMessage] {
        let sides = [one, other]
        let found = try messages(
            db, tenant: tenant.key, naming: name, tenantNo: tenant.tenantNo, to: sides.map(\.id))
        return try (found.filter { $0.id != name } + found.filter { $0.id == name }).filter { message in
            guard let sender = sides.first(where: message.sender(is:)), !message.type.isEvent else { return false }
            let receiver = sender == one ? other : one
            switch message.form {
            case .single: return message.to == receiver.id
            case .audience:
                guard let account = receiver.account else { return false }
                return try hasEntry(db, of: message.key, account: account.key)
            case .group, .broadcast: return false
            }
        }
    }
}
