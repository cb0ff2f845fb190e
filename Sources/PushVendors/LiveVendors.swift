import AsyncHTTPClient
import Logging
import NIOCore
import PushCore

/// The vendors this gateway can reach: reads their settings, makes their senders.
public struct LiveVendors: VendorCatalog {
    /// A line for each vendor.
    private static let adapters: [any VendorSettings.Type] = [
        APNsSettings.self,
        FCMSettings.self,
        HONORSettings.self,
        HuaweiSettings.self,
        OPPOSettings.self,
        WebhookSettings.self,
        WebPushSettings.self,
        WNSSettings.self,
        VivoSettings.self,
        MeizuSettings.self,
        XiaomiSettings.self,
    ]

    /// The vendors that can be configured, in the order of their names.
    public static var supported: [Vendor] { adapters.map { $0.vendor }.sorted { $0.rawValue < $1.rawValue } }

    private let clock: WallClock
    private let connections: ConnectionSettings
    private let receipts: ReceiptAddress?

    /// - Parameters:
    ///   - allowPrivateEndpoints: `--allow-private-endpoints`.
    ///   - caFile: `--ca-file`, a PEM bundle trusted beside the system's roots.
    ///   - receipts: where vendors report to; nil when they cannot.
    ///   - eventLoopGroup: where connections run; nil for the process's shared one.
    /// - Throws: ``GatewayError`` when the PEM bundle cannot be read.
    public init(
        logger: Logger, wallClock: WallClock = .system, allowPrivateEndpoints: Bool = false, caFile: String? = nil,
        receipts: ReceiptAddress? = nil, eventLoopGroup: (any EventLoopGroup)? = nil
    ) throws(GatewayError) {
        self.init(
            clock: wallClock,
            connections: try ConnectionSettings(
                eventLoopGroup: eventLoopGroup ?? HTTPClient.defaultEventLoopGroup,
                policy: EndpointPolicy(allowsPrivate: allowPrivateEndpoints), caFile: caFile, logger: logger),
            receipts: receipts)
    }

    package init(clock: WallClock, connections: ConnectionSettings, receipts: ReceiptAddress? = nil) {
        self.clock = clock
        self.receipts = receipts
        self.connections = connections
    }

    public func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON {
        try read(settings, for: vendor).stored
    }

    public func validate(_ settings: RawJSON, for vendor: Vendor, keeping stored: RawJSON?) throws(GatewayError)
        -> RawJSON
    {
        guard let stored, settings.kind == .object else { return try validate(settings, for: vendor) }
        return try validate(adapter(for: vendor).completing(settings, from: stored), for: vendor)
    }

    /// Looks up the hosts of the tenant's URLs in these settings and refuses private ones. `validate` refuses only
    /// what can be told without a name server; this is for the moment somebody stores them. A name that cannot be
    /// looked up just now passes: the connection is checked again.
    public func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {
        for (pointer, url) in try read(settings, for: vendor).tenantURLs {
            do throws(EndpointPolicy.Refusal) {
                try await connections.policy.checkResolved(url)
            } catch {
                if error.isTransient { continue }
                throw .invalid(pointer, error.reason)
            }
        }
    }

    public func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON {
        // Settings that no longer pass (the operator took back --allow-private-endpoints) show nothing of themselves.
        (try? read(settings, for: vendor).publicFields) ?? .emptyObject
    }

    public func budget(of settings: RawJSON, for vendor: Vendor) -> PushBudget {
        var reader = SettingsReader(settings)
        let budget = reader.budget("quota")
        return reader.faults.isEmpty ? budget : .unlimited
    }

    public func makeSender(for vendor: Vendor, settings: RawJSON, tenantNo: String) throws(GatewayError)
        -> any VendorSender
    {
        try read(settings, for: vendor).makeSender(
            in: SenderSurroundings(
                tenantNo: tenantNo, clock: clock, connections: connections,
                receiptURL: receipts?.url(vendor, tenantNo: tenantNo)))
    }

    private func read(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> any VendorSettings {
        try adapter(for: vendor).init(reading: settings, policy: connections.policy)
    }

    private func adapter(for vendor: Vendor) throws(GatewayError) -> any VendorSettings.Type {
        guard let adapter = Self.adapters.first(where: { $0.vendor == vendor }) else {
            let names = Self.supported.map(\.rawValue).joined(separator: ", ")
            throw GatewayError(.invalidRequest, "\(vendor.rawValue) is not supported; there are \(names)")
        }
        return adapter
    }
}
