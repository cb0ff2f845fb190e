/// History from elsewhere, with the ids and times it had there. Implemented by PushStorage.
public protocol ImportStore: Sendable {}

/// `POST /v1/messages/import`: idempotent, silent, the first one wins.
public struct Imports: Sendable {
    private let store: any ImportStore
    private let ids: IDGenerator
    private let limits: Limits
    private let clock: WallClock

    public init(store: any ImportStore, ids: IDGenerator, limits: Limits, clock: WallClock) {
        self.store = store
        self.ids = ids
        self.limits = limits
        self.clock = clock
    }
}
