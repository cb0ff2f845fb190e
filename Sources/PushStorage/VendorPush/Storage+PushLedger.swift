import GRDB
import PushCore

extension Storage: PushLedgerStore {
    public func pushUsage(sinceDay day: Int64) async throws -> [BudgetRow] {
        try await file.read { db in
            try Row.fetchAll(
                db, sql: "SELECT tenant, app, vendor, day, class, used FROM push_usage WHERE day >= ?",
                arguments: [day]
            ).compactMap { row in
                guard let vendor = Vendor(rawValue: row[2]), let messageClass = MessageClass(rawValue: row[4]) else {
                    return nil
                }
                let app: Int64 = row[1]
                return BudgetRow(
                    tenant: TenantKey(rawValue: row[0]), app: app == 0 ? nil : AppKey(rawValue: app), vendor: vendor,
                    day: row[3], messageClass: messageClass, used: row[5])
            }
        }
    }

    public func pushUsage(
        tenant: TenantKey, app: AppKey?, vendor: Vendor, day: Int64
    ) async throws -> [MessageClass: Int64] {
        try await file.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT class, used FROM push_usage WHERE tenant = ? AND app = ? AND vendor = ? AND day = ?",
                arguments: [tenant.rawValue, app?.rawValue ?? 0, vendor.rawValue, day])
            var used: [MessageClass: Int64] = [:]
            for row in rows {
                if let messageClass = MessageClass(rawValue: row[0]) { used[messageClass] = row[1] }
            }
            return used
        }
    }

    private static let prunedAtOnce = 1000

    public func prunePushUsage(beforeDay day: Int64, devicesBeforeDay deviceDay: Int64) async throws -> Bool {
        // Nearly always there is nothing: a read is cheaper than a synced transaction.
        let isAny = try await file.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM push_usage WHERE day < ?1)
                        OR EXISTS (SELECT 1 FROM device_push_usage WHERE day < ?2)
                    """,
                arguments: [day, deviceDay]) ?? false
        }
        guard isAny else { return false }
        return try await commits.run { writer in
            let db = writer.db
            try db.execute(
                sql: """
                    DELETE FROM push_usage WHERE (tenant, app, vendor, day, class) IN (
                        SELECT tenant, app, vendor, day, class FROM push_usage WHERE day < ? LIMIT ?)
                    """,
                arguments: [day, Self.prunedAtOnce])
            let removed = db.changesCount
            try db.execute(
                sql: """
                    DELETE FROM device_push_usage WHERE (device, vendor, day, class) IN (
                        SELECT device, vendor, day, class FROM device_push_usage WHERE day < ? LIMIT ?)
                    """,
                arguments: [deviceDay, Self.prunedAtOnce])
            return removed == Self.prunedAtOnce || db.changesCount == Self.prunedAtOnce
        }
    }
}

/// The rows of accepted pushes: many of one credential make one write.
struct BudgetUses {
    private struct Day: Hashable {
        let tenant: Int64
        let app: Int64
        let vendor: Vendor
        let day: Int64
        let messageClass: MessageClass
    }

    private var counts: [Day: Int64] = [:]
    private var uses: [BudgetUse] = []

    mutating func add(_ use: BudgetUse) {
        let day = Day(
            tenant: use.tenant.rawValue, app: use.app?.rawValue ?? 0, vendor: use.vendor, day: use.day,
            messageClass: use.messageClass)
        counts[day, default: 0] += 1
        if use.device != nil { uses.append(use) }
    }

    func write(_ writer: Writer) throws {
        guard !counts.isEmpty else { return }
        let insert = try writer.statement(
            """
            INSERT INTO push_usage (tenant, app, vendor, day, class, used) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET used = used + excluded.used
            """)
        for (day, count) in counts {
            insert.bind(1, day.tenant)
            insert.bind(2, day.app)
            insert.bind(3, day.vendor.rawValue)
            insert.bind(4, day.day)
            insert.bind(5, Int64(day.messageClass.rawValue))
            insert.bind(6, count)
            try insert.run()
        }
        let perDevice = try writer.statement(
            """
            INSERT INTO device_push_usage (device, vendor, day, class, used) VALUES (?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET used = used + 1
            """)
        for use in uses {
            guard let device = use.device else { continue }
            perDevice.bind(1, device.rawValue)
            perDevice.bind(2, use.vendor.rawValue)
            perDevice.bind(3, use.day)
            perDevice.bind(4, Int64(use.messageClass.rawValue))
            try perDevice.run()
        }
    }
}

extension DeviceUsage {
    /// What a device was sent on a vendor's day.
    init(_ db: Database, device: DeviceKey, vendor: Vendor, day: Int64) throws {
        self.init(device: device, day: day)
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT class, used FROM device_push_usage WHERE device = ? AND vendor = ? AND day = ?"),
            arguments: [device.rawValue, vendor.rawValue, day])
        for row in rows {
            switch MessageClass(rawValue: row[0]) {
            case .transactional: transactional = row[1]
            case .marketing: marketing = row[1]
            case nil: break
            }
        }
    }
}
