/// Several publishes of the gateway in one MQTT packet, sent to ``BrokerTopic/publish``: the plugin hands each to the
/// broker as if it had come alone, at QoS 1 and in this order.
///
/// Mosquitto 2.0 reads one packet of a connection in a round of its loop, each with several system calls, and
/// acknowledges each; an envelope costs that once.
///
/// The form, numbers in network byte order: the ``version``, then for each publish the message expiry interval in seconds
/// (4 bytes, ``noExpiry`` for none), the length of the topic (2 bytes), the length of the payload (4 bytes), the topic, a
/// zero byte (C strings end so) and the payload.
public struct PublishEnvelope: Sendable {
    public static let version: UInt8 = 1
    /// MQTT 5 has no such interval: its largest is what has none.
    static let noExpiry = UInt32.max
    static let headBytes = 10

    public private(set) var bytes: [UInt8] = [version]
    /// Publishes in it.
    public private(set) var count = 0

    public init() {}

    /// - Parameters:
    ///   - topic: at most 65 535 bytes, without a zero byte.
    ///   - expirySeconds: MQTT 5, section 3.3.2.3.3; nil for none.
    public mutating func append(topic: String, payload: [UInt8], expirySeconds: UInt32?) {
        let topic = topic.utf8
        append(expirySeconds ?? Self.noExpiry)
        append(UInt16(truncatingIfNeeded: topic.count))
        append(UInt32(truncatingIfNeeded: payload.count))
        bytes.append(contentsOf: topic)
        bytes.append(0)
        bytes.append(contentsOf: payload)
        count += 1
    }

    /// Bytes that such a publish adds.
    public static func byteCount(topic: String, payload: [UInt8]) -> Int {
        headBytes + topic.utf8.count + 1 + payload.count
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Reads a ``PublishEnvelope`` where it lies.
public struct PublishEnvelopeReader {
    /// What is read is no envelope of this version.
    public struct Malformed: Error {
        public init() {}
    }

    /// One publish; valid as long as the bytes that are read.
    public struct Publish {
        /// Without the zero byte that follows.
        public let topic: UnsafeRawBufferPointer
        public let payload: UnsafeRawBufferPointer
        public let expirySeconds: UInt32?
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset: Int

    public init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        guard bytes.first == PublishEnvelope.version else { throw Malformed() }
        self.bytes = bytes
        offset = 1
    }

    /// Nil at the end.
    public mutating func next() throws(Malformed) -> Publish? {
        guard offset < bytes.count else { return nil }
        guard bytes.count - offset >= PublishEnvelope.headBytes else { throw Malformed() }
        let expiry = number(at: offset, as: UInt32.self)
        let topicBytes = Int(number(at: offset + 4, as: UInt16.self))
        let payloadBytes = Int(number(at: offset + 6, as: UInt32.self))
        let start = offset + PublishEnvelope.headBytes
        guard topicBytes > 0, bytes.count - start >= topicBytes + 1 + payloadBytes else { throw Malformed() }
        let topic = UnsafeRawBufferPointer(rebasing: bytes[start..<start + topicBytes])
        guard bytes[start + topicBytes] == 0, !topic.contains(0) else { throw Malformed() }
        offset = start + topicBytes + 1 + payloadBytes
        return Publish(
            topic: topic, payload: UnsafeRawBufferPointer(rebasing: bytes[offset - payloadBytes..<offset]),
            expirySeconds: expiry == PublishEnvelope.noExpiry ? nil : expiry)
    }

    private func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
        Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }
}
