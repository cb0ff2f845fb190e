import PushGateClient

/// Revoke, burn, update.
extension ReferenceModel {
    /// The name that events give to whoever acts.
    private func name(of caller: Operation.Caller) -> String {
        device(caller)?.account ?? appID
    }

    /// A message that the caller may name at all: another tenant's is not there.
    private func message(_ id: String, for caller: Operation.Caller) -> Message? {
        caller == .foreignApp ? nil : messages[id]
    }

    /// Those who have a copy, its sender included.
    private func holders(_ message: Message) -> [String] { message.copies.map(\.account) }

    /// An event about a message: in a group it comes from the group.
    private func event(_ type: Int, _ content: JSONValue, about message: Message, by actor: String) -> Event {
        message.form == .group
            ? Event(type: type, content: .exactly(content), from: .text(message.to), target: .text(actor))
            : Event(type: type, content: .exactly(content), from: .text(actor), target: nil)
    }

    mutating func revoke(_ id: String, by caller: Operation.Caller) -> Expectation {
        guard var message = message(id, for: caller) else { return .refused("not_found") }
        if let account = device(caller)?.account, account != message.senderAccount {
            return .refused(refusal("not_sender", message, account))
        }
        switch message.state {
        case .burned: return .refused("message_burned")
        case .revoked:
            return .done([("id", .text(id)), ("revokedAt", message.changedAt.map { .number($0) } ?? .anyTime)], nil)
        case .live: break
        }
        message.state = .revoked
        messages[id] = message
        touch(message)
        let actor = name(of: caller)
        tell(
            event(
                257, ["messageId": .string(id), "from": .string(message.from), "by": .string(actor)], about: message,
                by: actor), holders(message))
        return .done([("id", .text(id)), ("revokedAt", .anyTime)], .revoked(id: id))
    }

    mutating func burn(_ id: String, by caller: Operation.Caller) -> Expectation {
        // No app is a receiver, whatever it names.
        guard let account = device(caller)?.account else {
            return .refused(caller == .app ? ["forbidden", "not_recipient"] : ["forbidden", "not_found"])
        }
        guard var message = messages[id] else { return .refused("not_found") }
        guard message.receivers.contains(account) else {
            return .refused(refusal("not_recipient", message, account))
        }
        if message.state == .revoked { return .refused("message_revoked") }
        if let at = message.burned[account] {
            return .done([("id", .text(id)), ("burnedAt", at.map { .number($0) } ?? .anyTime)], nil)
        }
        message.burned[account] = .some(nil)
        let isLast = Set(message.receivers).isSubset(of: message.burned.keys)
        if isLast { message.state = .burned }
        messages[id] = message
        touch(message, only: isLast ? nil : account)
        let event = event(
            258, ["messageId": .string(id), "by": .string(account)], about: message, by: account)
        // The sender is told, with or without a copy of its own: of a single message it has only one receiver.
        tell(event, [account] + (isLast ? [message.senderAccount].compactMap(\.self) : []))
        return .done([("id", .text(id)), ("burnedAt", .anyTime)], .burned(id: id, account: account))
    }

    mutating func update(
        _ id: String, _ content: JSONValue, _ timestamp: Int64?, by caller: Operation.Caller
    ) -> Expectation {
        guard var message = message(id, for: caller) else { return .refused("not_found") }
        if let account = device(caller)?.account, account != message.senderAccount {
            return .refused(refusal("not_sender", message, account))
        }
        switch message.state {
        case .revoked: return .refused("message_revoked")
        case .burned: return .refused("message_burned")
        case .live: break
        }
        if message.sent.type == .text, content["text"] == nil { return .refused("invalid_request") }
        if message.current.content.canonical == content.canonical {
            return .done(
                [
                    ("id", .text(id)), ("revision", .number(message.revisions.count - 1)),
                    ("serverTime", message.current.serverTime.map { .number($0) } ?? .anyTime),
                ], nil)
        }
        message.revisions.append(.init(content: content, timestamp: timestamp))
        messages[id] = message
        touch(message)
        let revision = message.revisions.count - 1
        for copy in message.copies {
            append(.message(id, revision: revision), to: copy.account, isOwn: copy.isOwn)
        }
        return .done(
            [("id", .text(id)), ("revision", .number(revision)), ("serverTime", .anyTime)], .updated(id: id))
    }

    /// Who neither sent nor received a message is not told that there is one.
    private func refusal(_ code: String, _ message: Message, _ account: String) -> String {
        message.copy(of: account) != nil || message.senderAccount == account ? code : "not_found"
    }
}
