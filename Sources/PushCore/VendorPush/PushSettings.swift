/// A tenant's vendor credentials (contract, sections 4 and 11). Scope `settings`. Write-only: what is secret never comes
/// back.
public struct PushSettings: Sendable {
    private let store: any DeliveryStore
    private let catalog: any VendorCatalog
    private let queue: PushQueue
    private let ledger: PushLedger
    private let access: any AccessStore
    private let clock: WallClock

    public init(
        store: any DeliveryStore, catalog: any VendorCatalog, queue: PushQueue, ledger: PushLedger,
        access: any AccessStore, clock: WallClock
    ) {
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
        return answer(vendor, settings: settings, made: Self.madeSecret(vendor, sent: body, stored: settings))
    }

    public func read(vendor name: String, appID: String?, as principal: Principal) async throws -> RawJSON {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        let found = try await store.vendorSettings(tenant: tenant, app: app, vendor: vendor)
        return answer(vendor, settings: found?.settings)
    }

    public func delete(vendor name: String, appID: String?, as principal: Principal) async throws {
        let (tenant, app, vendor) = try target(name, appID: appID, as: principal)
        try await store.setVendorSettings(nil, tenant: tenant, app: app, vendor: vendor, at: clock.now)
        try await queue.reloadSettings()
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

    private func answer(_ vendor: Vendor, settings: RawJSON?, made: RawJSON? = nil) -> RawJSON {
        .object { writer in
            writer.member("vendor", vendor.rawValue)
            writer.member("configured", settings != nil)
            guard let settings else { return }
            for member in catalog.publicFields(of: settings, for: vendor).object?.members ?? [] {
                writer.member(member.key, member.value)
            }
            writer.member("secret", ifPresent: made)
        }
    }

    /// A webhook secret that was made for the tenant is shown in this one answer.
    private static func madeSecret(_ vendor: Vendor, sent: RawJSON, stored: RawJSON) -> RawJSON? {
        guard vendor == .webhook, sent.object?["secret"] == nil else { return nil }
        return stored.object?["secret"]
    }
}
