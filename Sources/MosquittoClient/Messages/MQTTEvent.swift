/// What a session reports, on the loop's thread, in the order in which it happened.
public enum MQTTEvent: Sendable, Hashable {
    /// CONNACK 0. Subscriptions of a clean session have to be made again; those in
    /// ``MQTTSession/Options/subscriptions`` are.
    case connected(sessionPresent: Bool)
    /// An established connection ended. The session connects again by itself, unless it was stopped.
    case disconnected(MQTTDisconnectReason)
    /// CONNACK other than 0: MQTT 5 reason code (135 not authorised …) or MQTT 3.1.1 return code (5 …).
    case connectRefused(code: UInt8, willRetry: Bool)
    /// No connection could be made; tried again after the back-off.
    case connectFailed(MQTTFailure)
    /// SUBACK: a code per filter, 0…2 the QoS granted, 128 and above refused.
    case subscribed(filters: [String], granted: [UInt8])
    /// UNSUBACK.
    case unsubscribed(filters: [String])
    case message(MQTTMessage)
    /// All messages that were waiting on the socket have been handed over and **no PUBACK for them has left yet**:
    /// what is made durable before this returns is made durable before the broker hears of it.
    ///
    /// This rests on libmosquitto's order of work with an external loop (2.0.11: PUBACK is queued before the callback
    /// and written by `mosquitto_loop_write`), not on a documented promise.
    case readBatchEnded
}

/// Why an established connection ended.
public enum MQTTDisconnectReason: Sendable, Hashable {
    /// By `stop()`.
    case requested
    /// DISCONNECT from the broker with this reason code (MQTT 5, 3.14.2.1).
    case byBroker(reasonCode: UInt8)
    case failure(MQTTFailure)
}
