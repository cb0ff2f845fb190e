import PushCore
import Synchronization

/// Appends to a tenant's broadcast channel: a message, a further revision of one, or an event about one (whose `to` is
/// ``MessageRows/everyone``). The publisher and `sync` take it from there.
struct BroadcastLog {
    let writer: Writer

    /// Returns the place in the channel: 1, 2, 3 … in this tenant, without gaps.
    @discardableResult
    func append(_ message: MessageKey, revision: Int, tenant: TenantKey) throws -> Int64 {
        let seq = try head(of: tenant) + 1
        let insert = try writer.statement(
            "INSERT INTO broadcast (tenant, seq, message, revision) VALUES (?, ?, ?, ?)")
        insert.bind(1, tenant.rawValue)
        insert.bind(2, seq)
        insert.bind(3, message.rawValue)
        insert.bind(4, Int64(revision))
        try insert.run()
        let heads = writer.log.broadcasts
        writer.afterCommit { heads.committed(seq, of: tenant) }
        return seq
    }

    /// The newest place, with what this transaction has appended.
    func head(of tenant: TenantKey) throws -> Int64 {
        let select = try writer.statement("SELECT max(seq) FROM broadcast WHERE tenant = ?")
        select.bind(1, tenant.rawValue)
        return try select.first { $0.integer(0) } ?? 0
    }
}

/// The heads of the broadcast channels that were asked for, in memory. They change after COMMIT only, and never fall.
final class BroadcastHeads: Sendable {
    private struct State {
        var heads: [TenantKey: Int64] = [:]
        var listeners: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// Calls `listener` after each commit that appended to a channel, on the writer's thread: it must only signal.
    func listen(_ listener: @escaping @Sendable () -> Void) { state.withLock { $0.listeners.append(listener) } }

    func head(of tenant: TenantKey) -> Int64? { state.withLock { $0.heads[tenant] } }

    /// A head that was read from the store, perhaps before a newer one was committed.
    func remember(_ head: Int64, of tenant: TenantKey) {
        state.withLock { $0.heads[tenant] = max($0.heads[tenant] ?? 0, head) }
    }

    func committed(_ head: Int64, of tenant: TenantKey) {
        let listeners = state.withLock { state in
            state.heads[tenant] = max(state.heads[tenant] ?? 0, head)
            return state.listeners
        }
        for listener in listeners { listener() }
    }
}
