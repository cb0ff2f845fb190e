import GRDB
import PushCore

extension Storage: BroadcastStore {
    // MARK: The channel

    public func onBroadcast(_ listener: @escaping @Sendable () -> Void) { log.broadcasts.listen(listener) }

    public func broadcasts(of tenant: TenantKey, after seq: Int64, limit: Int) async throws -> BroadcastPage {
        if limit == 0, let head = log.broadcasts.head(of: tenant) { return BroadcastPage(items: [], head: head) }
        let page = try await file.read { [access] db in
            try BroadcastRows.page(db, of: tenant, after: seq, limit: limit, tenantNo: access.tenantNo)
        }
        log.broadcasts.remember(page.head, of: tenant)
        return page
    }

    public func unpublishedBroadcasts(limit: Int) async throws -> [UnpublishedBroadcast] {
        try await file.read { [access] db in
            try BroadcastRows.unpublished(db, limit: limit, tenantNo: access.tenantNo)
        }
    }

    public func published(_ broadcasts: [UnpublishedBroadcast], at now: Milliseconds) async throws {
        // Counted beside the writer: everyone of a tenant may be many.
        let audiences = try await file.read { db in
            var audiences: [MessageKey: Int] = [:]
            for broadcast in broadcasts {
                let key = broadcast.entry.message.key
                audiences[key] = try BroadcastRows.audience(db, of: key)
            }
            return audiences
        }
        try await commits.run { writer in
            let update = try writer.statement(
                "UPDATE broadcast SET published_at = ? WHERE tenant = ? AND seq = ? AND published_at IS NULL")
            for broadcast in broadcasts {
                update.bind(1, now)
                update.bind(2, broadcast.tenant.rawValue)
                update.bind(3, broadcast.entry.seq)
                try update.run()
                let key = broadcast.entry.message.key
                try JobRows(writer: writer).published(key, audience: audiences[key], at: now)
            }
        }
    }

    // MARK: Jobs

    public func dueJobs(at now: Milliseconds, limit: Int) async throws -> [MessageKey] {
        try await file.read { db in
            try Int64.fetchAll(
                db.cachedStatement(sql: BroadcastRows.dueSQL), arguments: [now, limit]
            ).map(MessageKey.init(rawValue:))
        }
    }

    public func advanceJob(
        _ message: MessageKey, at now: Milliseconds, startedAt: Milliseconds,
        isConnected: @escaping @Sendable (String) -> Bool
    ) async throws -> JobStep {
        try await commits.run { [self] writer in
            let walk = JobWalk(
                writer: writer, limits: limits, now: now, startedAt: startedAt, isConnected: isConnected
            ) { try self.expanded($0, writer) }
            return try walk.step(message, tenantNo: access.tenantNo)
        }
    }

    public func change(_ action: JobAction, jobOf id: String, tenant: Tenant, at now: Milliseconds) async throws {
        try await commits.run { [self] writer in
            let message = try MessageRows.message(
                writer.db, tenant: tenant.key, id: id, tenantNo: tenant.tenantNo)
            guard let message else { throw GatewayError(.notFound, "There is no such broadcast.") }
            try JobRows(writer: writer).change(action, message.key, at: now)
            if action == .cancel { try expanded(message.key, writer) }
        }
    }

    /// Nobody else gets a copy: what waits for that goes on.
    private func expanded(_ message: MessageKey, _ writer: Writer) throws {
        try change(writer).expanded(message) { access.tenant(key: $0) }
    }

    public func job(of id: String, tenant: Tenant) async throws -> JobStatus? {
        let found = try await file.read { db -> (counts: JobCounts, message: MessageKey)? in
            guard
                let message = try MessageRows.message(db, tenant: tenant.key, id: id, tenantNo: tenant.tenantNo),
                let counts = try JobCounts(db, of: message)
            else { return nil }
            return (counts, message.key)
        }
        guard let found else { return nil }
        var acknowledged = found.counts.acknowledged
        if found.counts.isExpanded {
            // A page of copies at a time, each in a read of its own: a long one would hold up the store's checkpoints.
            var after: Int64 = 0
            while let page = try await file.read({ [after] in
                try JobCounts.acknowledged($0, of: found.message, afterPage: after)
            }) {
                acknowledged += page.devices
                after = page.firstAccount
            }
        }
        return found.counts.status(id: id, acknowledged: acknowledged)
    }

    public func skippedCounts(of message: MessageKey) async throws -> [String: Int] {
        try await file.read { try JobCounts.skipped($0, of: message) }
    }
}

extension AccessMemory {
    /// The public number of a tenant; empty for one that is gone.
    var tenantNo: @Sendable (TenantKey) -> String { { [self] in tenant(key: $0)?.tenantNo ?? "" } }
}
