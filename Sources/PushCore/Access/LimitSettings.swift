/// `/v1/settings/limits`: what an app sets for the callers of its tenant. Scope `settings`.
public struct LimitSettings: Sendable {
    private let access: any AccessStore
    private let limits: Limits
    private let clock: WallClock

    public init(access: any AccessStore, limits: Limits, clock: WallClock) {
        self.access = access
        self.limits = limits
        self.clock = clock
    }

    public func read(as principal: Principal) throws -> RawJSON {
        json(of: try principal.app(with: .settings).tenant)
    }

    /// Merges what the body names and answers the whole. 0 takes a limit away; sizes then have the gateway's own bound,
    /// which is also the most they may be.
    public func put(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .settings)
        var checked = identity.tenant.settings.limits
        try merge(body, into: &checked)
        let tenant = try await access.setTenantSettings(identity.tenant.key) { try merge(body, into: &$0.limits) }
        try await access.audit(
            actor: identity.app.appID, action: "limits.update", subject: tenant.tenantNo, at: clock.now)
        return json(of: tenant)
    }

    /// Callers each keep a share of the machine: a rate beyond this is no limit.
    private static let rateMax: Int64 = 1_000_000

    private func merge(_ body: RawJSON, into set: inout TenantLimits) throws {
        var reader = try BodyReader(parsing: body)
        func rate(_ name: String, _ path: WritableKeyPath<TenantLimits, Int64>) {
            if let value = reader.integer(name, in: 0...Self.rateMax) { set[keyPath: path] = value }
        }
        func size(_ name: String, _ path: WritableKeyPath<TenantLimits, Int64?>, max: Int) {
            guard let value = reader.integer(name, in: 0...Int64(max)) else { return }
            set[keyPath: path] = value == 0 ? nil : value
        }
        rate("deviceRequestsPerSecond", \.deviceRequestsPerSecond)
        rate("deviceBurst", \.deviceBurst)
        rate("appRequestsPerSecond", \.appRequestsPerSecond)
        size("contentBytes", \.contentBytes, max: limits.contentBytesMax)
        size("requestBytes", \.requestBytes, max: limits.requestBytesMax)
        size("batchMessages", \.batchMessages, max: limits.batchMessagesMax)
        try reader.finish()
    }

    private func json(of tenant: Tenant) -> RawJSON {
        let effective = limits.effective(for: tenant)
        var shown = tenant.settings.limits
        shown.contentBytes = Int64(effective.contentBytesMax)
        shown.requestBytes = Int64(effective.requestBytesMax)
        shown.batchMessages = Int64(effective.batchMessagesMax)
        return shown.json
    }
}
