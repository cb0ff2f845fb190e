import GRDB
import PushCore

/// Gives pushes that wait on a credential which is gone another one, as their devices and vendors have it now, or ends
/// them where there is none. A page a transaction: there may be hundreds of thousands.
struct LaneMoves {
    let writer: Writer
    let now: Milliseconds

    static let pageMax = 2000

    private var db: Database { writer.db }

    /// Lanes that pushes wait on. A seek per lane: the pushes of one lane may be many.
    static let waitedOnSQL = """
        WITH RECURSIVE waited(lane) AS (
            SELECT min(lane) FROM push WHERE state = 'waiting'
            UNION ALL
            SELECT (SELECT min(lane) FROM push WHERE state = 'waiting' AND lane > waited.lane) FROM waited
            WHERE waited.lane IS NOT NULL)
        SELECT lane FROM waited WHERE lane IS NOT NULL
        """

    /// Moves one page. Returns whether there may be more.
    func step() throws -> Bool {
        let gone = try Int64.fetchOne(
            db.cachedStatement(
                sql: "\(Self.waitedOnSQL) AND lane NOT IN (SELECT lane FROM vendor_settings) LIMIT 1"))
        guard let gone else { return false }
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT p.key, p.vendor, d.tenant, d.app FROM push p JOIN device d ON d.key = p.device
                    WHERE p.lane = ? AND p.state = 'waiting' LIMIT ?
                    """), arguments: [gone, Self.pageMax])
        var known: [TenantKey: Lanes] = [:]
        var moved: [Int64: [Int64]] = [:]
        var ended: [Int64] = []
        for row in rows {
            let tenant = TenantKey(rawValue: row[2])
            let lanes = try known[tenant] ?? Lanes(db, tenant: tenant)
            known[tenant] = lanes
            let app = (row[3] as Int64?).map(AppKey.init(rawValue:))
            let next = Vendor(rawValue: row[1] as String? ?? "").flatMap {
                lanes.lane(app: app, vendor: $0)
            }
            if let next { moved[next, default: []].append(row[0]) } else { ended.append(row[0]) }
        }
        for (lane, pushes) in moved { try move(pushes, to: lane) }
        try end(ended)
        return !rows.isEmpty
    }

    /// What a wrong credential put off goes out at once. What was never tried waits as its sender wished (`push.after`),
    /// and a lease stays: the attempt under way may still end it.
    private func move(_ pushes: [Int64], to lane: Int64) throws {
        try db.cachedStatement(
            sql: """
                UPDATE push SET lane = ?1,
                    not_before = CASE WHEN is_leased = 1 OR claimed_at IS NULL THEN not_before ELSE ?2 END,
                    updated_at = ?2
                WHERE key IN (SELECT value FROM json_each(?3))
                """
        ).execute(arguments: [lane, now, KeyList.json(pushes)])
    }

    private func end(_ pushes: [Int64]) throws {
        guard !pushes.isEmpty else { return }
        try db.cachedStatement(
            sql: """
                UPDATE push SET state = 'skipped', reason = 'vendor_not_configured', is_leased = 0, updated_at = ?
                WHERE key IN (SELECT value FROM json_each(?))
                """
        ).execute(arguments: [now, KeyList.json(pushes)])
    }
}
