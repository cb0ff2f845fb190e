/// Several publishes in one MQTT packet: from the gateway to devices on ``BrokerTopic/publish``, where the plugin hands each
/// to the broker as if it had come alone, at QoS 1 and in this order; from devices to the gateway on
/// ``BrokerTopic/requests``, as the plugin gathered them.
///
/// Mosquitto 2.0 reads one packet of a connection in a round of its loop, each with several system calls, and
/// acknowledges each; an envelope costs that once.
///
/// The form, numbers in network byte order: the ``version``, then for each publish the message expiry interval in seconds
/// (4 bytes, ``absent`` for none), the lengths of the topic (2 bytes), of the response topic and of the correlation data
/// (4 bytes each, ``absent`` for none) and of the payload (4 bytes), the topic, a zero byte (C strings end so), the response
/// topic, the correlation data and the payload.
public struct PublishEnvelope: Sendable {
    public static let version: UInt8 = 2
    /// No property of MQTT 5 is that long or lasts that long.
    static let absent = UInt32.max
    static let headBytes = 18

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
        var topic = topic
        topic.withUTF8 { topic in
            payload.withUnsafeBytes { payload in
                (correlationData ?? []).withUnsafeBytes { data in
                    append(
                        EnvelopedPublish(
                            topic: UnsafeRawBufferPointer(topic), payload: payload, expirySeconds: expirySeconds,
                            correlationData: correlationData == nil ? nil : data))
                }
            }
        }
    }

    public mutating func append(_ publish: EnvelopedPublish) {
        append(publish.expirySeconds ?? Self.absent)
        append(UInt16(truncatingIfNeeded: publish.topic.count))
        append(publish.responseTopic.map { UInt32(truncatingIfNeeded: $0.count) } ?? Self.absent)
        append(publish.correlationData.map { UInt32(truncatingIfNeeded: $0.count) } ?? Self.absent)
        append(UInt32(truncatingIfNeeded: publish.payload.count))
        bytes.append(contentsOf: publish.topic)
        bytes.append(0)
        if let responseTopic = publish.responseTopic { bytes.append(contentsOf: responseTopic) }
        if let correlationData = publish.correlationData { bytes.append(contentsOf: correlationData) }
        bytes.append(contentsOf: publish.payload)
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

/// One publish of an envelope; valid as long as the bytes that it points to.
public struct EnvelopedPublish {
    /// At most 65 535 bytes, none of them zero.
    public let topic: UnsafeRawBufferPointer
    public let payload: UnsafeRawBufferPointer
    /// MQTT 5, section 3.3.2.3.3.
    public let expirySeconds: UInt32?
    /// MQTT 5, section 3.3.2.3.5, at most 65 535 bytes.
    public let responseTopic: UnsafeRawBufferPointer?
    /// MQTT 5, section 3.3.2.3.6, at most 65 535 bytes.
    public let correlationData: UnsafeRawBufferPointer?

    public init(
        topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, expirySeconds: UInt32? = nil,
        responseTopic: UnsafeRawBufferPointer? = nil, correlationData: UnsafeRawBufferPointer? = nil
    ) {
        self.topic = topic
        self.payload = payload
        self.expirySeconds = expirySeconds
        self.responseTopic = responseTopic
        self.correlationData = correlationData
    }
}

/// Reads a ``PublishEnvelope`` where it lies.
public struct PublishEnvelopeReader {
    /// What is read is no envelope of this version.
    public struct Malformed: Error {
        public init() {}
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset: Int

    public init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        guard bytes.first == PublishEnvelope.version else { throw Malformed() }
        self.bytes = bytes
        offset = 1
    }

    /// Nil at the end.
    public mutating func next() throws(Malformed) -> EnvelopedPublish? {
        guard offset < bytes.count else { return nil }
        guard bytes.count - offset >= PublishEnvelope.headBytes else { throw Malformed() }
        let expiry = number(at: offset, as: UInt32.self)
        let topicBytes = Int(number(at: offset + 4, as: UInt16.self))
        let responseTopicBytes = try propertyBytes(at: offset + 6)
        let correlationBytes = try propertyBytes(at: offset + 10)
        let payloadBytes = Int(number(at: offset + 14, as: UInt32.self))
        let start = offset + PublishEnvelope.headBytes
        let afterTopic = start + topicBytes + 1
        let afterResponseTopic = afterTopic + (responseTopicBytes ?? 0)
        let afterCorrelation = afterResponseTopic + (correlationBytes ?? 0)
        guard topicBytes > 0, bytes.count - afterCorrelation >= payloadBytes else { throw Malformed() }
        let topic = part(start, start + topicBytes)
        guard bytes[start + topicBytes] == 0, !topic.contains(0) else { throw Malformed() }
        offset = afterCorrelation + payloadBytes
        return EnvelopedPublish(
            topic: topic, payload: part(afterCorrelation, offset),
            expirySeconds: expiry == PublishEnvelope.absent ? nil : expiry,
            responseTopic: responseTopicBytes == nil ? nil : part(afterTopic, afterResponseTopic),
            correlationData: correlationBytes == nil ? nil : part(afterResponseTopic, afterCorrelation))
    }

    /// Of a property that MQTT 5 allows 65 535 bytes; nil where there is none.
    private func propertyBytes(at offset: Int) throws(Malformed) -> Int? {
        let count = number(at: offset, as: UInt32.self)
        guard count != PublishEnvelope.absent else { return nil }
        guard count <= UInt16.max else { throw Malformed() }
        return Int(count)
    }

    private func part(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    private func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
        Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }
}
