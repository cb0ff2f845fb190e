/// One place in a tenant's broadcast channel.
public struct BroadcastEntry: Sendable {
    /// 1, 2, 3 … in this tenant, without gaps.
    public let seq: Int64
    /// The revision of the message that this entry brought.
    public let revision: Int
    public let message: ArchivedMessage

    public init(seq: Int64, revision: Int, message: ArchivedMessage) {
        self.seq = seq
        self.revision = revision
        self.message = message
    }

    /// What a device receives, live and by `sync`.
    public func payload(now: Milliseconds) -> [UInt8] {
        DownlinkTemplate(message, revision: revision, now: now).payload(account: "*", seq: seq)
    }
}

/// A page of a broadcast channel, oldest first.
public struct BroadcastPage: Sendable {
    public let items: [BroadcastEntry]
    /// The newest place of the channel; 0 when nothing was ever broadcast.
    public let head: Int64

    public init(items: [BroadcastEntry], head: Int64) {
        self.items = items
        self.head = head
    }
}
