/// Tags and who has them when. Implemented by PushStorage.
public protocol TagStore: Sendable {}

/// What an app does with tags (contract, section 4, Apps). Scope `tags`.
public struct Tags: Sendable {
    private let store: any TagStore
    private let limits: Limits
    private let clock: WallClock

    public init(store: any TagStore, limits: Limits, clock: WallClock) {
        self.store = store
        self.limits = limits
        self.clock = clock
    }
}
