import PushGateClient

/// One step of a run: somebody does something at one of the doors.
struct Operation: Sendable {
    enum Caller: Hashable, Sendable {
        /// By its place in ``ReferenceModel/devices``; it may have ended.
        case device(Int)
        case app
        /// An app of another tenant.
        case foreignApp
    }

    enum Door: String, Sendable {
        case http, mqtt
        /// `POST /v1/messages/batch` with one message.
        case batch
    }

    enum Restart: String, Sendable { case terminated, killed, brokerKilled }

    enum Action: Sendable {
        case send(OutgoingMessage)
        case acknowledge(seq: Int64)
        /// - Parameters:
        ///   - seq: nil = all.
        ///   - account: for an app, whose conversation it is.
        case read(peer: String, seq: Int64?, account: String?)
        case revoke(String)
        case burn(String)
        case update(String, content: JSONValue, timestamp: Int64?)
        case createGroup(String, users: [String])
        case join(String, users: [String])
        case leave(String, users: [String])
        case deleteGroup(String)
        case tag(String, users: [String])
        case untag(String, users: [String])
        case register(user: String, code: String)
        case deregister
        case connect
        case disconnect
        case restart(Restart)
    }

    var caller: Caller
    var door: Door
    var action: Action

    init(_ action: Action, by caller: Caller, at door: Door = .http) {
        self.caller = caller
        self.door = door
        self.action = action
    }

    var description: String { "\(caller) at \(door): \(action)" }
}

extension Operation.Action: CustomStringConvertible {
    var description: String {
        switch self {
        case .send(let message): "send \(message.json)"
        case .acknowledge(let seq): "ack \(seq)"
        case .read(let peer, let seq, let account):
            "read \(peer) up to \(seq.map(String.init) ?? "the end")\(account.map { " of \($0)" } ?? "")"
        case .revoke(let id): "revoke \(id)"
        case .burn(let id): "burn \(id)"
        case .update(let id, let content, let timestamp):
            "update \(id) \(content)\(timestamp.map { " at \($0)" } ?? "")"
        case .createGroup(let id, let users): "create group \(id) of \(users)"
        case .join(let id, let users): "join \(id) by \(users)"
        case .leave(let id, let users): "leave \(id) by \(users)"
        case .deleteGroup(let id): "delete group \(id)"
        case .tag(let tag, let users): "tag \(tag) for \(users)"
        case .untag(let tag, let users): "untag \(tag) from \(users)"
        case .register(let user, let code): "register \(code) for \(user)"
        case .deregister: "deregister"
        case .connect: "connect"
        case .disconnect: "disconnect"
        case .restart(let kind): "restart: \(kind.rawValue)"
        }
    }
}
