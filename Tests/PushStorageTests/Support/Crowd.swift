import GRDB
import PushCore

@testable import PushStorage

/// Many users with a device each, made in a few statements, and the steps of a job as the worker takes them.
struct Crowd {
    let store: TestStore
    /// The store that is open now; another one after a restart.
    var storage: Storage
    var connected: Set<String> = []

    /// Users `u0`…, devices `dev_u0`…, with tokens `token-u0`… for FCM where `hasToken` is a condition on `i`.
    static func make(
        _ count: Int, in store: TestStore, hasToken: String = "1", pushEnabled: String = "1"
    ) async throws -> Crowd {
        try await store.storage.setVendorSettings(
            .emptyObject, tenant: store.tenant.key, app: nil, vendor: .fcm, at: store.clock.now)
        let (tenant, app) = (store.tenant.key.rawValue, store.app.key.rawValue)
        try await store.storage.commits.run { writer in
            let numbers = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < \(count))"
            try writer.db.execute(
                sql: """
                    \(numbers) INSERT INTO account (tenant, account_id, user_id, created_at)
                    SELECT \(tenant), 'acct_u' || i, 'u' || i, 0 FROM n
                    """)
            try writer.db.execute(
                sql: """
                    \(numbers) INSERT INTO device (device_id, tenant, account, app, unique_code, os_type, push_enabled,
                        info, registered_at, last_seen_at, start_seq)
                    SELECT 'dev_u' || i, \(tenant), a.key, \(app), 'code-' || i, 2, \(pushEnabled), '{}', 0, 0, 0
                    FROM n JOIN account a ON a.account_id = 'acct_u' || i
                    """.replacing("'{}'", with: "x'7b7d'"))
            try writer.db.execute(
                sql: """
                    \(numbers) INSERT INTO push_token (device, tenant, position, vendor, token, kind, environment, set_at)
                    SELECT d.key, \(tenant), 0, 'fcm', 'token-u' || i, 'alert', 'production', 0
                    FROM n JOIN device d ON d.device_id = 'dev_u' || i WHERE \(hasToken)
                    """)
        }
        return Crowd(store: store, storage: store.storage)
    }

    /// Gives the users a tag, each at the next version of it, as a change of its members does.
    func tag(_ name: String, _ users: [String]) async throws {
        let (tenant, now) = (store.tenant.key.rawValue, store.clock.now)
        try await storage.commits.run { writer in
            try writer.db.execute(
                sql: """
                    INSERT INTO tag (tenant, name, created_at) VALUES (?, ?, ?)
                    ON CONFLICT (tenant, name) DO UPDATE SET version = version + 1
                    """,
                arguments: [tenant, name, now])
            for user in users {
                try writer.db.execute(
                    sql: """
                        INSERT INTO tag_member (tag, account, joined_version)
                        SELECT t.key, a.key, t.version FROM tag t JOIN account a ON a.tenant = t.tenant
                        WHERE t.tenant = ? AND t.name = ? AND a.user_id = ?
                        """,
                    arguments: [tenant, name, user])
            }
        }
    }

    func untag(_ name: String, _ user: String) async throws {
        let tenant = store.tenant.key.rawValue
        try await storage.commits.run { writer in
            try writer.db.execute(
                sql: "UPDATE tag SET version = version + 1 WHERE tenant = ? AND name = ?", arguments: [tenant, name])
            try writer.db.execute(
                sql: """
                    UPDATE tag_member SET left_version = (SELECT version FROM tag WHERE key = tag_member.tag)
                    WHERE tag = (SELECT key FROM tag WHERE tenant = ? AND name = ?)
                        AND account = (SELECT key FROM account WHERE tenant = ?1 AND user_id = ?) AND left_version IS NULL
                    """,
                arguments: [tenant, name, user])
        }
    }

    func identity(_ user: String) async throws -> DeviceIdentity {
        guard case .active(let identity) = try await storage.lookUp(deviceID: "dev_\(user)") else {
            throw GatewayError(.notFound, "There is no device of \(user).")
        }
        return identity
    }

    // MARK: The job

    /// One page of each due job; false when nothing is due.
    @discardableResult
    func step(startedAt: Milliseconds = 0) async throws -> Bool {
        let due = try await storage.dueJobs(at: store.clock.now, limit: 32)
        for job in due {
            _ = try await storage.advanceJob(job, at: store.clock.now, startedAt: startedAt) { [connected] in
                connected.contains($0)
            }
        }
        return !due.isEmpty
    }

    /// Everything that is due.
    func walk() async throws { while try await step() {} }

    /// The broker takes everything that waits.
    @discardableResult
    func publish() async throws -> [UnpublishedBroadcast] {
        let waiting = try await storage.unpublishedBroadcasts(limit: 100)
        try await storage.published(waiting, at: store.clock.now)
        return waiting
    }

    func job(_ id: String) async throws -> JobStatus? { try await storage.job(of: id, tenant: store.tenant) }

    func change(_ action: JobAction, _ id: String) async throws {
        try await storage.change(action, jobOf: id, tenant: store.tenant, at: store.clock.now)
    }

    /// Rows of the push queue by state and reason.
    func pushes() async throws -> [String: Int] {
        try await storage.file.read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT state || ifnull('/' || reason, ''), count(*) FROM push GROUP BY 1")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
        }
    }

    func count(_ sql: String) async throws -> Int {
        try await storage.file.read { try Int.fetchOne($0, sql: sql) ?? -1 }
    }
}
