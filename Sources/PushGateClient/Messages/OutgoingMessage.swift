import Foundation

/// A message to be sent. What is `nil` is left out, and the gateway's default holds.
///
/// ```swift
/// try await device.send(OutgoingMessage(to: "acct_…", text: "Good morning"))
/// ```
public struct OutgoingMessage: Sendable, Hashable {
    /// 1-64 of `A-Z a-z 0-9 _ . : -`, unique in the tenant. Sending the same message again with the same id is
    /// harmless and is how a sender makes sure.
    public var id: String
    /// Apps only: for whom. `nil`: the app itself.
    public var from: String?
    /// An account, a group, or (apps) `user:{userId}`. Apps may give ``audience`` instead.
    public var to: String?
    /// The only member of the group `to` who gets it.
    public var target: String?
    /// Apps only, for example `["users": ["ann", "bob"]]` or `["all": true]`.
    public var audience: JSONValue?
    public var type: MessageType
    public var content: JSONValue
    /// Milliseconds since 1970 by the sender's clock.
    public var timestamp: Int64
    /// A data message: never a visible notification.
    public var isBackground = false
    /// Seconds after which it is neither delivered nor pushed.
    public var timeToLive: Int?
    /// `false`: the sender's own other devices get no copy.
    public var sync: Bool?
    /// `false`: does not count as unread.
    public var countUnread: Bool?
    /// `true`: only to devices that are online now, never archived.
    public var ephemeral: Bool?
    /// The notification, for example `["title": "Ann", "body": "Good morning"]`.
    public var push: JSONValue?

    public init(
        id: String = UUID().uuidString.lowercased(), to: String?, type: MessageType, content: JSONValue,
        timestamp: Int64 = Int64(Date().timeIntervalSince1970 * 1000)
    ) {
        self.id = id
        self.to = to
        self.type = type
        self.content = content
        self.timestamp = timestamp
    }

    public init(id: String = UUID().uuidString.lowercased(), to: String?, text: String) {
        self.init(id: id, to: to, type: .text, content: ["text": .string(text)])
    }

    /// The body of `POST /v1/messages`.
    public var json: JSONValue {
        .object([
            "id": .string(id), "from": from.map { .string($0) }, "to": to.map { .string($0) },
            "target": target.map { .string($0) }, "audience": audience, "type": JSONValue(type.rawValue),
            "content": content, "timestamp": JSONValue(timestamp), "isBackground": isBackground ? true : nil,
            "ttl": timeToLive.map { JSONValue($0) }, "sync": sync.map { .bool($0) },
            "countUnread": countUnread.map { .bool($0) }, "ephemeral": ephemeral.map { .bool($0) }, "push": push,
        ])
    }
}

/// The gateway has archived a message with its audience, on disk.
public struct SendReceipt: Sendable, Hashable {
    public let id: String
    /// Milliseconds since 1970.
    public let serverTime: Int64
    /// Receiving accounts without the sender; `nil` while a job is still counting them.
    public let recipients: Int?
    /// It had been sent before; nothing was changed.
    public let isDuplicate: Bool
    /// Place of the copy in the sender's own inbox.
    public let seq: Int64?

    init(_ json: JSONValue) throws {
        guard let id = json["id"]?.string else { throw GatewayProblem.unreadable("no id in the answer to a send") }
        self.id = id
        serverTime = json["serverTime"]?.integer ?? 0
        recipients = json["recipients"]?.integer.map { Int($0) }
        isDuplicate = json["duplicate"]?.bool ?? false
        seq = json["seq"]?.integer
    }
}
