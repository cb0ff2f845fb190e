import PushGateClient

/// How a simulated device treats what it receives.
public struct DeviceBehaviour: Sendable {
    public var acknowledgement = DeviceClient.Acknowledgement.automatic
    /// At most one entry in this time; what comes sooner is left with the gateway and fetched again. `nil`: at once.
    public var readsOneEntryPer: Duration?

    public init(
        acknowledgement: DeviceClient.Acknowledgement = .automatic, readsOneEntryPer: Duration? = nil
    ) {
        self.acknowledgement = acknowledgement
        self.readsOneEntryPer = readsOneEntryPer
    }

    public static let acknowledges = DeviceBehaviour()
    public static let neverAcknowledges = DeviceBehaviour(acknowledgement: .never)

    public static func readsSlowly(oneEntryPer pause: Duration) -> DeviceBehaviour {
        DeviceBehaviour(readsOneEntryPer: pause)
    }
}
