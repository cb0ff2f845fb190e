import Synchronization

/// How far a device is: what has to survive a restart of the app so that it neither misses nor repeats anything.
public struct LocalPosition: Sendable, Hashable {
    /// Positions belong to an account; another account starts anew.
    public var account: String
    /// Every entry of the inbox up to here has been handed over.
    public var seq: Int64
    public var broadcastSeq: Int64
    /// Up to where the gateway has been told.
    public var acknowledgedSeq: Int64
    public var acknowledgedBroadcastSeq: Int64
    /// The last entries handed over, oldest first; for dropping repeats.
    public var seen: [EntryKey]

    public init(
        account: String, seq: Int64 = 0, broadcastSeq: Int64 = 0, acknowledgedSeq: Int64 = 0,
        acknowledgedBroadcastSeq: Int64 = 0, seen: [EntryKey] = []
    ) {
        self.account = account
        self.seq = seq
        self.broadcastSeq = broadcastSeq
        self.acknowledgedSeq = acknowledgedSeq
        self.acknowledgedBroadcastSeq = acknowledgedBroadcastSeq
        self.seen = seen
    }
}

/// Keeps one device's position. Called from one thread at a time; `save` blocks the connection until it returns.
public protocol LocalStore: Sendable {
    /// `nil` when there is none for this account.
    func load(account: String) throws -> LocalPosition?
    /// After each burst of entries, before they are acknowledged. When it throws, nothing is acknowledged.
    func save(_ position: LocalPosition) throws
}

/// Forgets with the process.
public final class MemoryStore: LocalStore {
    private let position = Mutex<LocalPosition?>(nil)

    public init() {}

    public func load(account: String) -> LocalPosition? {
        position.withLock { $0?.account == account ? $0 : nil }
    }

    public func save(_ position: LocalPosition) { self.position.withLock { $0 = position } }
}
