/// Acknowledgements of devices: what they have stored, cumulatively.
public struct Receipts: Sendable {
    private let store: any ReceiptStore
    private let acknowledged: @Sendable (DeviceIdentity, Int64) -> Void

    /// - Parameter acknowledged: told after each acknowledgement that is on disk; it must only hand on.
    public init(store: any ReceiptStore, acknowledged: @escaping @Sendable (DeviceIdentity, Int64) -> Void) {
        self.store = store
        self.acknowledged = acknowledged
    }

    /// Every entry up to `seq` is stored on the device. Going back is ignored, beyond the head is clamped. Returns the
    /// cursor as it is on disk.
    public func acknowledge(seq: Int64?, broadcastSeq: Int64?, as device: DeviceIdentity) async throws -> Cursor {
        let cursor = try await store.acknowledge(device, seq: seq, broadcastSeq: broadcastSeq)
        acknowledged(device, cursor.seq)
        return cursor
    }

    /// The `ack` request of either door.
    public func acknowledge(_ body: RawJSON, as device: DeviceIdentity) async throws -> Cursor {
        var reader = try BodyReader(parsing: body)
        let seq = reader.integer("seq", in: 0...Int64.max)
        let broadcastSeq = reader.integer("broadcastSeq", in: 0...Int64.max)
        if seq == nil, broadcastSeq == nil { _ = reader.required("seq", seq) }
        try reader.finish()
        return try await acknowledge(seq: seq, broadcastSeq: broadcastSeq, as: device)
    }
}
