/// A tenant's vendor credentials (contract, sections 4 and 11). Scope `settings`. Write-only: what is secret never comes
/// back.
public struct PushSettings: Sendable {
    private let store: any DeliveryStore
    private let catalog: any VendorCatalog
    private let queue: PushQueue
    private let ledger: PushLedger
    private let access: any AccessStore
    private let clock: WallClock
    private let receipts: ReceiptAddress?

    /// - Parameter receipts: where vendors report to.
    public init(
        store: any DeliveryStore, catalog: any VendorCatalog, queue: PushQueue, ledger: PushLedger,
        access: any AccessStore, clock: WallClock, receipts: ReceiptAddress? = nil
    ) {
        self.receipts = receipts
        self.store = store
        self.catalog = catalog
        self.queue = queue
        self.ledger = ledger
        self.access = access
        self.clock = clock
    }

    public func put(_ body: RawJSON, vendor name: String, appID: String?, as principal: Principal) async throws
        -> RawJSON
    {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        let stored = try await store.vendorSettings(tenant: tenant, app: app, vendor: vendor)?.settings
        let settings = try catalog.validate(body, for: vendor, keeping: stored)
        try await catalog.validateAddresses(of: settings, for: vendor)
        try await store.setVendorSettings(settings, tenant: tenant, app: app, vendor: vendor, at: clock.now)
        try await queue.reloadSettings()
        return answer(
            vendor, of: principal.tenant, settings: settings,
            made: Self.madeSecret(vendor, sent: body, stored: settings))
    }

    public func read(vendor name: String, appID: String?, as principal: Principal) async throws -> RawJSON {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        let found = try await store.vendorSettings(tenant: tenant, app: app, vendor: vendor)
        let status = found.flatMap { found in queue.credentials().first { $0.lane == found.lane } }
        return answer(vendor, of: principal.tenant, settings: found?.settings, status: status)
    }

    public func delete(vendor name: String, appID: String?, as principal: Principal) async throws {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        try await store.setVendorSettings(nil, tenant: tenant, app: app, vendor: vendor, at: clock.now)
        try await queue.reloadSettings()
    }

    /// The stored credential that `?app=` names. Throws `not_found` when there is none.
    func stored(vendor name: String, appID: String?, as principal: Principal) async throws -> VendorSettings {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        guard let found = try await store.vendorSettings(tenant: tenant, app: app, vendor: vendor) else {
            throw GatewayError(
                .notFound, "\(name) is not configured here: PUT /v1/settings/push/\(name) stores its credential.")
        }
        return found
    }

    /// What the credential has used of its budget on the vendor's day of now.
    public func usage(vendor name: String, appID: String?, as principal: Principal) async throws -> RawJSON {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        let found = try await store.vendorSettings(tenant: tenant, app: app, vendor: vendor)
        return try await ledger.usage(
            tenant: tenant, app: app, vendor: vendor,
            budget: found.map { catalog.budget(of: $0.settings, for: vendor) } ?? .unlimited)
    }

    private func target(
        _ name: String, appID: String?, as principal: Principal
    ) throws -> (tenant: TenantKey, app: AppKey?, vendor: Vendor) {
        let identity = try principal.app(with: .settings)
        guard let vendor = Vendor(rawValue: name) else { throw GatewayError(.notFound, "There is no vendor \(name).") }
        guard let appID else { return (identity.tenant.key, nil, vendor) }
        guard let app = access.app(id: appID), app.tenantKey == identity.tenant.key else {
            throw GatewayError(.notFound, "There is no app \(appID).")
        }
        return (identity.tenant.key, app.key, vendor)
    }

    private func answer(
        _ vendor: Vendor, of tenant: Tenant, settings: RawJSON?, made: RawJSON? = nil, status: CredentialStatus? = nil
    ) -> RawJSON {
        .object { writer in
            writer.member("vendor", vendor.rawValue)
            writer.member("configured", settings != nil)
            // Also before there are settings: the vendor's console may ask for it first.
            if vendor.reportsReceipts, let receipts {
                let tenantNo = tenant.tenantNo
                writer.member(
                    "receiptUrl", receipts.url(vendor, tenantNo: tenantNo) ?? receipts.path(vendor, tenantNo: tenantNo))
            }
            guard let settings else { return }
            for member in catalog.publicFields(of: settings, for: vendor).object?.members ?? [] {
                writer.member(member.key, member.value)
            }
            writer.member("secret", ifPresent: made)
            guard let status else { return }
            writer.member("state", status.state.rawValue)
            writer.member("since", ifPresent: status.since)
            writer.member("code", ifPresent: status.code)
        }
    }

    /// A webhook secret that was made for the tenant is shown in this one answer.
    private static func madeSecret(_ vendor: Vendor, sent: RawJSON, stored: RawJSON) -> RawJSON? {
        guard vendor == .webhook, sent.object?["secret"] == nil else { return nil }
        return stored.object?["secret"]
    }
}
