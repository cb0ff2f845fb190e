import GRDB
import PushCore

/// The messages of a group by their places: 1, 2, 3 … in the order of archiving.
struct GroupMessages {
    let db: Database

    /// 0 = none was ever sent.
    func newestPlace(of group: GroupKey) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT max(group_seq) FROM message WHERE group_key = ? AND group_seq IS NOT NULL"),
            arguments: [group.rawValue]) ?? 0
    }

    func newest(of group: GroupKey) throws -> (place: Int64, at: Milliseconds)? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT group_seq, server_time, is_imported FROM message
                    WHERE group_key = ? AND group_seq IS NOT NULL ORDER BY group_seq DESC LIMIT 1
                    """), arguments: [group.rawValue]
        ).map { (place: $0[0], at: $0[2] ? try timeBeforeImports(of: group) ?? $0[1] : $0[1]) }
    }

    /// When the newest message was sent that was not imported behind it. Where there is none among the newest places,
    /// the newest time of what was imported there.
    private func timeBeforeImports(of group: GroupKey) throws -> Milliseconds? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT ifnull(max(server_time) FILTER (WHERE is_imported = 0), max(server_time)) FROM (
                        SELECT server_time, is_imported FROM message WHERE group_key = ? AND group_seq IS NOT NULL
                        ORDER BY group_seq DESC LIMIT \(Self.newestPlacesRead))
                    """), arguments: [group.rawValue])
    }

    private static let newestPlacesRead = 200

    /// From a place downwards, newest first.
    func page(
        of group: GroupKey, fromPlace place: Int64, limit: Int, tenantNo: (TenantKey) -> String
    ) throws -> [GroupMessage] {
        let select = try HotStatement(cached: Self.pageSQL, db)
        select.bind(1, group.rawValue)
        select.bind(2, place)
        select.bind(3, Int64(limit))
        var messages: [ArchivedMessage] = []
        try select.forEachRow { messages.append(MessageRows.message($0, tenantNo: tenantNo)) }
        let userID = try db.cachedStatement(sql: "SELECT user_id FROM account WHERE key = ? AND deleted_at IS NULL")
        return try messages.map { message in
            let sender = try message.senderAccount.flatMap {
                // Whoever is deleted has no name any more; the account's id names nobody else.
                try String.fetchOne(userID, arguments: [$0.rawValue]) ?? message.from
            }
            return GroupMessage(message: message, sender: sender)
        }
    }

    private static let pageSQL = """
        SELECT \(MessageRows.columns) FROM message
        WHERE group_key = ? AND group_seq IS NOT NULL AND group_seq <= ? ORDER BY group_seq DESC LIMIT ?
        """

    /// The id of the message in a place, and those that one call sent together with it to single members: they share
    /// its random number and its time.
    func ids(inPlace place: Int64, of group: GroupKey) throws -> [String] {
        try String.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id FROM message WHERE group_key = ?1 AND group_seq = ?2 AND group_seq IS NOT NULL
                    UNION
                    SELECT s.id FROM message m CROSS JOIN message s INDEXED BY message_alias
                        ON s.tenant = m.tenant AND s.msg_random = m.msg_random AND s.msg_random IS NOT NULL
                    WHERE m.group_key = ?1 AND m.group_seq = ?2 AND m.group_seq IS NOT NULL
                        AND m.target_id IS NOT NULL AND m.msg_random IS NOT NULL
                        AND s.group_key = m.group_key AND s.target_id IS NOT NULL AND s.msg_time = m.msg_time
                        AND s.from_id = m.from_id
                    """), arguments: [group.rawValue, place])
    }

    /// The newest messages of a sender that still have their content, newest first.
    func ids(ofSender account: AccountKey, in group: GroupKey, limit: Int) throws -> [String] {
        try String.fetchAll(
            db,
            sql: """
                SELECT id FROM message WHERE group_key = ? AND group_seq IS NOT NULL AND sender_account = ? AND state = 0
                    AND content IS NOT NULL ORDER BY group_seq DESC LIMIT ?
                """, arguments: [group.rawValue, account.rawValue, limit])
    }
}
