/// The MQTT topics of the contract, section 5.
public enum Topics {
    public static func inbox(account: String) -> String { "account/\(account)" }
    public static func broadcast(tenantNo: String) -> String { "tenant/\(tenantNo)/broadcast" }
    public static func reply(deviceID: String) -> String { "device/\(deviceID)" }
    public static func up(deviceID: String) -> String { "up/\(deviceID)" }

    /// What the gateway subscribes to for requests of devices.
    public static let allRequests = "up/+/+"

    /// The device and operation of a request topic `up/{deviceId}/{op}`.
    public static func request(_ topic: String) -> (deviceID: String, operation: String)? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "up", !parts[1].isEmpty, !parts[2].isEmpty else { return nil }
        return (String(parts[1]), String(parts[2]))
    }
}
