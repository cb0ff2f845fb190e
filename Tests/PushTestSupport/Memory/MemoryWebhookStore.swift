import PushCore
import Synchronization

/// Webhooks in memory, with events and deliveries that a test puts there.
public final class MemoryWebhookStore: PresenceEventStore {
    private struct State {
        var webhooks: [TenantKey: WebhookSettings] = [:]
        var events: [WebhookEvent] = []
        var retries: [WebhookRetry] = []
        var requests: [WebhookRequest] = []
        var replays: [Int64] = []
        var online: Set<String> = []
        var presence: [PresenceChange] = []
        var isFailing = false
    }

    private let state = Mutex(State())

    public init() {}

    public func add(_ event: WebhookEvent) { state.withLock { $0.events.append(event) } }
    public func add(_ retry: WebhookRetry) { state.withLock { $0.retries.append(retry) } }
    public func add(_ request: WebhookRequest) { state.withLock { $0.requests.append(request) } }
    public func setFailing(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }
    /// The positions after which events were to be told again.
    public var replays: [Int64] { state.withLock { $0.replays } }
    public var recordedPresence: [PresenceChange] { state.withLock { $0.presence } }

    public func webhook(of tenant: TenantKey) -> WebhookSettings? { state.withLock { $0.webhooks[tenant] } }
    public func webhooks() -> [TenantKey: WebhookSettings] { state.withLock { $0.webhooks } }

    public func setWebhook(_ settings: WebhookSettings?, of tenant: TenantKey, at now: Milliseconds) async throws {
        state.withLock { $0.webhooks[tenant] = settings }
    }

    public func webhookEvents(
        of tenant: TenantKey, after position: Int64, type: WebhookEventType?, limit: Int
    ) async throws -> [WebhookEvent] {
        state.withLock { state in
            Array(
                state.events.filter { $0.tenant == tenant && $0.position > position && $0.type == type ?? $0.type }
                    .prefix(limit))
        }
    }

    public func webhookPosition(of tenant: TenantKey, at time: Milliseconds) async throws -> Int64? {
        state.withLock { $0.events.first { $0.tenant == tenant && $0.at >= time }?.position }
    }

    public func recordPresence(_ changes: [PresenceChange]) async throws {
        try state.withLock { state in
            if state.isFailing { throw GatewayError(.overloaded, "The store is full.") }
            for change in changes {
                switch change {
                case .connected(let connection):
                    if state.online.insert(connection.deviceID).inserted { state.presence.append(change) }
                case .disconnected(let connection):
                    state.online.remove(connection.deviceID)
                    state.presence.append(change)
                }
            }
        }
    }

    public func devicesToldOnline(after device: String?, limit: Int) async throws -> [String] {
        state.withLock { Array($0.online.sorted().filter { $0 > device ?? "" }.prefix(limit)) }
    }

    public func dropWebhookEvents(before keptSince: Milliseconds, limit: Int) async throws -> Bool { false }
    public func webhookCursor(of tenant: TenantKey) async throws -> Int64? { webhook(of: tenant).map { _ in 0 } }

    public func webhookRetries(
        of tenant: TenantKey, aside: Bool, after position: Int64, limit: Int
    ) async throws -> [WebhookRetry] {
        state.withLock { Array($0.retries.filter { $0.isAside == aside && $0.position > position }.prefix(limit)) }
    }

    public func settle(_ outcome: WebhookSettlement, of tenant: TenantKey) async throws {}

    public func replayWebhookEvents(of tenant: TenantKey, after position: Int64, at now: Milliseconds) async throws
        -> Int
    {
        state.withLock { state in
            state.replays.append(position)
            return state.events.filter { $0.tenant == tenant && $0.position > position }.count
        }
    }

    public func webhookRequests(of tenant: TenantKey, before key: Int64?, limit: Int) async throws -> [WebhookRequest] {
        state.withLock { state in
            Array(state.requests.filter { $0.key < key ?? .max }.sorted { $0.key > $1.key }.prefix(limit))
        }
    }
}
