import PushCredentials

/// What the operator does: tenants and apps. Secrets are shown once, in the answer that makes them.
public struct Administration: Sendable {
    private let access: any AccessStore
    private let ids: IDGenerator
    private let clock: WallClock

    public init(access: any AccessStore, ids: IDGenerator, clock: WallClock) {
        self.access = access
        self.ids = ids
        self.clock = clock
    }

    // MARK: Admin token

    /// Makes the admin token at the first start. Returns it when it was just made; it is stored hashed.
    public func establishAdminToken(preset: String?) async throws -> String? {
        guard try await access.adminTokenHash() == nil else { return nil }
        let token = preset ?? "pgadm_" + ids.token() + ids.token()
        try await access.setAdminTokenHash(SecretHash.hash(token))
        return token
    }

    // MARK: Tenants

    public func createTenant(_ body: RawJSON) async throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let no = reader.required("tenantNo", reader.string("tenantNo", where: IDRules.isTenantNo))
        let name = reader.string("name") { (1...200).contains($0.utf8.count) }
        try reader.finish()
        guard let no else { throw GatewayError.invalid("/tenantNo", "This is required.") }
        let tenant = try await access.createTenant(no: no, name: name ?? no, at: clock.now)
        try await access.audit(actor: "operator", action: "tenant.create", subject: no, at: clock.now)
        return Self.json(of: tenant)
    }

    public func updateTenant(no: String, _ body: RawJSON) async throws -> RawJSON {
        guard let tenant = access.tenant(no: no) else { throw GatewayError(.notFound, "There is no tenant \(no).") }
        var reader = try BodyReader(parsing: body)
        let name = reader.string("name") { (1...200).contains($0.utf8.count) }
        let isEnabled = reader.bool("enabled")
        var settings = tenant.settings
        settings.merge(&reader)
        try reader.finish()
        var changed = try await access.updateTenant(tenant.key, name: name, isEnabled: isEnabled)
        if settings != tenant.settings {
            changed = try await access.setTenantSettings(tenant.key) { stored in
                var reader = try BodyReader(parsing: body)
                stored.merge(&reader)
            }
        }
        try await access.audit(actor: "operator", action: "tenant.update", subject: no, at: clock.now)
        return Self.json(of: changed)
    }

    /// In the order of their numbers.
    public func tenants(_ page: PageRequest) -> RawJSON {
        let found = access.tenants().sorted { $0.tenantNo < $1.tenantNo }.filter { $0.tenantNo > page.cursor ?? "" }
        return page.answer(found, cursor: \.tenantNo) { $0.raw(Self.json(of: $1)) }
    }

    private static func json(of tenant: Tenant) -> RawJSON {
        .object { writer in
            writer.member("tenantNo", tenant.tenantNo)
            writer.member("name", tenant.name)
            writer.member("enabled", tenant.isEnabled)
            tenant.settings.write(into: &writer)
        }
    }

    // MARK: Apps

    public func createApp(_ body: RawJSON) async throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let tenantNo = reader.required("tenantNo", reader.string("tenantNo"))
        let name = reader.string("name") { (1...200).contains($0.utf8.count) }
        let scopes = Self.scopes(from: &reader)
        let registration = Self.registration(from: &reader)
        let sdkAppID = reader.integer("sdkAppId", in: 1...9_999_999_999)
        let givenKey = reader.string("signingKey") { (16...256).contains($0.utf8.count) }
        try reader.finish()
        guard let tenant = tenantNo.flatMap(access.tenant(no:)) else {
            throw GatewayError(.notFound, "There is no tenant \(tenantNo ?? "").")
        }
        let appID = ids.app()
        let secret = ids.token() + ids.token()
        let signingKey = givenKey ?? ids.token() + ids.token()
        let app = try await access.createApp(
            NewApp(
                appID: appID, tenantKey: tenant.key, name: name ?? appID, scopes: scopes ?? Set(Scope.allCases),
                registration: registration ?? .signed, sdkAppID: sdkAppID, secretHash: SecretHash.hash(secret),
                signingKey: signingKey),
            at: clock.now)
        try await access.audit(actor: "operator", action: "app.create", subject: appID, at: clock.now)
        return json(of: app, secret: secret, signingKey: signingKey)
    }

    public func updateApp(id: String, _ body: RawJSON) async throws -> RawJSON {
        let app = try knownApp(id)
        var reader = try BodyReader(parsing: body)
        var change = AppChange()
        change.name = reader.string("name") { (1...200).contains($0.utf8.count) }
        change.isEnabled = reader.bool("enabled")
        change.scopes = Self.scopes(from: &reader)
        change.registration = Self.registration(from: &reader)
        change.tencentAdmins = reader.strings("tencentAdmins", max: 100, where: IDRules.isUserID)
        try reader.finish()
        let changed = try await access.updateApp(app.key, change)
        try await access.audit(actor: "operator", action: "app.update", subject: id, at: clock.now)
        return json(of: changed)
    }

    /// A new secret, and with `{"signingKey": true}` a new signing key. What was issued for the old ones dies at once.
    public func rotate(id: String, _ body: RawJSON) async throws -> RawJSON {
        let app = try knownApp(id)
        var reader = try BodyReader(parsing: body)
        let alsoSigningKey = reader.bool("signingKey") ?? false
        try reader.finish()
        let secret = ids.token() + ids.token()
        let signingKey = alsoSigningKey ? ids.token() + ids.token() : nil
        var change = AppChange()
        change.secretHash = SecretHash.hash(secret)
        change.signingKey = signingKey
        _ = try await access.updateApp(app.key, change)
        try await access.audit(actor: "operator", action: "app.rotate", subject: id, at: clock.now)
        return .object { writer in
            writer.member("appId", id)
            writer.member("appSecret", secret)
            writer.member("signingKey", ifPresent: signingKey)
        }
    }

    /// In the order of their ids.
    public func apps(tenantNo: String?, _ page: PageRequest) throws -> RawJSON {
        var tenants = access.tenants()
        if let tenantNo {
            tenants = tenants.filter { $0.tenantNo == tenantNo }
            guard !tenants.isEmpty else { throw GatewayError(.notFound, "There is no tenant \(tenantNo).") }
        }
        let apps = tenants.flatMap { access.apps(of: $0.key) }.sorted { $0.appID < $1.appID }
        return page.answer(apps.filter { $0.appID > page.cursor ?? "" }, cursor: \.appID) { $0.raw(json(of: $1)) }
    }

    private func knownApp(_ id: String) throws -> App {
        guard let app = access.app(id: id) else { throw GatewayError(.notFound, "There is no app \(id).") }
        return app
    }

    private static func scopes(from reader: inout BodyReader) -> Set<Scope>? {
        let names = Set(Scope.allCases.map(\.rawValue))
        return reader.strings("scopes", max: names.count, where: names.contains).map { Set($0.compactMap(Scope.init)) }
    }

    private static func registration(from reader: inout BodyReader) -> App.Registration? {
        reader.value("registration", expected: "signed or open") { $0.string.flatMap(App.Registration.init) }
    }

    private func json(of app: App, secret: String? = nil, signingKey: String? = nil) -> RawJSON {
        .object { writer in
            writer.member("appId", app.appID)
            writer.member("appSecret", ifPresent: secret)
            writer.member("signingKey", ifPresent: signingKey)
            writer.member("sdkAppId", app.sdkAppID)
            writer.member("tenantNo", access.tenant(key: app.tenantKey)?.tenantNo ?? "")
            writer.member("name", app.name)
            writer.array("scopes") { for scope in app.scopes.map(\.rawValue).sorted() { $0.string(scope) } }
            writer.member("registration", app.registration.rawValue)
            writer.member("enabled", app.isEnabled)
            writer.array("tencentAdmins") { for admin in app.tencentAdmins { $0.string(admin) } }
        }
    }
}
