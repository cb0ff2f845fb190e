import PushCore
import Synchronization

/// A queue of events as the store keeps it.
final class WebhookQueueInMemory: WebhookDeliveryStore {
    private struct State {
        var webhooks: [TenantKey: WebhookSettings] = [:]
        var events: [WebhookEvent] = []
        var cursors: [TenantKey: Int64] = [:]
        var rows: [Int64: (tenant: TenantKey, row: WebhookRetry)] = [:]
        var requests: [TenantKey: [WebhookRequest]] = [:]
        var refusals = 0
    }

    private let state = Mutex(State())

    func put(_ settings: WebhookSettings?, for tenant: TenantKey) { state.withLock { $0.webhooks[tenant] = settings } }
    func refuseSettling(times: Int) { state.withLock { $0.refusals = times } }
    func log(_ tenant: Int64) -> [WebhookRequest] {
        state.withLock { $0.requests[TenantKey(rawValue: tenant)] ?? [] }
    }

    func record(tenant: Int64, account: Int64) {
        state.withLock { state in
            state.events.append(
                WebhookEvent(
                    position: Int64(state.events.count + 1), tenant: TenantKey(rawValue: tenant), type: .deviceOnline,
                    at: WallClock.system.now, account: AccountKey(rawValue: account), message: nil, device: nil,
                    person: nil, detail: .emptyObject))
        }
    }

    /// Nothing of this tenant waits.
    func isDone(_ tenant: Int64) -> Bool {
        let key = TenantKey(rawValue: tenant)
        return state.withLock { state in
            !state.events.contains { $0.tenant == key && $0.position > state.cursors[key, default: 0] }
                && !state.rows.values.contains { $0.tenant == key }
        }
    }

    // MARK: WebhookStore

    func webhook(of tenant: TenantKey) -> WebhookSettings? { state.withLock { $0.webhooks[tenant] } }
    func webhooks() -> [TenantKey: WebhookSettings] { state.withLock { $0.webhooks } }
    func setWebhook(_ settings: WebhookSettings?, of tenant: TenantKey, at now: Milliseconds) async throws {
        put(settings, for: tenant)
    }

    func webhookEvents(
        of tenant: TenantKey, after position: Int64, type: WebhookEventType?, limit: Int
    ) async throws -> [WebhookEvent] {
        state.withLock { Array($0.events.filter { $0.tenant == tenant && $0.position > position }.prefix(limit)) }
    }

    func webhookPosition(of tenant: TenantKey, at time: Milliseconds) async throws -> Int64? { nil }
    func recordPresence(_ changes: [PresenceChange]) async throws {}
    func devicesToldOnline(after device: String?, limit: Int) async throws -> [String] { [] }
    func dropWebhookEvents(before keptSince: Milliseconds, limit: Int) async throws -> Bool { false }
    func webhookCursor(of tenant: TenantKey) async throws -> Int64? {
        state.withLock { state in state.webhooks[tenant].map { _ in state.cursors[tenant] ?? 0 } }
    }
    func webhookRetries(
        of tenant: TenantKey, aside: Bool, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry] { [] }

    func settle(_ outcome: WebhookSettlement, of tenant: TenantKey) async throws {
        try state.withLock { state in
            guard state.refusals == 0 else {
                state.refusals -= 1
                throw GatewayError(.overloaded, "busy")
            }
            if let cursor = outcome.cursor { state.cursors[tenant] = max(cursor, state.cursors[tenant] ?? 0) }
            for position in outcome.delivered { state.rows[position] = nil }
            for row in outcome.retries { state.rows[row.position] = (tenant, row) }
            state.requests[tenant, default: []] += outcome.requests
        }
    }

    func replayWebhookEvents(of tenant: TenantKey, after position: Int64, at now: Milliseconds) async throws -> Int {
        0
    }
    func webhookRequests(of tenant: TenantKey, before key: Int64?, limit: Int) async throws -> [WebhookRequest] { [] }

    // MARK: WebhookDeliveryStore

    private func rows(of tenant: TenantKey, where isMeant: (WebhookRetry) -> Bool) -> [WebhookRetry] {
        state.withLock { state in
            state.rows.values.filter { $0.tenant == tenant && !$0.row.isAside && isMeant($0.row) }.map(\.row)
                .sorted { $0.position < $1.position }
        }
    }

    func tenantsWithWebhookWork(at now: Milliseconds) async throws -> [TenantKey] {
        state.withLock { state in
            state.webhooks.keys.filter { tenant in
                state.events.contains { $0.tenant == tenant && $0.position > state.cursors[tenant] ?? 0 }
                    || state.rows.values.contains {
                        $0.tenant == tenant && !$0.row.isAside && $0.row.notBefore <= now
                    }
            }
        }
    }

    func webhookEvents(of tenant: TenantKey, at positions: [Int64]) async throws -> [WebhookEvent] {
        let positions = Set(positions)
        return state.withLock { $0.events.filter { $0.tenant == tenant && positions.contains($0.position) } }
    }

    func webhookAccountsInLine(of tenant: TenantKey, after key: Int64, limit: Int) async throws -> [AccountKey?] {
        let keys = Set(rows(of: tenant) { $0.notBefore == 0 }.map { $0.account?.rawValue ?? 0 })
        return keys.filter { $0 > key }.sorted().prefix(limit).map { $0 == 0 ? nil : AccountKey(rawValue: $0) }
    }

    func webhookRowsInLine(
        of tenant: TenantKey, account: AccountKey?, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry] {
        Array(
            rows(of: tenant) { $0.notBefore == 0 && $0.account == account && $0.position > position }.prefix(limit))
    }

    func dueWebhookRows(of tenant: TenantKey, at now: Milliseconds, limit: Int) async throws -> [WebhookRetry] {
        Array(rows(of: tenant) { $0.notBefore > 0 && $0.notBefore <= now }.prefix(limit))
    }

    func webhookCounts() async throws -> WebhookCounts {
        state.withLock { state in
            let waiting = state.events.count { $0.position > state.cursors[$0.tenant] ?? 0 }
            let rows = state.rows.values.count { !$0.row.isAside }
            return WebhookCounts(
                waiting: Int64(waiting + rows), aside: Int64(state.rows.values.count { $0.row.isAside }))
        }
    }
}
