/// The vendors that the simulator can stand in for.
public enum SimulatedVendor: String, Sendable, CaseIterable {
    /// Apple Push Notification service, HTTP/2 over TLS.
    case apns
    /// Firebase Cloud Messaging, HTTP v1 API.
    case fcm
    /// Huawei Push Kit, v1 and v2.
    case huawei
    /// HONOR Push.
    case honor
    /// Xiaomi Mi Push.
    case xiaomi
    /// Meizu push.
    case meizu
    /// A tenant's own receiver of Standard Webhooks.
    case webhook
    /// OPPO Push.
    case oppo
    /// vivo Push.
    case vivo
    /// Web Push (RFC 8030): push service and browser in one.
    case webpush
    /// Windows Push Notification Services, HTTP/1.1.
    case wns
}
