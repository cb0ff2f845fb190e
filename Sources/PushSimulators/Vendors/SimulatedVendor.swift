/// The vendors that the simulator can stand in for.
public enum SimulatedVendor: String, Sendable, CaseIterable {
    /// Apple Push Notification service, HTTP/2 over TLS.
    case apns
    /// Firebase Cloud Messaging, HTTP v1 API.
    case fcm
    /// A tenant's own receiver of Standard Webhooks.
    case webhook
}
