import GRDB
import PushCore

/// Who came and who went, for tenants that have a webhook.
struct WebhookPresence {
    let writer: Writer
    let now: Milliseconds

    private var db: Database { writer.db }

    func record(_ changes: [PresenceChange]) throws {
        for change in changes {
            switch change {
            case .connected(let connection): try record(connection, isOnline: true)
            case .disconnected(let connection): try record(connection, isOnline: false)
            }
        }
    }

    /// A device that was told online before is not told so again.
    private func record(_ connection: DeviceConnection, isOnline: Bool) throws {
        let select = try writer.statement("SELECT key, tenant, account FROM device WHERE device_id = ?")
        select.bind(1, connection.deviceID)
        let found = try select.first { ($0.integer(0), $0.integer(1), $0.integer(2)) }
        guard let (device, tenant, account) = found,
            writer.webhooks.settings(of: TenantKey(rawValue: tenant)) != nil
        else { return }
        if isOnline {
            let insert = try writer.statement(
                "INSERT INTO webhook_online (device, tenant, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            insert.bind(1, device)
            insert.bind(2, tenant)
            insert.bind(3, connection.at)
            try insert.run()
            guard db.changesCount > 0 else { return }
        } else {
            let delete = try writer.statement("DELETE FROM webhook_online WHERE device = ?")
            delete.bind(1, device)
            try delete.run()
        }
        try WebhookLog(writer: writer).record(
            isOnline ? .deviceOnline : .deviceOffline, tenant: TenantKey(rawValue: tenant),
            account: AccountKey(rawValue: account), device: DeviceKey(rawValue: device), at: now)
    }
}
