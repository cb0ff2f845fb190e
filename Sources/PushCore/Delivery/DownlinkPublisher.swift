/// What became of a publish.
public enum PublishOutcome: Sendable, Equatable {
    /// The broker has it, which says nothing about any device.
    case taken
    /// The broker has it and nobody is subscribed.
    case nobodySubscribed
    /// The broker refuses it, for good: a fault of configuration.
    case refused(reasonCode: UInt8)
    /// The connection was closed for good before the broker answered.
    case lost
}

/// The road over MQTT. Implemented by PushMQTT.
public protocol DownlinkPublisher: Sendable {
    /// Hands one payload to the broker at QoS 1. Never blocks; false when nothing was taken: its queue is full,
    /// or the broker is away.
    /// `completion` is called exactly once for what was taken, on a thread of the publisher: it must only hand on.
    /// Payloads of one account arrive in the order of the calls.
    func publish(
        topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
        completion: @escaping @Sendable (PublishOutcome) -> Void
    ) -> Bool

    /// QoS 0, only to who is there now; dropped when the broker is not.
    func publishTransient(topic: String, payload: [UInt8])
}
