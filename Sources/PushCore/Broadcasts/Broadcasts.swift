/// Sends to everyone of a tenant or to everyone with some tags, as jobs. Implemented by PushStorage.
public protocol BroadcastStore: Sendable {}

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
}
