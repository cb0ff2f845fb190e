import Logging
import PushCredentials
import Synchronization

/// What vendors report after they accepted a push: `POST /v1/receipts/{vendor}/{tenantNo}/{secret}`.
public final class VendorReceipts: Sendable {
    /// Whose receipts a call brings. Holding one proves that its address was right.
    public struct Source: Sendable {
        public let vendor: Vendor
        public let tenant: Tenant
    }

    private let store: any VendorReceiptStore
    private let reader: any VendorReceiptReader
    private let address: ReceiptAddress
    private let access: any AccessStore
    private let clock: WallClock
    private let logger: Logger
    private let pushesMade: @Sendable () -> Void
    private let tokensDied: @Sendable ([ReportedDeath], TenantKey, Vendor) async -> Void
    private let total = Mutex(VendorReceiptCounts())

    /// Receipts that are written in one transaction.
    private static let chunk = 200

    /// - Parameters:
    ///   - pushesMade: told when pushes wait again; it must only hand on.
    ///   - tokensDied: ``PushQueue/note(_:tenant:vendor:)``, after they were written down.
    public init(
        store: any VendorReceiptStore, reader: any VendorReceiptReader, address: ReceiptAddress,
        access: any AccessStore, clock: WallClock, logger: Logger, pushesMade: @escaping @Sendable () -> Void,
        tokensDied: @escaping @Sendable ([ReportedDeath], TenantKey, Vendor) async -> Void
    ) {
        self.tokensDied = tokensDied
        self.store = store
        self.reader = reader
        self.address = address
        self.access = access
        self.clock = clock
        self.logger = logger
        self.pushesMade = pushesMade
    }

    /// Since the start.
    public var counts: VendorReceiptCounts { total.withLock { $0 } }

    /// Who reports at this address. `not_found` for a wrong secret as for an unknown tenant or vendor.
    public func source(vendor name: String, tenantNo: String, secret: String) throws(GatewayError) -> Source {
        let unknown = GatewayError(.notFound, "There is nothing at this path.")
        guard let vendor = Vendor(rawValue: name), vendor.reportsReceipts else { throw unknown }
        // Also for a tenant that is not there, so that the time tells nothing.
        let isRight = ConstantTime.equal(address.secret(vendor, tenantNo: tenantNo).utf8, secret.utf8)
        guard isRight, let tenant = access.tenant(no: tenantNo), tenant.isEnabled else { throw unknown }
        return Source(vendor: vendor, tenant: tenant)
    }

    /// Takes what a vendor reports and returns what it is to be answered. Throws `unauthenticated` and
    /// `invalid_request`; receipts for pushes that are not known are only counted.
    public func take(_ call: VendorReceiptCall, from source: Source) async throws -> RawJSON {
        let settings = try await store.vendorSettings(tenant: source.tenant.key, vendor: source.vendor)
        let receipts = try reader.receipts(in: call, from: source.vendor, settings: settings, now: clock.now)
        var counts = VendorReceiptCounts()
        for start in stride(from: 0, to: receipts.count, by: Self.chunk) {
            let part = Array(receipts[start..<min(start + Self.chunk, receipts.count)])
            let done = try await store.record(part, from: source.vendor, tenant: source.tenant.key, at: clock.now)
            counts += done.counts
            if !done.deaths.isEmpty { await tokensDied(done.deaths, source.tenant.key, source.vendor) }
        }
        total.withLock { $0 += counts }
        if counts.movedOn > 0 { pushesMade() }
        logger.debug(
            "a vendor reported",
            metadata: [
                "vendor": "\(source.vendor)", "tenant": "\(source.tenant.tenantNo)", "recorded": "\(counts.recorded)",
                "repeated": "\(counts.repeated)", "unknown": "\(counts.unknown)",
            ])
        return reader.confirmation(for: source.vendor)
    }
}
