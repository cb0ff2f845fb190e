import GRDB
import PushCore

extension Storage: StatisticsStore {
    /// Rows of these tables are never deleted, so the newest key is their number; what is told apart has a small index.
    static let statisticsSQL = """
        SELECT (SELECT ifnull(max(key), 0) FROM account) - (SELECT count(*) FROM account WHERE deleted_at IS NOT NULL),
            (SELECT ifnull(max(key), 0) FROM device), (SELECT count(*) FROM device WHERE status = 'active'),
            (SELECT count(*) FROM device WHERE status = 'moved'), (SELECT ifnull(max(key), 0) FROM message),
            (SELECT ifnull(max(position), 0) FROM entry), (SELECT count(*) FROM push WHERE state = 'waiting')
        """

    public func statistics() async throws -> StoreStatistics {
        let counts = try await file.read { db -> [Int64] in
            try Row.fetchOne(db, sql: Self.statisticsSQL).map { row in (0..<row.count).map { row[$0] } } ?? []
        }
        guard counts.count == 7 else { throw StorageFault("The store gave no counts.") }
        let counters = commits.counters
        let tenants = access.tenants
        let (devices, active, moved) = (counts[1], counts[2], counts[3])
        return StoreStatistics(
            tenants: Int64(tenants.count), apps: Int64(tenants.reduce(0) { $0 + access.apps(of: $1.key).count }),
            accounts: counts[0],
            devices: .init(active: active, deregistered: devices - active - moved, moved: moved), messages: counts[4],
            entries: counts[5], waitingPushes: counts[6],
            writer: .init(
                waiting: commits.waitingCount, transactions: counters.transactions, commands: counters.commands,
                failures: counters.failures))
    }

    public func waitingPushes() async throws -> [Vendor: Int64] {
        try await file.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT v.vendor, (SELECT count(*) FROM push p
                        WHERE p.lane = v.lane AND p.class = c.value AND p.state = 'waiting')
                    FROM vendor_settings v, json_each('[0, 1]') c
                    """)
            var waiting: [Vendor: Int64] = [:]
            for row in rows {
                if let vendor = Vendor(rawValue: row[0]) { waiting[vendor, default: 0] += row[1] }
            }
            return waiting
        }
    }

    public func auditTrail(before key: Int64?, limit: Int) async throws -> [AuditEntry] {
        try await file.read { try AuditTrail.page($0, before: key, limit: limit) }
    }
}
