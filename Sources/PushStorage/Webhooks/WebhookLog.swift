import GRDB
import PushCore

/// Writes events for webhooks in the transaction of the fact they tell of.
struct WebhookLog {
    let writer: Writer

    /// Whether anything can be recorded at all: before a tenant is looked up.
    var isNeeded: Bool { !writer.webhooks.isEmpty }

    func isNeeded(for tenant: TenantKey) -> Bool { writer.webhooks.settings(of: tenant) != nil }

    /// Notes that something happened. Does nothing for tenants without a webhook.
    ///
    /// - Parameters:
    ///   - account: whose order it keeps.
    ///   - detail: what no row will say when it is sent; nothing that may be erased later.
    func record(
        _ type: WebhookEventType, tenant: TenantKey, account: AccountKey? = nil, message: MessageKey? = nil,
        device: DeviceKey? = nil, detail: ((inout JSONWriter) -> Void)? = nil, at now: Milliseconds
    ) throws {
        guard writer.webhooks.settings(of: tenant) != nil else { return }
        let insert = try writer.statement(
            "INSERT INTO webhook_event (tenant, at, type, account, message, device, detail) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        insert.bind(1, tenant.rawValue)
        // Never back: a time leads to a place in the queue.
        insert.bind(2, writer.serverTime(now))
        insert.bind(3, Int64(type.number))
        insert.bind(4, account?.rawValue ?? 0)
        insert.bind(5, message?.rawValue)
        insert.bind(6, device?.rawValue)
        insert.bind(7, detail.map { RawJSON.object($0).text })
        try insert.run()
        writer.webhooks.noteRecorded(in: writer)
    }
}
