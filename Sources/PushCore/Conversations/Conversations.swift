/// Conversations of an account: their history, how far they were read, what is unread. Implemented by PushStorage.
public protocol ConversationStore: Sendable {}

/// What accounts and apps ask about conversations (contract, section 4, `history`, `conversations`, `read`, `unread`).
public struct Conversations: Sendable {
    private let store: any ConversationStore
    private let limits: Limits
    private let clock: WallClock

    public init(store: any ConversationStore, limits: Limits, clock: WallClock) {
        self.store = store
        self.limits = limits
        self.clock = clock
    }
}
