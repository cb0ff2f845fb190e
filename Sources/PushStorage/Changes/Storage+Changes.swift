import PushCore

extension Storage: MessageChangeStore {
    public func update(
        _ id: String, to edit: MessageEdit, by principal: Principal
    ) async throws -> MessageRevision {
        try await commits.run { [self] writer in try change(writer).update(id, to: edit, by: principal) }
    }

    public func revoke(_ id: String, by principal: Principal) async throws -> MessageErasure {
        try await commits.run { [self] writer in try change(writer).revoke(id, by: principal) }
    }

    public func burn(_ id: String, by device: DeviceIdentity) async throws -> MessageErasure {
        try await commits.run { [self] writer in try change(writer).burn(id, by: device) }
    }

    func change(_ writer: Writer) -> MessageChange {
        MessageChange(writer: writer, feed: feed, ids: ids, limits: limits, now: wallClock.now)
    }

    /// One page for each tenant that has a retention, each in a transaction of its own.
    public func eraseOutlived() async throws -> Bool {
        var hasMore = false
        for tenant in access.tenants
        where tenant.settings.retentionSeconds != nil || tenant.settings.retentionBytes != nil {
            let isUnfinished = try await commits.run { [feed, limits, wallClock] writer in
                try ContentRetention(
                    writer: writer, feed: feed, tenant: tenant, pageMessages: limits.retentionPageMessages,
                    now: wallClock.now
                ).step()
            }
            hasMore = hasMore || isUnfinished
        }
        return hasMore
    }
}
