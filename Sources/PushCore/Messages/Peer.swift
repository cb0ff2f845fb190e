/// The other side of a conversation, in the store's numbers: an account, a group, or an app that writes in its own name.
public struct Peer: RawRepresentable, Hashable, Sendable {
    /// The key times four, plus the kind.
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }

    public enum Name: Hashable, Sendable {
        case account(AccountKey)
        case group(GroupKey)
        case app(AppKey)
    }

    private enum Kind: Int64 {
        case account = 1
        case group, app
    }

    private init(_ kind: Kind, _ key: Int64) { rawValue = key * 4 + kind.rawValue }

    /// No conversation: events, and later revisions of what is in one already.
    public static let none = Peer(rawValue: 0)

    public static func account(_ key: AccountKey) -> Peer { Peer(.account, key.rawValue) }
    public static func group(_ key: GroupKey) -> Peer { Peer(.group, key.rawValue) }
    public static func app(_ key: AppKey) -> Peer { Peer(.app, key.rawValue) }

    /// Who it is; nil for ``none``.
    public var name: Name? {
        let key = rawValue >> 2
        return switch Kind(rawValue: rawValue & 3) {
        case .account: .account(AccountKey(rawValue: key))
        case .group: .group(GroupKey(rawValue: key))
        case .app: .app(AppKey(rawValue: key))
        case nil: nil
        }
    }
}
