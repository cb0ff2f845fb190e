import BrokerControl

/// Requests of devices on their way to the gateway: all that the broker reads in one round of its loop leave in one
/// packet.
struct RequestGathering {
    /// The gateway's uplink connection; nil while it is away. Then the broker routes requests itself: to nobody, which it
    /// tells a device that asks.
    var receiver: BrokerPolicy.Client?
    private var envelope = PublishEnvelope()
    /// What the broker routes next has this topic and is in the envelope. The receiver still subscribes to it, for the
    /// wills of devices, and so that a device is not told that nobody listens.
    private var gathered: [UInt8]?

    static let envelopeBytesMax = 64 * 1024
    private static let prefix: [UInt8] = Array("up/".utf8)

    /// - Returns: the envelope that was full.
    mutating func add(_ publish: EnvelopedPublish) -> [UInt8]? {
        gathered = nil
        guard receiver != nil, publish.topic.starts(with: Self.prefix) else { return nil }
        let byteCount = publish.topic.count + publish.payload.count
        let full = envelope.count > 0 && envelope.bytes.count + byteCount > Self.envelopeBytesMax ? take() : nil
        envelope.append(publish)
        gathered = Array(publish.topic)
        return full
    }

    /// Whether the receiver gets this message in an envelope. Asked once for each message that it would receive.
    mutating func isGathered(_ topic: String, for client: BrokerPolicy.Client) -> Bool {
        guard client == receiver, let gathered else { return false }
        self.gathered = nil
        return topic.utf8.elementsEqual(gathered)
    }

    /// After a disconnection the broker may route a will.
    mutating func closed(_ client: BrokerPolicy.Client) {
        gathered = nil
        if client == receiver { receiver = nil }
    }

    mutating func take() -> [UInt8]? {
        gathered = nil
        guard envelope.count > 0 else { return nil }
        defer { envelope = PublishEnvelope() }
        return envelope.bytes
    }
}
