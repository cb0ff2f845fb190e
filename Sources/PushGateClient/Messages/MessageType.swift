/// What a message carries. 256 and above are events made by the gateway; a number that is not listed here is passed on
/// as CUSTOM is.
public struct MessageType: Sendable, Hashable, RawRepresentable {
    public let rawValue: Int64

    public init(rawValue: Int64) { self.rawValue = rawValue }
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public static let unknown = MessageType(-1)
    public static let text = MessageType(0)
    public static let image = MessageType(1)
    public static let voice = MessageType(2)
    public static let video = MessageType(3)
    public static let file = MessageType(4)
    public static let appCard = MessageType(5)
    public static let orgUpdate = MessageType(6)
    public static let call = MessageType(7)
    public static let prescription = MessageType(8)
    public static let custom = MessageType(9)

    public static let deviceSync = MessageType(256)
    public static let messageRevoked = MessageType(257)
    public static let messageBurned = MessageType(258)
    public static let conversationRead = MessageType(259)
    public static let groupChanged = MessageType(260)
    public static let messageRead = MessageType(261)

    public var isEvent: Bool { rawValue >= 256 }
}
