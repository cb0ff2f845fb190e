import Synchronization

/// What delivery to tenants' services has done since the start, and what waits.
public struct WebhookFigures: Sendable, Equatable {
    /// Requests by outcome: `delivered`, `refused` (answered, not 2xx), `failed` (no answer).
    public var requests: [String: Int] = [:]
    /// Events that arrived.
    public var delivered = 0
    /// Tenants whose endpoint is down.
    public var down = 0
    public var waiting: Int64 = 0
    public var aside: Int64 = 0

    public init() {}
}

/// Counted by all tenants' runners together.
final class WebhookCounters: Sendable {
    private struct State {
        var figures = WebhookFigures()
        var down: Set<TenantKey> = []
    }

    private let state = Mutex(State())

    var figures: WebhookFigures {
        state.withLock { state in
            var figures = state.figures
            figures.down = state.down.count
            return figures
        }
    }

    func count(_ answer: CallbackAnswer, events: Int) {
        state.withLock { state in
            switch answer {
            case _ where answer.isSuccess:
                state.figures.requests["delivered", default: 0] += 1
                state.figures.delivered += events
            case .answered: state.figures.requests["refused", default: 0] += 1
            case .failed: state.figures.requests["failed", default: 0] += 1
            }
        }
    }

    /// True when that is new.
    func note(_ tenant: TenantKey, isDown: Bool) -> Bool {
        state.withLock { state in
            isDown ? state.down.insert(tenant).inserted : state.down.remove(tenant) != nil
        }
    }

    func isDown(_ tenant: TenantKey) -> Bool { state.withLock { $0.down.contains(tenant) } }

    /// Tenants without a webhook are not down.
    func keep(_ tenants: Set<TenantKey>) { state.withLock { $0.down.formIntersection(tenants) } }
}
