import PushCore

/// Appends to a tenant's broadcast channel: a message, a further revision of one, or an event about one (whose `to` is
/// ``MessageRows/everyone``).
struct BroadcastLog {
    let writer: Writer

    /// Returns the place in the channel: 1, 2, 3 … in this tenant, without gaps.
    @discardableResult
    func append(_ message: MessageKey, revision: Int, tenant: TenantKey) throws -> Int64 {
        let select = try writer.statement("SELECT max(seq) FROM broadcast WHERE tenant = ?")
        select.bind(1, tenant.rawValue)
        let seq = (try select.first { $0.integer(0) } ?? 0) + 1
        let insert = try writer.statement("INSERT INTO broadcast (tenant, seq, message, revision) VALUES (?, ?, ?, ?)")
        insert.bind(1, tenant.rawValue)
        insert.bind(2, seq)
        insert.bind(3, message.rawValue)
        insert.bind(4, Int64(revision))
        try insert.run()
        return seq
    }
}
