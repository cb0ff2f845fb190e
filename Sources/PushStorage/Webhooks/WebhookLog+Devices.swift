import PushCore

/// Events about devices and pushes: what names them is looked up only where any tenant has a webhook.
extension WebhookLog {
    /// Something that happened to a device.
    func record(
        _ type: WebhookEventType, device: DeviceKey, detail: ((inout JSONWriter) -> Void)? = nil, at now: Milliseconds
    ) throws {
        guard isNeeded else { return }
        let select = try writer.statement("SELECT tenant, account FROM device WHERE key = ?")
        select.bind(1, device.rawValue)
        guard let (tenant, account) = try select.first({ ($0.integer(0), $0.integer(1)) }) else { return }
        try record(
            type, tenant: TenantKey(rawValue: tenant), account: AccountKey(rawValue: account), device: device,
            detail: detail, at: now)
    }

    /// What a vendor said of a push.
    struct PushWords {
        var vendor: Vendor?
        var vendorID: String?
        /// Of a receipt.
        var meaning: String?
        var reason: SkipReason?
        var reply: VendorReply?

        func write(turn: Int64, into writer: inout JSONWriter) {
            writer.member("vendor", ifPresent: vendor?.rawValue)
            writer.member("vendorId", ifPresent: vendorID)
            writer.member("meaning", ifPresent: meaning)
            writer.member("reason", ifPresent: reason?.rawValue)
            writer.member("code", ifPresent: reply?.code)
            if let text = reply?.text, !text.isEmpty { writer.member("text", text) }
            if turn > 0 { writer.member("replaces", true) }
        }
    }

    /// What became of a push.
    func record(_ type: WebhookEventType, push: Int64, _ words: PushWords, at now: Milliseconds) throws {
        guard isNeeded else { return }
        let select = try writer.statement(
            """
            SELECT d.tenant, d.account, p.device, p.message, p.turn, p.vendor FROM push p
            JOIN device d ON d.key = p.device WHERE p.key = ?
            """)
        select.bind(1, push)
        let found = try select.first { row in
            (
                tenant: row.integer(0), account: row.integer(1), device: row.integer(2), message: row.integer(3),
                turn: row.integer(4), vendor: row.text(5)
            )
        }
        guard let found else { return }
        var words = words
        words.vendor = words.vendor ?? Vendor(rawValue: found.vendor)
        try record(
            type, tenant: TenantKey(rawValue: found.tenant), account: AccountKey(rawValue: found.account),
            message: MessageKey(rawValue: found.message), device: DeviceKey(rawValue: found.device),
            detail: { words.write(turn: found.turn, into: &$0) }, at: now)
    }
}
