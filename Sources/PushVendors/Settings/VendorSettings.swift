import Logging
import PushCore

/// One vendor's settings: what an adapter adds to ``LiveVendors``.
protocol VendorSettings: Sendable {
    static var vendor: Vendor { get }

    /// Checks settings, as they came over the API or as they were stored. Throws `invalid_request` with pointers.
    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError)

    /// As they are to be stored: what is known, with what was made for the tenant filled in. Reading this gives equal
    /// settings.
    var stored: RawJSON { get }

    /// Without secrets.
    var publicFields: RawJSON { get }

    /// The URLs in these settings that came from the tenant.
    var tenantURLs: [(pointer: String, url: EndpointURL)] { get }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender

    /// New settings with what was made for the tenant before and must stay.
    static func completing(_ settings: RawJSON, from stored: RawJSON) -> RawJSON
}

extension VendorSettings {
    static func completing(_ settings: RawJSON, from stored: RawJSON) -> RawJSON { settings }
}

/// What every sender is given.
struct SenderSurroundings: Sendable {
    let tenantNo: String
    let clock: WallClock
    let connections: ConnectionSettings
    /// Where this vendor may report to about pushes of this tenant; nil when the gateway's public address is unknown.
    var receiptURL: String?
}
