import Foundation
import GRDB
import PushCore
import Synchronization

/// All tenants and apps: there are few, and every request asks for one. Replaced after COMMIT.
final class AccessMemory: Sendable {
    private struct State {
        var tenants: [TenantKey: Tenant] = [:]
        var tenantsByNo: [String: TenantKey] = [:]
        var apps: [AppKey: App] = [:]
        var appsByID: [String: AppKey] = [:]
        var appsBySDKAppID: [Int64: AppKey] = [:]

        mutating func put(_ tenant: Tenant) {
            tenants[tenant.key] = tenant
            tenantsByNo[tenant.tenantNo] = tenant.key
        }

        mutating func put(_ app: App) {
            apps[app.key] = app
            appsByID[app.appID] = app.key
            appsBySDKAppID[app.sdkAppID] = app.key
        }
    }

    private let state = Mutex(State())

    func tenant(no: String) -> Tenant? {
        state.withLock { state in state.tenantsByNo[no].flatMap { state.tenants[$0] } }
    }

    func tenant(key: TenantKey) -> Tenant? { state.withLock { $0.tenants[key] } }

    var tenants: [Tenant] {
        state.withLock { state in state.tenants.values.sorted { $0.key.rawValue < $1.key.rawValue } }
    }

    func app(key: AppKey) -> App? { state.withLock { $0.apps[key] } }

    func app(id: String) -> App? { state.withLock { state in state.appsByID[id].flatMap { state.apps[$0] } } }

    func app(sdkAppID: Int64) -> App? {
        state.withLock { state in state.appsBySDKAppID[sdkAppID].flatMap { state.apps[$0] } }
    }

    func apps(of tenant: TenantKey) -> [App] {
        state.withLock { state in
            state.apps.values.filter { $0.tenantKey == tenant }.sorted { $0.key.rawValue < $1.key.rawValue }
        }
    }

    func put(_ tenant: Tenant) { state.withLock { $0.put(tenant) } }

    func put(_ app: App) { state.withLock { $0.put(app) } }

    func reload(_ db: Database, secrets: SecretBox) throws {
        let tenants = try AccessRows.tenants(db)
        let apps = try AccessRows.apps(db, secrets: secrets)
        var fresh = State()
        for tenant in tenants { fresh.put(tenant) }
        for app in apps { fresh.put(app) }
        // In one step: a request beside it would be told that its tenant is gone and its credential dead.
        state.withLock { [fresh] in $0 = fresh }
    }
}

/// Tenants and apps as rows.
enum AccessRows {
    private static let tenantColumns = "key, tenant_no, name, is_enabled, created_at, settings"

    static func tenants(_ db: Database) throws -> [Tenant] {
        try Row.fetchAll(db, sql: "SELECT \(tenantColumns) FROM tenant").map { try tenant(db, $0) }
    }

    static func tenant(_ db: Database, _ key: TenantKey) throws -> Tenant? {
        try Row.fetchOne(
            db, sql: "SELECT \(tenantColumns) FROM tenant WHERE key = ?",
            arguments: [key.rawValue]
        ).map { try tenant(db, $0) }
    }

    private static func tenant(_ db: Database, _ row: Row) throws -> Tenant {
        Tenant(
            key: TenantKey(rawValue: row[0]), tenantNo: row[1], name: row[2], isEnabled: row[3], createdAt: row[4],
            settings: TenantSettings(stored: RawJSON(archived: Array((row[5] as String).utf8))),
            templates: try templates(db, of: row[0]))
    }

    private static func templates(_ db: Database, of tenant: Int64) throws -> NotificationTemplates {
        var templates = NotificationTemplates()
        let rows = try Row.fetchAll(
            db, sql: "SELECT type, languages FROM notification_template WHERE tenant = ?", arguments: [tenant])
        for row in rows {
            let sent = RawJSON(archived: Array((row[1] as String).utf8))
            templates.set(NotificationTemplates.Languages(stored: sent), for: MessageType(rawValue: row[0]))
        }
        return templates
    }

    private static let appColumns = """
        key, app_id, sdk_app_id, tenant, name, scopes, registration, is_enabled, tencent_admins, secret_hash,
        secret_generation, signing_key, created_at
        """

    static func apps(_ db: Database, secrets: SecretBox) throws -> [App] {
        try Row.fetchAll(db, sql: "SELECT \(appColumns) FROM app").map { try app($0, secrets: secrets) }
    }

    static func app(_ db: Database, _ key: AppKey, secrets: SecretBox) throws -> App? {
        try Row.fetchOne(db, sql: "SELECT \(appColumns) FROM app WHERE key = ?", arguments: [key.rawValue])
            .map { try app($0, secrets: secrets) }
    }

    private static func app(_ row: Row, secrets: SecretBox) throws -> App {
        let appID: String = row[1]
        let scopes: String = row[5]
        let admins: Data = Data((row[8] as String).utf8)
        return App(
            key: AppKey(rawValue: row[0]), appID: appID, sdkAppID: row[2], tenantKey: TenantKey(rawValue: row[3]),
            name: row[4], scopes: Set(scopes.split(separator: " ").compactMap { Scope(rawValue: String($0)) }),
            registration: App.Registration(rawValue: row[6]) ?? .signed, isEnabled: row[7],
            tencentAdmins: (RawJSON(archived: [UInt8](admins)).array ?? []).compactMap(\.string), secretHash: row[9],
            secretGeneration: row[10],
            signingKey: String(decoding: try secrets.open(row[11], for: signingKeyRow(appID)), as: UTF8.self),
            createdAt: row[12])
    }

    /// The identity a signing key is encrypted for.
    static func signingKeyRow(_ appID: String) -> String { "app/\(appID)/signing_key" }

    static func scopes(_ scopes: Set<Scope>) -> String { scopes.map(\.rawValue).sorted().joined(separator: " ") }

    static func admins(_ admins: [String]) -> String {
        var writer = JSONWriter()
        writer.array { writer in for admin in admins { writer.string(admin) } }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
