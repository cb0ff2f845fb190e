import PushCore

extension Storage: ReceiptStore {
    public func acknowledge(_ device: DeviceIdentity, seq: Int64?, broadcastSeq: Int64?) async throws -> PushCore.Cursor
    {
        try await commits.run { [wallClock] writer in
            let key = device.key.rawValue
            let known = try writer.cursor(of: key)
            let before = try known ?? Cursors.cursor(writer.db, of: device.key)
            let head = try writer.head(of: device.account.key.rawValue)
            let broadcastHead = try broadcastSeq == nil ? 0 : BroadcastLog(writer: writer).head(of: device.tenant.key)
            let after = PushCore.Cursor(
                seq: max(before.seq, min(seq ?? 0, head)),
                broadcastSeq: max(before.broadcastSeq, min(broadcastSeq ?? 0, broadcastHead)))
            if after != before || known == nil { writer.setCursor(after, of: key, at: wallClock.now) }
            if after.seq > before.seq {
                // What still waits to be pushed has come by the other road.
                let cancel = try writer.statement(
                    """
                    UPDATE push SET state = 'skipped', reason = 'acknowledged', is_leased = 0, updated_at = ?
                    WHERE device = ? AND state = 'waiting' AND seq BETWEEN 1 AND ?
                    """)
                cancel.bind(1, wallClock.now)
                cancel.bind(2, key)
                cancel.bind(3, after.seq)
                try cancel.run()
            }
            if after.broadcastSeq > before.broadcastSeq {
                let cancel = try writer.statement(
                    """
                    UPDATE push SET state = 'skipped', reason = 'acknowledged', is_leased = 0, updated_at = ?1
                    WHERE device = ?2 AND state = 'waiting' AND seq = 0 AND EXISTS (SELECT 1 FROM broadcast b
                        WHERE b.message = push.message AND b.tenant = ?3 AND b.seq <= ?4)
                    """)
                cancel.bind(1, wallClock.now)
                cancel.bind(2, key)
                cancel.bind(3, device.tenant.key.rawValue)
                cancel.bind(4, after.broadcastSeq)
                try cancel.run()
            }
            return after
        }
    }
}
