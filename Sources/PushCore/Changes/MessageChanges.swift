/// Changes of archived messages, each in one transaction with the events that tell of it. Implemented by PushStorage.
public protocol MessageChangeStore: Sendable {}

/// What becomes of a message after it was sent: edited, revoked, burned (contract, section 4).
public struct MessageChanges: Sendable {
    private let store: any MessageChangeStore
    private let changes: any DeviceChanges
    private let limits: Limits
    private let clock: WallClock

    public init(store: any MessageChangeStore, changes: any DeviceChanges, limits: Limits, clock: WallClock) {
        self.store = store
        self.changes = changes
        self.limits = limits
        self.clock = clock
    }
}
