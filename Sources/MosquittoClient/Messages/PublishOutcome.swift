/// How a publish ended. Each publish that was accepted gets exactly one.
public enum PublishOutcome: Sendable, Hashable {
    /// QoS 1: PUBACK arrived. 0: there is at least one subscriber. 16: there is none. 128 and above: refused (135 not
    /// authorised, 149 too large, 151 quota; MQTT 5, 3.4.2.1). With MQTT 3.1.1 always 0, also when the broker refused.
    /// It never means that a subscriber has the message.
    case acknowledged(reasonCode: UInt8)
    /// QoS 0: written to the socket.
    case written
    /// Refused before anything was sent.
    case refused(MQTTFailure)
    /// Not known to have arrived: the session was stopped first, or the connection of a QoS 0 message broke.
    case lost
}

/// One publish on its way to the loop's thread.
struct PendingPublish: Sendable {
    let topic: String
    let payload: [UInt8]
    let qos: MQTTQoS
    let retain: Bool
    let properties: MQTTPublishProperties
    let completion: (@Sendable (PublishOutcome) -> Void)?
}
