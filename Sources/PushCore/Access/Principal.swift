/// A customer: everything below it is isolated from every other tenant.
public struct Tenant: Sendable, Hashable {
    public let key: TenantKey
    public let tenantNo: String
    public var name: String
    public var isEnabled: Bool
    public let createdAt: Milliseconds
    public var settings: TenantSettings
    /// What its people see in notifications.
    public var templates: NotificationTemplates

    public init(
        key: TenantKey, tenantNo: String, name: String, isEnabled: Bool = true, createdAt: Milliseconds,
        settings: TenantSettings = TenantSettings(), templates: NotificationTemplates = NotificationTemplates()
    ) {
        self.templates = templates
        self.settings = settings
        self.key = key
        self.tenantNo = tenantNo
        self.name = name
        self.isEnabled = isEnabled
        self.createdAt = createdAt
    }
}

/// What an app's access token may do (contract, section 3).
public enum Scope: String, Sendable, CaseIterable, Codable {
    case messagesSend = "messages:send"
    case messagesRead = "messages:read"
    case broadcastSend = "broadcast:send"
    case groups, tags, accounts, settings
}

/// A third-party service of a tenant.
public struct App: Sendable {
    /// How its users' devices register: with a signature of the tenant's server, or openly (operator's choice).
    public enum Registration: String, Sendable, Codable { case signed, open }

    public let key: AppKey
    public let appID: String
    public let sdkAppID: Int64
    public let tenantKey: TenantKey
    public var name: String
    public var scopes: Set<Scope>
    public var registration: Registration
    public var isEnabled: Bool
    public var tencentAdmins: [String]
    /// SHA-256 of the secret, hexadecimal.
    public var secretHash: String
    /// Counts the secrets: tokens carry it and die when it moves on.
    public var secretGeneration: Int64
    /// Key of its users' signatures, in clear: HMAC needs it. Encrypted at rest, never logged or returned again.
    public var signingKey: String
    public let createdAt: Milliseconds

    public init(
        key: AppKey, appID: String, sdkAppID: Int64, tenantKey: TenantKey, name: String, scopes: Set<Scope>,
        registration: Registration, isEnabled: Bool, tencentAdmins: [String], secretHash: String,
        secretGeneration: Int64, signingKey: String, createdAt: Milliseconds
    ) {
        self.key = key
        self.appID = appID
        self.sdkAppID = sdkAppID
        self.tenantKey = tenantKey
        self.name = name
        self.scopes = scopes
        self.registration = registration
        self.isEnabled = isEnabled
        self.tencentAdmins = tencentAdmins
        self.secretHash = secretHash
        self.secretGeneration = secretGeneration
        self.signingKey = signingKey
        self.createdAt = createdAt
    }
}

/// An account's two names.
public struct AccountRef: Sendable, Hashable {
    public let key: AccountKey
    public let id: String

    public init(key: AccountKey, id: String) {
        self.key = key
        self.id = id
    }
}

/// A device whose credential was checked, and that was active when it was.
public struct DeviceIdentity: Sendable, Hashable {
    public let key: DeviceKey
    public let deviceID: String
    public let account: AccountRef
    public let userID: String
    public let tenant: Tenant

    public init(key: DeviceKey, deviceID: String, account: AccountRef, userID: String, tenant: Tenant) {
        self.key = key
        self.deviceID = deviceID
        self.account = account
        self.userID = userID
        self.tenant = tenant
    }
}

/// An app whose credential was checked.
public struct AppIdentity: Sendable {
    public let app: App
    public let tenant: Tenant
    /// At most the app's own scopes; a token may ask for fewer.
    public let scopes: Set<Scope>

    public init(app: App, tenant: Tenant, scopes: Set<Scope>) {
        self.app = app
        self.tenant = tenant
        self.scopes = scopes
    }
}

/// Who is asking. Holding one proves that a credential was checked.
public enum Principal: Sendable {
    case app(AppIdentity)
    case device(DeviceIdentity)

    public var tenant: Tenant {
        switch self {
        case .app(let app): app.tenant
        case .device(let device): device.tenant
        }
    }

    /// The app behind this principal if it holds `scope`; throws `forbidden` otherwise.
    public func app(with scope: Scope) throws(GatewayError) -> AppIdentity {
        guard case .app(let identity) = self else { throw GatewayError(.forbidden, "Only an app may do this.") }
        guard identity.scopes.contains(scope) else {
            throw GatewayError(.forbidden, "The access token lacks the scope \(scope.rawValue).")
        }
        return identity
    }

    public func device() throws(GatewayError) -> DeviceIdentity {
        guard case .device(let identity) = self else { throw GatewayError(.forbidden, "Only a device may do this.") }
        return identity
    }
}
