/// Delivery guarantee of one hop (MQTT 5, 4.3). QoS 2 is not offered: the gateway de-duplicates by message id.
public enum MQTTQoS: UInt8, Sendable, Hashable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// The PUBLISH properties of MQTT 5 that the product uses (MQTT 5, 3.3.2.3). With MQTT 3.1.1 they are neither sent
/// nor received.
public struct MQTTPublishProperties: Sendable, Hashable {
    /// Seconds after which the broker drops the message instead of delivering it. A received message carries what is
    /// left of it.
    public var messageExpirySeconds: UInt32?
    /// Where a reply is wanted. A received value was chosen by the sender: do not publish to it with more rights than
    /// the sender has.
    public var responseTopic: String?
    /// Opaque bytes to be copied into the reply, at most 65 535.
    public var correlationData: [UInt8]?

    public init(messageExpirySeconds: UInt32? = nil, responseTopic: String? = nil, correlationData: [UInt8]? = nil) {
        self.messageExpirySeconds = messageExpirySeconds
        self.responseTopic = responseTopic
        self.correlationData = correlationData
    }

    var isEmpty: Bool { messageExpirySeconds == nil && responseTopic == nil && correlationData == nil }
}

/// A message that arrived. Everything is a copy; it stays valid after the handler returned.
public struct MQTTMessage: Sendable, Hashable {
    public let topic: String
    public let payload: [UInt8]
    public let qos: UInt8
    public let retain: Bool
    public let properties: MQTTPublishProperties

    public init(
        topic: String, payload: [UInt8], qos: UInt8, retain: Bool,
        properties: MQTTPublishProperties = MQTTPublishProperties()
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
    }
}

/// A topic filter and the QoS asked for it.
public struct MQTTSubscription: Sendable, Hashable {
    public let filter: String
    public let qos: MQTTQoS

    public init(_ filter: String, qos: MQTTQoS = .atLeastOnce) {
        self.filter = filter
        self.qos = qos
    }
}
