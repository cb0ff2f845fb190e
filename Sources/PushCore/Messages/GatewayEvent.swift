/// What the gateway tells accounts in their inboxes: an entry with a type from 256 on (contract, section 6). Never
/// unread, never pushed.
public struct GatewayEvent: Sendable {
    public let type: MessageType
    public let content: RawJSON

    private init(_ type: Int, _ members: (inout JSONWriter) -> Void) {
        self.type = MessageType(rawValue: type)
        content = .object(members)
    }

    /// The device was moved to another account, which its former account has to know.
    public static func deviceMoved(deviceID: String) -> GatewayEvent {
        GatewayEvent(256) { writer in
            writer.member("op", "device_moved")
            writer.member("deviceId", deviceID)
        }
    }

    /// Another device of the account has answered or refused a call.
    ///
    /// - Parameter status: `other_answer` or `other_refuse`.
    public static func callTaken(messageID: String, status: String) -> GatewayEvent {
        GatewayEvent(256) { writer in
            writer.member("op", "call")
            writer.member("messageId", messageID)
            writer.member("status", status)
        }
    }

    /// - Parameters:
    ///   - sender: who had sent the message.
    ///   - actor: who revoked it.
    public static func revoked(messageID: String, sender: String, by actor: String) -> GatewayEvent {
        GatewayEvent(257) { writer in
            writer.member("messageId", messageID)
            writer.member("from", sender)
            writer.member("by", actor)
        }
    }

    public static func burned(messageID: String, by actor: String) -> GatewayEvent {
        GatewayEvent(258) { writer in
            writer.member("messageId", messageID)
            writer.member("by", actor)
        }
    }

    /// The account has read a conversation up to `seq` of its inbox.
    public static func conversationRead(peer: String, seq: Int64) -> GatewayEvent {
        GatewayEvent(259) { writer in
            writer.member("peer", peer)
            writer.member("seq", seq)
        }
    }

    /// The type of ``groupChanged(groupID:change:members:isCut:)``.
    public static let groupChangedType = 260

    /// How a group was changed.
    public enum GroupChange: String, Sendable { case created, joined, left, renamed, deleted }

    /// - Parameters:
    ///   - members: accounts that the change is about.
    ///   - isCut: there were more of them.
    public static func groupChanged(
        groupID: String, change: GroupChange, members: [String], isCut: Bool = false
    ) -> GatewayEvent {
        GatewayEvent(groupChangedType) { writer in
            writer.member("groupId", groupID)
            writer.member("change", change.rawValue)
            writer.array("members") { for member in members { $0.string(member) } }
            if isCut { writer.member("cut", true) }
        }
    }

    /// `peer` has read the receiver's message.
    public static func messageRead(peer: String, messageID: String) -> GatewayEvent {
        GatewayEvent(261) { writer in
            writer.member("peer", peer)
            writer.member("messageId", messageID)
        }
    }
}
