/// Several publishes of the gateway in one MQTT packet, sent to ``BrokerTopic/publish``: the plugin hands each to the
/// broker as if it had come alone, at QoS 1 and in this order.
///
/// Mosquitto 2.0 reads one packet of a connection in a round of its loop, each with several system calls, and
/// acknowledges each; an envelope costs that once.
///
/// The form, numbers in network byte order: the ``version``, then for each publish the message expiry interval in seconds
/// (4 bytes, ``absent`` for none), the lengths of the topic (2 bytes), of the correlation data (4 bytes, ``absent`` for
/// none) and of the payload (4 bytes), the topic, a zero byte (C strings end so), the correlation data and the payload.
public struct PublishEnvelope: Sendable {
    public static let version: UInt8 = 1
    /// No property of MQTT 5 is that long or lasts that long.
    static let absent = UInt32.max
    static let headBytes = 14

    public private(set) var bytes: [UInt8] = [version]
    /// Publishes in it.
    public private(set) var count = 0

    public init() {}

    /// - Parameters:
    ///   - topic: at most 65 535 bytes, without a zero byte.
    ///   - expirySeconds: MQTT 5, section 3.3.2.3.3; nil for none.
    ///   - correlationData: MQTT 5, section 3.3.2.3.6, at most 65 535 bytes; nil for none.
    public mutating func append(
        topic: String, payload: [UInt8], expirySeconds: UInt32? = nil, correlationData: [UInt8]? = nil
    ) {
        let topic = topic.utf8
        append(expirySeconds ?? Self.absent)
        append(UInt16(truncatingIfNeeded: topic.count))
        append(correlationData.map { UInt32(truncatingIfNeeded: $0.count) } ?? Self.absent)
        append(UInt32(truncatingIfNeeded: payload.count))
        bytes.append(contentsOf: topic)
        bytes.append(0)
        if let correlationData { bytes.append(contentsOf: correlationData) }
        bytes.append(contentsOf: payload)
        count += 1
    }

    /// Bytes that such a publish adds.
    public static func byteCount(topic: String, payload: [UInt8], correlationData: [UInt8]? = nil) -> Int {
        headBytes + topic.utf8.count + 1 + (correlationData?.count ?? 0) + payload.count
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
        public let correlationData: UnsafeRawBufferPointer?
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
        let correlation = number(at: offset + 6, as: UInt32.self)
        let correlationBytes = correlation == PublishEnvelope.absent ? 0 : Int(correlation)
        let payloadBytes = Int(number(at: offset + 10, as: UInt32.self))
        let start = offset + PublishEnvelope.headBytes
        guard topicBytes > 0, correlationBytes <= UInt16.max,
            bytes.count - start >= topicBytes + 1 + correlationBytes + payloadBytes
        else { throw Malformed() }
        let topic = UnsafeRawBufferPointer(rebasing: bytes[start..<start + topicBytes])
        guard bytes[start + topicBytes] == 0, !topic.contains(0) else { throw Malformed() }
        let afterTopic = start + topicBytes + 1
        offset = afterTopic + correlationBytes + payloadBytes
        return Publish(
            topic: topic, payload: UnsafeRawBufferPointer(rebasing: bytes[offset - payloadBytes..<offset]),
            expirySeconds: expiry == PublishEnvelope.absent ? nil : expiry,
            correlationData: correlation == PublishEnvelope.absent
                ? nil : UnsafeRawBufferPointer(rebasing: bytes[afterTopic..<afterTopic + correlationBytes]))
    }

    private func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
        Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }
}
