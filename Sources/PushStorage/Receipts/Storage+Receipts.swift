import PushCore

extension Storage: ReceiptStore {
    public func acknowledge(_ device: DeviceIdentity, seq: Int64?, broadcastSeq: Int64?) async throws -> PushCore.Cursor
    {
        try await commits.run { [wallClock] writer in
            let key = device.key.rawValue
            let known = try writer.cursor(of: key)
            let before = try known ?? Cursors.cursor(writer.db, of: device.key)
            let head = try writer.head(of: device.account.key.rawValue)
            // There are no broadcasts yet: their head is 0.
            let after = PushCore.Cursor(seq: max(before.seq, min(seq ?? 0, head)), broadcastSeq: before.broadcastSeq)
            if after != before || (known == nil && seq != nil) { writer.setCursor(after, of: key, at: wallClock.now) }
            if after.seq > before.seq {
                // What still waits to be pushed has come by the other road.
                let cancel = try writer.statement(
                    """
                    UPDATE push SET state = 'skipped', reason = 'acknowledged', is_leased = 0, updated_at = ?
                    WHERE device = ? AND state = 'waiting' AND seq <= ?
                    """)
                cancel.bind(1, wallClock.now)
                cancel.bind(2, key)
                cancel.bind(3, after.seq)
                try cancel.run()
            }
            return after
        }
    }
}
