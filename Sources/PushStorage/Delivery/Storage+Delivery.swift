import Foundation
import GRDB
import PushCore

extension Storage: DeliveryStore {
    // MARK: Marks and log

    public func marks() async throws -> DeliveryMarks {
        try await file.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT dispatched, decided FROM mark WHERE id = 1")
            return DeliveryMarks(dispatched: row?[0] ?? 0, decided: row?[1] ?? 0)
        }
    }

    public func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {
        try await commits.run { writer in try DispatchJournal(writer: writer, now: now).advance(marks) }
    }

    public func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] {
        try await file.read { [access] db in
            try MessageRows.entries(db, after: position, limit: limit) { access.tenant(key: $0)?.tenantNo ?? "" }
        }
    }

    public func current(
        _ message: MessageKey, for accounts: [AccountKey]
    ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? {
        guard let low = accounts.map(\.rawValue).min(), let high = accounts.map(\.rawValue).max() else { return nil }
        return try await file.read { [access] db in
            let found = try MessageRows.message(db, key: message) { access.tenant(key: $0)?.tenantNo ?? "" }
            guard let found else { return nil }
            let burned = try Int64.fetchAll(
                db.cachedStatement(
                    sql: "SELECT account FROM burned_copy WHERE message = ? AND account BETWEEN ? AND ?"),
                arguments: [message.rawValue, low, high])
            return (found, Set(burned.map(AccountKey.init(rawValue:))))
        }
    }

    // MARK: Devices

    public func cachedDevices(of account: AccountKey) -> AccountDevices? { deviceCache.devices(of: account) }

    public func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] {
        let fill = deviceCache.beginFill(accounts: accounts)
        do {
            let found = try await file.read { db in
                var found: [AccountKey: AccountDevices] = [:]
                let account = try db.cachedStatement(sql: "SELECT account_id FROM account WHERE key = ?")
                let devices = try db.cachedStatement(
                    sql: """
                        SELECT key, device_id, start_seq FROM device WHERE account = ? AND status = 'active'
                        ORDER BY key
                        """)
                for key in accounts {
                    guard let id = try String.fetchOne(account, arguments: [key.rawValue]) else { continue }
                    let members = try Row.fetchAll(devices, arguments: [key.rawValue]).map { row in
                        AccountDevices.Member(key: DeviceKey(rawValue: row[0]), deviceID: row[1], startSeq: row[2])
                    }
                    found[key] = AccountDevices(account: AccountRef(key: key, id: id), devices: members)
                }
                return found
            }
            deviceCache.endFill(fill, accounts: accounts, found)
            return found
        } catch {
            deviceCache.endFill(fill, accounts: accounts, [:])
            throw error
        }
    }

    // MARK: Jobs

    public func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool {
        guard !candidates.isEmpty else { return false }
        return try await commits.run { [limits] writer in
            try PushDecisions(writer: writer, now: now)
                .decide(candidates, lifeDefaultSeconds: limits.pushLifeDefaultSeconds)
        }
    }

    public func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool {
        guard !devices.isEmpty else { return false }
        // Nearly every disconnect finds nothing: a read is cheaper than a synced transaction.
        let waiting = try await file.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT 1 FROM push WHERE device = ? AND state = 'waiting' AND not_before > ? LIMIT 1")
            return try devices.filter { try Int.fetchOne(statement, arguments: [$0.rawValue, now]) != nil }
        }
        guard !waiting.isEmpty else { return false }
        return try await commits.run { writer in
            let statement = try writer.db.cachedStatement(
                sql: """
                    UPDATE push SET not_before = ?1, updated_at = ?1
                    WHERE device = ?2 AND state = 'waiting' AND attempts = 0 AND is_leased = 0 AND not_before > ?1
                    """)
            var changed = 0
            for device in waiting {
                try statement.execute(arguments: [now, device.rawValue])
                changed += writer.db.changesCount
            }
            return changed > 0
        }
    }

    public func claimJobs(
        _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob] {
        try await commits.run { writer in
            try PushClaims(writer: writer, now: now).claim(claims, besides: held, leaseUntil: leaseUntil)
        }
    }

    public func markBegun(_ jobs: [PushJob]) async throws {
        guard !jobs.isEmpty else { return }
        try await commits.run { try PushJobs.markBegun(jobs, $0) }
    }

    public func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int {
        // Nearly always there are none: a read is cheaper than a synced transaction.
        let any = try await file.read { db in
            try Int.fetchOne(db.cachedStatement(sql: PushClaims.anyExpiredSQL), arguments: [now])
        }
        guard any != nil else { return 0 }
        return try await commits.run { writer in
            try PushClaims(writer: writer, now: now).expire(limit: limit, words: words)
        }
    }

    public func releaseLeases(at now: Milliseconds) async throws {
        try await commits.run { writer in
            try PushJobs(writer: writer, now: now).endInterrupted()
            try writer.db.execute(
                sql: "UPDATE push SET is_leased = 0, not_before = ? WHERE state = 'waiting' AND is_leased = 1",
                arguments: [now])
        }
        try await clockWentBack(to: now)
        try await moveFromGoneLanes(at: now)
    }

    public func clockWentBack(to now: Milliseconds) async throws {
        try await commits.run { writer in
            // A push was given its time when it was made, last taken or given back.
            try writer.db.execute(
                sql: """
                    UPDATE push SET
                        not_before = max(?1, not_before - (max(created_at, ifnull(claimed_at, 0), updated_at) - ?1)),
                        created_at = min(created_at, ?1), claimed_at = min(claimed_at, ?1), updated_at = ?1
                    WHERE state = 'waiting' AND max(created_at, ifnull(claimed_at, 0), updated_at) > ?1
                    """, arguments: [now])
            // A job whose message is older got its time from when the broker had it: it looks at that again now.
            try writer.db.execute(
                sql: """
                    UPDATE job SET not_before = max(?1, iif(m.server_time > ?1, not_before - (m.server_time - ?1), 0))
                    FROM message m WHERE m.key = job.message AND job.phase < 2 AND job.not_before > ?1
                    """, arguments: [now])
            try writer.db.execute(
                sql: """
                    UPDATE broadcast SET published_at = ?1
                    WHERE published_at > ?1 AND message IN (SELECT message FROM job WHERE phase < 2)
                    """, arguments: [now])
        }
    }

    public func lanesWithJobs() async throws -> [Int64: Milliseconds] {
        try await file.read { db in
            // A seek per lane: the jobs of one lane may be many.
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT lane, min(due) FROM (
                            SELECT v.lane, (SELECT min(p.not_before) FROM push p
                                WHERE p.lane = v.lane AND p.class = c.value AND p.state = 'waiting') AS due
                            FROM vendor_settings v, json_each('[0, 1]') c)
                        WHERE due IS NOT NULL GROUP BY lane
                        """))
            return Dictionary(rows.map { ($0[0], $0[1]) }) { first, _ in first }
        }
    }

    public func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {
        guard !jobs.isEmpty else { return }
        try await commits.run { writer in
            let changes = PushJobs(writer: writer, now: now)
            var uses = BudgetUses()
            for (job, change) in jobs {
                try changes.change(job, change)
                if case .accepted(_, _, let use?, _) = change { uses.add(use) }
            }
            try uses.write(writer)
        }
    }

    public func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] {
        try await file.read { try MessageTrace(db: $0, message: message).devices() }
    }
}
