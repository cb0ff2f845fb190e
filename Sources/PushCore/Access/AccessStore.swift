/// A new app as the operator asks for it; what is nil is made by the gateway.
public struct NewApp: Sendable {
    public let appID: String
    public let tenantKey: TenantKey
    public let name: String
    public let scopes: Set<Scope>
    public let registration: App.Registration
    public let sdkAppID: Int64?
    public let secretHash: String
    public let signingKey: String

    public init(
        appID: String, tenantKey: TenantKey, name: String, scopes: Set<Scope>, registration: App.Registration,
        sdkAppID: Int64?, secretHash: String, signingKey: String
    ) {
        self.appID = appID
        self.tenantKey = tenantKey
        self.name = name
        self.scopes = scopes
        self.registration = registration
        self.sdkAppID = sdkAppID
        self.secretHash = secretHash
        self.signingKey = signingKey
    }
}

/// What the operator changes in an app; nil leaves it as it is.
public struct AppChange: Sendable {
    public var name: String?
    public var scopes: Set<Scope>?
    public var registration: App.Registration?
    public var isEnabled: Bool?
    public var tencentAdmins: [String]?
    /// A new secret: everything signed for the old one dies.
    public var secretHash: String?
    public var signingKey: String?

    public init() {}
}

/// Tenants, apps and the operator's token. Reads answer from memory (there are few, and every request asks); writes
/// are on disk when they return.
public protocol AccessStore: Sendable {
    func tenant(no: String) -> Tenant?
    func tenant(key: TenantKey) -> Tenant?
    func tenants() -> [Tenant]
    func app(id: String) -> App?
    func app(sdkAppID: Int64) -> App?
    /// In the order they were made.
    func apps(of tenant: TenantKey) -> [App]

    /// Throws `conflict` when the number is taken.
    func createTenant(no: String, name: String, at now: Milliseconds) async throws -> Tenant
    func updateTenant(_ key: TenantKey, name: String?, isEnabled: Bool?) async throws -> Tenant
    /// Changes settings as they are in the store at that moment.
    func setTenantSettings(
        _ key: TenantKey, _ change: @escaping @Sendable (inout TenantSettings) throws -> Void
    ) async throws -> Tenant
    /// Replaces, or with nil takes away, the notification texts of one message type.
    func setTemplates(
        _ languages: NotificationTemplates.Languages?, for type: MessageType, of key: TenantKey, at now: Milliseconds
    ) async throws -> Tenant
    /// Throws `conflict` when the sdkAppId is taken.
    func createApp(_ app: NewApp, at now: Milliseconds) async throws -> App
    func updateApp(_ key: AppKey, _ change: AppChange) async throws -> App

    /// SHA-256 of the operator's admin token, nil before the first start.
    func adminTokenHash() async throws -> String?
    func setAdminTokenHash(_ hash: String) async throws

    /// One line of the audit trail: who did what to what.
    func audit(actor: String, action: String, subject: String, at now: Milliseconds) async throws
}
