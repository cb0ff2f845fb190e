import PushCore
import Synchronization

/// Tenants, apps and the admin token in memory.
public final class MemoryAccessStore: AccessStore, StatisticsStore {
    private struct State {
        var tenants: [Tenant] = []
        var apps: [App] = []
        var adminTokenHash: String?
        var trail: [AuditEntry] = []
        var fault: (any Error)?
    }

    private let state = Mutex(State())

    public init() {}

    /// From here on every write fails with `fault`.
    public func failWrites(with fault: any Error) { state.withLock { $0.fault = fault } }

    public func tenant(no: String) -> Tenant? { state.withLock { $0.tenants.first { $0.tenantNo == no } } }
    public func tenant(key: TenantKey) -> Tenant? { state.withLock { $0.tenants.first { $0.key == key } } }
    public func tenants() -> [Tenant] { state.withLock { $0.tenants } }
    public func app(id: String) -> App? { state.withLock { $0.apps.first { $0.appID == id } } }
    public func app(sdkAppID: Int64) -> App? { state.withLock { $0.apps.first { $0.sdkAppID == sdkAppID } } }
    public func apps(of tenant: TenantKey) -> [App] { state.withLock { $0.apps.filter { $0.tenantKey == tenant } } }

    public func createTenant(no: String, name: String, at now: Milliseconds) async throws -> Tenant {
        try state.withLock { state in
            if let fault = state.fault { throw fault }
            guard !state.tenants.contains(where: { $0.tenantNo == no }) else {
                throw GatewayError(.conflict, "There is a tenant \(no) already.")
            }
            let key = TenantKey(rawValue: Int64(state.tenants.count + 1))
            let tenant = Tenant(key: key, tenantNo: no, name: name, createdAt: now)
            state.tenants.append(tenant)
            return tenant
        }
    }

    public func updateTenant(_ key: TenantKey, name: String?, isEnabled: Bool?) async throws -> Tenant {
        try state.withLock { state in
            guard let index = state.tenants.firstIndex(where: { $0.key == key }) else { throw Self.unknown }
            if let name { state.tenants[index].name = name }
            if let isEnabled { state.tenants[index].isEnabled = isEnabled }
            return state.tenants[index]
        }
    }

    public func setTenantSettings(
        _ key: TenantKey, _ change: @escaping @Sendable (inout TenantSettings) throws -> Void
    ) async throws -> Tenant {
        try state.withLock { state in
            guard let index = state.tenants.firstIndex(where: { $0.key == key }) else { throw Self.unknown }
            try change(&state.tenants[index].settings)
            return state.tenants[index]
        }
    }

    public func setTemplates(
        _ languages: NotificationTemplates.Languages?, for type: MessageType, of key: TenantKey, at now: Milliseconds
    ) async throws -> Tenant {
        try state.withLock { state in
            if let fault = state.fault { throw fault }
            guard let index = state.tenants.firstIndex(where: { $0.key == key }) else { throw Self.unknown }
            state.tenants[index].templates.set(languages, for: type)
            return state.tenants[index]
        }
    }

    public func createApp(_ app: NewApp, at now: Milliseconds) async throws -> App {
        try state.withLock { state in
            if let id = app.sdkAppID, state.apps.contains(where: { $0.sdkAppID == id }) {
                throw GatewayError(.conflict, "The sdkAppId is taken.")
            }
            let key = Int64(state.apps.count + 1)
            let made = App(
                key: AppKey(rawValue: key), appID: app.appID, sdkAppID: app.sdkAppID ?? 1_400_000_000 + key,
                tenantKey: app.tenantKey, name: app.name, scopes: app.scopes, registration: app.registration,
                isEnabled: true, tencentAdmins: [], secretHash: app.secretHash, secretGeneration: 1,
                signingKey: app.signingKey, createdAt: now)
            state.apps.append(made)
            return made
        }
    }

    public func updateApp(_ key: AppKey, _ change: AppChange) async throws -> App {
        try state.withLock { state in
            guard let index = state.apps.firstIndex(where: { $0.key == key }) else { throw Self.unknown }
            if let name = change.name { state.apps[index].name = name }
            if let scopes = change.scopes { state.apps[index].scopes = scopes }
            if let registration = change.registration { state.apps[index].registration = registration }
            if let isEnabled = change.isEnabled { state.apps[index].isEnabled = isEnabled }
            if let admins = change.tencentAdmins { state.apps[index].tencentAdmins = admins }
            if let hash = change.secretHash {
                state.apps[index].secretHash = hash
                state.apps[index].secretGeneration += 1
            }
            if let key = change.signingKey { state.apps[index].signingKey = key }
            return state.apps[index]
        }
    }

    public func adminTokenHash() async throws -> String? { state.withLock { $0.adminTokenHash } }
    public func setAdminTokenHash(_ hash: String) async throws { state.withLock { $0.adminTokenHash = hash } }

    public func audit(actor: String, action: String, subject: String, at now: Milliseconds) async throws {
        state.withLock { state in
            let key = Int64(state.trail.count + 1)
            state.trail.append(AuditEntry(key: key, at: now, actor: actor, action: action, subject: subject))
        }
    }

    public func auditTrail(before key: Int64?, limit: Int) async throws -> [AuditEntry] {
        state.withLock { state in state.trail.filter { $0.key < key ?? .max }.reversed().prefix(limit).map { $0 } }
    }

    public func statistics() async throws -> StoreStatistics {
        state.withLock { state in
            StoreStatistics(
                tenants: Int64(state.tenants.count), apps: Int64(state.apps.count), accounts: 0,
                devices: .init(active: 0, deregistered: 0, moved: 0), messages: 0, entries: 0, waitingPushes: 0,
                writer: .init(waiting: 0, transactions: 0, commands: 0, failures: 0))
        }
    }

    public func waitingPushes() async throws -> [Vendor: Int64] { [:] }

    private static let unknown = GatewayError(.notFound, "There is no such thing.")
}
