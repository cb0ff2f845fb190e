import Foundation
import GRDB
import PushCore

extension Storage {
    public func vendorSettings() async throws -> [VendorSettings] {
        try await file.read { [secrets] db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT lane, tenant, app, vendor, settings, doubted_at FROM vendor_settings ORDER BY lane"
            )
            .compactMap { try Self.settings($0, secrets: secrets) }
        }
    }

    public func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? {
        try await file.read { [secrets] db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT lane, tenant, app, vendor, settings, doubted_at FROM vendor_settings
                    WHERE tenant = ? AND vendor = ? AND app IS ?
                    """,
                arguments: [tenant.rawValue, vendor.rawValue, app?.rawValue]
            ).flatMap { try Self.settings($0, secrets: secrets) }
        }
    }

    public func vendorSettings(tenant: TenantKey, vendor: Vendor) async throws -> [RawJSON] {
        try await file.read { [secrets] db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT lane, tenant, app, vendor, settings, doubted_at FROM vendor_settings WHERE tenant = ? AND vendor = ?
                    ORDER BY lane
                    """,
                arguments: [tenant.rawValue, vendor.rawValue]
            ).compactMap { try Self.settings($0, secrets: secrets)?.settings }
        }
    }

    /// A new credential is a new lane, and takes what waits on the old one with it, in pages. Without a credential the old one's
    /// waiting pushes go to the tenant's own of that vendor, where there is one, else they are skipped.
    public func setVendorSettings(
        _ settings: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
    ) async throws {
        try await commits.run { [secrets] writer in
            let db = writer.db
            let old = try Int64.fetchOne(
                db, sql: "SELECT lane FROM vendor_settings WHERE tenant = ? AND vendor = ? AND app IS ?",
                arguments: [tenant.rawValue, vendor.rawValue, app?.rawValue])
            try db.execute(sql: "DELETE FROM vendor_settings WHERE lane = ?", arguments: [old])
            if let settings {
                let row = Self.settingsRow(tenant, app, vendor)
                try db.execute(
                    sql: """
                        INSERT INTO vendor_settings (tenant, app, vendor, settings, created_at) VALUES (?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        tenant.rawValue, app?.rawValue, vendor.rawValue, try secrets.seal(settings.bytes, for: row),
                        now,
                    ])
            }
            _ = try LaneMoves(writer: writer, now: now).step()
        }
        try await moveFromGoneLanes(at: now)
    }

    /// Also what an earlier change, or a process that is gone, left behind.
    func moveFromGoneLanes(at now: Milliseconds) async throws {
        while try await commits.run({ writer in try LaneMoves(writer: writer, now: now).step() }) {}
    }

    private static func settings(_ row: Row, secrets: SecretBox) throws -> VendorSettings? {
        guard let vendor = Vendor(rawValue: row[3]) else { return nil }
        let tenant = TenantKey(rawValue: row[1])
        let app = (row[2] as Int64?).map(AppKey.init(rawValue:))
        return VendorSettings(
            lane: row[0], tenantKey: tenant, app: app, vendor: vendor,
            settings: RawJSON(archived: try secrets.open(row[4], for: settingsRow(tenant, app, vendor))),
            doubtedAt: row[5])
    }

    /// The identity a credential is encrypted for.
    private static func settingsRow(_ tenant: TenantKey, _ app: AppKey?, _ vendor: Vendor) -> String {
        "vendor_settings/\(tenant.rawValue)/\(app?.rawValue ?? 0)/\(vendor.rawValue)"
    }
}
