import GRDB
import PushCore

/// The conversations of an account, and what is unread in them.
struct ConversationList {
    let db: Database
    let entries: AccountEntries

    private var account: AccountKey { entries.account }

    // MARK: Unread

    /// Everything the account has not read.
    func unreadTotal() throws -> Int {
        try entries.peers(db).reduce(0) { total, peer in
            try total + entries.unreadCount(db, of: peer, after: cursor(peer))
        }
    }

    func unread(idsPerPeer: Int, idsMax: Int) throws -> [UnreadConversation] {
        var found: [(peer: Peer, cursor: Int64, count: Int, newest: Int64)] = []
        for peer in try entries.peers(db) {
            let cursor = try cursor(peer)
            let count = try entries.unreadCount(db, of: peer, after: cursor)
            guard count > 0 else { continue }
            found.append((peer, cursor, count, try entries.lastUnread(db, of: peer, after: cursor)))
        }
        found.sort { $0.newest > $1.newest }
        var idsLeft = idsMax
        return try found.compactMap { item in
            guard let peer = try PeerNames.named(db, item.peer) else { return nil }
            let ids = try ids(of: item.peer, after: item.cursor, limit: min(idsPerPeer, idsLeft))
            idsLeft -= ids.count
            return UnreadConversation(peer: peer, count: item.count, ids: ids)
        }
    }

    private func cursor(_ peer: Peer) throws -> Int64 { try ReadCursors.cursor(db, of: account, peer) }

    private func ids(of peer: Peer, after seq: Int64, limit: Int) throws -> [String] {
        guard limit > 0 else { return [] }
        let id = try db.cachedStatement(sql: "SELECT id FROM message WHERE key = ?")
        return try entries.unreadMessages(db, of: peer, after: seq, limit: limit).compactMap {
            try String.fetchOne(id, arguments: [$0.rawValue])
        }
    }

    // MARK: The list

    /// A conversation's place in the list: the newest entry when the list was begun, else the newest import.
    private struct Place {
        let peer: Peer
        let lastSeq: Int64
        let importedTime: Milliseconds

        /// Whether it stands before another one.
        func isBefore(_ other: Place) -> Bool {
            (lastSeq, importedTime, peer.rawValue) > (other.lastSeq, other.importedTime, other.peer.rawValue)
        }
    }

    func page(
        after position: ConversationPosition?, limit: Int, tenant: TenantKey, tenantNo: (TenantKey) -> String
    ) throws -> [Conversation] {
        let head = try position?.head ?? entries.head(db)
        var places = try places(head: head)
        if let position {
            guard let peer = try PeerNames.peer(db, named: position.peer, tenant: tenant)?.peer else {
                throw PageRequest.unknownCursor
            }
            let last = Place(peer: peer, lastSeq: position.lastSeq, importedTime: position.importedTime)
            places.removeAll { !last.isBefore($0) }
        }
        places.sort { $0.isBefore($1) }
        return try places.prefix(limit).compactMap { try conversation($0, head: head, tenantNo: tenantNo) }
    }

    /// Conversations as they were when the account's newest entry was `head`.
    private func places(head: Int64) throws -> [Place] {
        var places: [Place] = []
        var seen: Set<Peer> = []
        for peer in try entries.peers(db) {
            guard let last = try entries.last(db, of: peer, through: head) else { continue }
            seen.insert(peer)
            places.append(Place(peer: peer, lastSeq: last.seq, importedTime: 0))
        }
        let imported = try Row.fetchAll(db.cachedStatement(sql: Self.importedPeersSQL), arguments: [account.rawValue])
        for row in imported {
            let peer = Peer(rawValue: row[0])
            if !seen.contains(peer) { places.append(Place(peer: peer, lastSeq: 0, importedTime: row[1])) }
        }
        return places
    }

    /// Who was imported a conversation with, and the time of its newest message; a seek or two for each.
    static let importedPeersSQL = """
        WITH RECURSIVE found (peer) AS (
            SELECT min(peer) FROM imported WHERE account = ?1
            UNION ALL
            SELECT (SELECT min(i.peer) FROM imported i WHERE i.account = ?1 AND i.peer > found.peer)
            FROM found WHERE found.peer IS NOT NULL)
        SELECT peer, (SELECT max(i.server_time) FROM imported i WHERE i.account = ?1 AND i.peer = found.peer)
        FROM found WHERE peer IS NOT NULL
        """

    private func conversation(
        _ place: Place, head: Int64, tenantNo: (TenantKey) -> String
    ) throws -> Conversation? {
        guard let peer = try PeerNames.named(db, place.peer) else { return nil }
        let entry = try entries.last(db, of: place.peer)
        let newest = try entry?.message ?? newestImport(place.peer)
        guard let newest, let message = try MessageRows.message(db, key: newest, tenantNo: tenantNo) else { return nil }
        return Conversation(
            peer: peer, lastSeq: entry?.seq ?? 0,
            unread: try entries.unreadCount(db, of: place.peer, after: cursor(place.peer)),
            last: AccountMessage(
                message: message, seq: entry?.seq, isBurned: try MessageRows.isBurned(db, message, by: account)),
            position: ConversationPosition(
                head: head, lastSeq: place.lastSeq, importedTime: place.importedTime, peer: peer.id))
    }

    private func newestImport(_ peer: Peer) throws -> MessageKey? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT message FROM imported WHERE account = ? AND peer = ?
                    ORDER BY server_time DESC, message DESC LIMIT 1
                    """),
            arguments: [account.rawValue, peer.rawValue]
        ).map(MessageKey.init(rawValue:))
    }
}
