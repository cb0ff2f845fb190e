import Foundation
import GRDB
import PushCore

extension Storage: AccessStore {
    public func tenant(no: String) -> Tenant? { access.tenant(no: no) }
    public func tenant(key: TenantKey) -> Tenant? { access.tenant(key: key) }
    public func tenants() -> [Tenant] { access.tenants }
    public func app(id: String) -> App? { access.app(id: id) }
    public func app(sdkAppID: Int64) -> App? { access.app(sdkAppID: sdkAppID) }
    public func apps(of tenant: TenantKey) -> [App] { access.apps(of: tenant) }

    public func createTenant(no: String, name: String, at now: Milliseconds) async throws -> Tenant {
        try await commits.run { [access] writer in
            let db = writer.db
            try db.execute(
                sql: "INSERT INTO tenant (tenant_no, name, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                arguments: [no, name, now])
            guard db.changesCount == 1 else { throw GatewayError(.conflict, "This tenantNo is taken.") }
            let tenant = Tenant(
                key: TenantKey(rawValue: db.lastInsertedRowID), tenantNo: no, name: name, createdAt: now)
            writer.afterCommit { access.put(tenant) }
            return tenant
        }
    }

    public func updateTenant(_ key: TenantKey, name: String?, isEnabled: Bool?) async throws -> Tenant {
        try await commits.run { [access] writer in
            try writer.db.execute(
                sql: "UPDATE tenant SET name = ifnull(?, name), is_enabled = ifnull(?, is_enabled) WHERE key = ?",
                arguments: [name, isEnabled, key.rawValue])
            guard let tenant = try AccessRows.tenant(writer.db, key) else {
                throw GatewayError(.notFound, "There is no such tenant.")
            }
            writer.afterCommit { access.put(tenant) }
            return tenant
        }
    }

    public func setTenantSettings(
        _ key: TenantKey, _ change: @escaping @Sendable (inout TenantSettings) throws -> Void
    ) async throws -> Tenant {
        try await commits.run { [access] writer in
            guard var tenant = try AccessRows.tenant(writer.db, key) else {
                throw GatewayError(.notFound, "There is no such tenant.")
            }
            try change(&tenant.settings)
            try writer.db.execute(
                sql: "UPDATE tenant SET settings = ? WHERE key = ?",
                arguments: [tenant.settings.json.text, key.rawValue])
            let changed = tenant
            writer.afterCommit { access.put(changed) }
            return changed
        }
    }

    public func setTemplates(
        _ languages: NotificationTemplates.Languages?, for type: MessageType, of key: TenantKey, at now: Milliseconds
    ) async throws -> Tenant {
        try await commits.run { [access] writer in
            guard var tenant = try AccessRows.tenant(writer.db, key) else {
                throw GatewayError(.notFound, "There is no such tenant.")
            }
            if let languages {
                try writer.db.execute(
                    sql: """
                        INSERT INTO notification_template (tenant, type, languages, updated_at) VALUES (?, ?, ?, ?)
                        ON CONFLICT DO UPDATE SET languages = excluded.languages, updated_at = excluded.updated_at
                        """,
                    arguments: [key.rawValue, type.rawValue, languages.sent.text, now])
            } else {
                try writer.db.execute(
                    sql: "DELETE FROM notification_template WHERE tenant = ? AND type = ?",
                    arguments: [key.rawValue, type.rawValue])
            }
            tenant.templates.set(languages, for: type)
            let changed = tenant
            writer.afterCommit { access.put(changed) }
            return changed
        }
    }

    /// Numbers the gateway makes begin here, as those of the original service do.
    private static let firstSDKAppID: Int64 = 1_400_000_000

    public func createApp(_ app: NewApp, at now: Milliseconds) async throws -> App {
        try await commits.run { [access, secrets] writer in
            let db = writer.db
            var sdkAppID = app.sdkAppID ?? 0
            if app.sdkAppID == nil {
                let count = try Int64.fetchOne(db, sql: "SELECT ifnull(max(key), 0) FROM app") ?? 0
                sdkAppID = Self.firstSDKAppID + count + 1
                while try Bool.fetchOne(
                    db, sql: "SELECT EXISTS (SELECT 1 FROM app WHERE sdk_app_id = ?)", arguments: [sdkAppID]) ?? false
                {
                    sdkAppID += 1
                }
            }
            let signingKey = try secrets.seal(app.signingKey.utf8, for: AccessRows.signingKeyRow(app.appID))
            try db.execute(
                sql: """
                    INSERT INTO app (tenant, app_id, sdk_app_id, name, scopes, registration, secret_hash, signing_key,
                        created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                    """,
                arguments: [
                    app.tenantKey.rawValue, app.appID, sdkAppID, app.name, AccessRows.scopes(app.scopes),
                    app.registration.rawValue, app.secretHash, signingKey, now,
                ])
            guard db.changesCount == 1,
                let made = try AccessRows.app(
                    db, AppKey(rawValue: db.lastInsertedRowID), secrets: secrets)
            else { throw GatewayError(.conflict, "This sdkAppId or appId is taken.") }
            writer.afterCommit { access.put(made) }
            return made
        }
    }

    public func updateApp(_ key: AppKey, _ change: AppChange) async throws -> App {
        try await commits.run { [access, secrets] writer in
            guard let app = try AccessRows.app(writer.db, key, secrets: secrets) else {
                throw GatewayError(.notFound, "There is no such app.")
            }
            let signingKey = try change.signingKey.map {
                try secrets.seal($0.utf8, for: AccessRows.signingKeyRow(app.appID))
            }
            try writer.db.execute(
                sql: """
                    UPDATE app SET name = ifnull(?, name), scopes = ifnull(?, scopes),
                        registration = ifnull(?, registration), is_enabled = ifnull(?, is_enabled),
                        tencent_admins = ifnull(?, tencent_admins), signing_key = ifnull(?, signing_key),
                        secret_generation = secret_generation + (? IS NOT NULL), secret_hash = ifnull(?, secret_hash)
                    WHERE key = ?
                    """,
                arguments: [
                    change.name, change.scopes.map(AccessRows.scopes), change.registration?.rawValue, change.isEnabled,
                    change.tencentAdmins.map(AccessRows.admins), signingKey, change.secretHash, change.secretHash,
                    key.rawValue,
                ])
            guard let changed = try AccessRows.app(writer.db, key, secrets: secrets) else { return app }
            writer.afterCommit { access.put(changed) }
            return changed
        }
    }

    public func adminTokenHash() async throws -> String? {
        try await file.read { db in
            try Data.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'admin_token_hash'")
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }

    public func setAdminTokenHash(_ hash: String) async throws {
        try await commits.run { writer in
            try writer.db.execute(
                sql: "INSERT OR REPLACE INTO setting (name, value) VALUES ('admin_token_hash', ?)",
                arguments: [Data(hash.utf8)])
        }
    }

    public func audit(actor: String, action: String, subject: String, at now: Milliseconds) async throws {
        try await commits.run { writer in
            try AuditTrail.note(writer.db, actor: actor, action: action, subject: subject, at: now)
        }
    }
}
