import PushCore
import Synchronization

/// Dead tokens in memory; it notes what was to be restored.
public final class MemoryQuarantine: TokenQuarantineStore {
    private let tokens = Mutex<[QuarantinedToken]>([])
    private let restored = Mutex<[QuarantineFilter]>([])

    public init() {}

    public var restorations: [QuarantineFilter] { restored.withLock { $0 } }
    public func add(_ token: QuarantinedToken) { tokens.withLock { $0.append(token) } }

    public func quarantinedTokens(
        _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
    ) async throws -> [QuarantinedToken] {
        tokens.withLock { tokens in
            tokens.filter { token in
                (filter.tenant ?? token.tenantKey) == token.tenantKey
                    && (filter.vendor ?? token.token.vendor) == token.token.vendor
                    && place.map { (token.place.since, token.place.key) < ($0.since, $0.key) } ?? true
            }.sorted { ($0.place.since, $0.place.key) > ($1.place.since, $1.place.key) }.prefix(limit).map { $0 }
        }
    }

    public func restoreTokens(
        _ filter: QuarantineFilter, actor: String, at now: Milliseconds
    ) async throws -> Revival {
        restored.withLock { $0.append(filter) }
        return Revival(tokens: 7, pushes: 1)
    }

    public func doubt(
        lanes: Set<Int64>, tenant: TenantKey, vendor: Vendor, since: Milliseconds, isNew: Bool,
        at now: Milliseconds
    ) async throws -> Revival {
        restored.withLock {
            $0.append(QuarantineFilter(tenant: tenant, vendor: vendor, since: since, isDoubtfulOnly: true))
        }
        return Revival()
    }

    public func trust(lanes: Set<Int64>) async throws {}
}

/// The ledger of pushes in memory.
public final class MemoryPushLedger: PushLedgerStore {
    private let rows = Mutex<[BudgetRow]>([])

    public init() {}

    public func add(_ row: BudgetRow) { rows.withLock { $0.append(row) } }

    public func pushUsage(sinceDay day: Int64) async throws -> [BudgetRow] {
        rows.withLock { $0.filter { $0.day >= day } }
    }

    public func pushUsage(
        tenant: TenantKey, app: AppKey?, vendor: Vendor, day: Int64
    ) async throws -> [MessageClass: Int64] {
        rows.withLock { rows in
            Dictionary(
                rows.filter { $0.tenant == tenant && $0.app == app && $0.vendor == vendor && $0.day == day }
                    .map { ($0.messageClass, $0.used) }, uniquingKeysWith: +)
        }
    }

    public func prunePushUsage(beforeDay day: Int64, devicesBeforeDay deviceDay: Int64) async throws -> Bool { false }
}
