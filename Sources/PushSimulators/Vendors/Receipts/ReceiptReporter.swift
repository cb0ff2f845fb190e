/// What a vendor can tell about a push after it took it.
public enum ReceiptEvent: Sendable, Equatable {
    /// It reached the device.
    case delivered
    /// The person tapped on it.
    case clicked
    /// The token does not live any more: uninstalled, unsubscribed, invalid.
    case deadToken
    /// Notifications are switched off for the app.
    case notificationsOff
    /// A later push took its place before it was delivered.
    case replaced
    /// Its time ran out before it was delivered.
    case expired
    /// A limit of the vendor's kept it from the device.
    case limited
    /// One of the vendor's own status codes, as it writes them.
    case vendorStatus(String)

    /// The name in `POST /receipts`; a name that is none of these is a vendor's own status code.
    public init(name: String) {
        switch name {
        case "delivered": self = .delivered
        case "clicked": self = .clicked
        case "deadToken": self = .deadToken
        case "notificationsOff": self = .notificationsOff
        case "replaced": self = .replaced
        case "expired": self = .expired
        case "limited": self = .limited
        default: self = .vendorStatus(name)
        }
    }
}

/// What the sender entered in a vendor's console, with which the vendor signs its receipts (Huawei).
public struct ReceiptKey: Sendable, Equatable {
    public let username: String
    public let key: String

    public init(username: String, key: String) {
        self.username = username
        self.key = key
    }
}

/// A call that a vendor makes to the sender's receipt address: a POST.
struct ReceiptRequest: Sendable {
    /// All but `content-type`.
    var headers: [(name: String, value: String)] = []
    let contentType: String
    let body: String
}

/// A vendor that reports back. Its ``VendorService`` conforms to this.
protocol ReceiptReporter: VendorService {
    /// How many pushes one call can be about.
    var pushesPerReceipt: Int { get }

    /// The call that reports `event` for these pushes, at least one, all of this vendor.
    ///
    /// - Parameters:
    ///   - key: what the receipt is signed with, by vendors that sign.
    ///   - now: milliseconds since 1970.
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when the vendor never reports such an event.
    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest
}
