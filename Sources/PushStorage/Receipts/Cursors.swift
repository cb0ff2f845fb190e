import GRDB
import PushCore

/// Cursors of devices: the newest row of the journal, but never below the head at registration.
enum Cursors {
    static func cursor(_ db: Database, of device: DeviceKey) throws -> PushCore.Cursor {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT max(d.start_seq, ifnull(a.seq, 0)), max(d.start_broadcast_seq, ifnull(b.seq, 0))
                    FROM device d LEFT JOIN acknowledgement a ON a.device = d.key
                        LEFT JOIN broadcast_cursor b ON b.device = d.key
                    WHERE d.key = ? ORDER BY a.seq DESC LIMIT 1
                    """),
            arguments: [device.rawValue])
        return PushCore.Cursor(seq: row?[0] ?? 0, broadcastSeq: row?[1] ?? 0)
    }

    /// Whether the device has stored a message: by its broadcast cursor where it was broadcast, else by the entry at
    /// `seq` of its inbox.
    static func hasStored(
        _ db: Database, device: DeviceKey, _ message: ArchivedMessage, seq: Int64
    ) throws -> Bool {
        let cursor = try cursor(db, of: device)
        guard message.form == .broadcast else { return cursor.seq >= seq }
        return try cursor.broadcastSeq >= JobWalk.seq(db, of: message.key)
    }
}
