/// What an app asks about a send to many, and does with it while it runs (contract, section 4, `/v1/broadcasts`).
public struct Broadcasts: Sendable {
    private let store: any BroadcastStore
    private let changed: @Sendable () -> Void
    private let clock: WallClock

    /// - Parameter changed: told when a job may go on or has to stop.
    public init(store: any BroadcastStore, changed: @escaping @Sendable () -> Void, clock: WallClock) {
        self.store = store
        self.changed = changed
        self.clock = clock
    }

    /// How far it is. `id` is the message's.
    public func read(id: String, as principal: Principal) async throws -> RawJSON {
        if case .app(let app) = principal, app.scopes.contains(.messagesRead) {
            return try await status(of: id, tenant: app.tenant)
        }
        return try await status(of: id, tenant: try principal.app(with: .broadcastSend).tenant)
    }

    /// Stops it for good, holds it up or lets it go on, and answers as ``read(id:as:)`` does. What was delivered stays.
    ///
    /// A pause holds up the walk over devices or accounts; pushes that are queued go out. Cancelling stops those too.
    public func change(_ action: JobAction, id: String, as principal: Principal) async throws -> RawJSON {
        let tenant = try principal.app(with: .broadcastSend).tenant
        try await store.change(action, jobOf: id, tenant: tenant, at: clock.now)
        changed()
        return try await status(of: id, tenant: tenant)
    }

    private func status(of id: String, tenant: Tenant) async throws -> RawJSON {
        guard let job = try await store.job(of: id, tenant: tenant) else {
            throw GatewayError(.notFound, "There is no such broadcast.")
        }
        return job.json
    }
}
