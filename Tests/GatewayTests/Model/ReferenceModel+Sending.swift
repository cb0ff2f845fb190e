import PushGateClient

extension ReferenceModel {
    mutating func send(_ message: OutgoingMessage, by caller: Operation.Caller) -> Expectation {
        let sender: (account: String?, name: String)
        switch caller {
        case .device(let index):
            let own = devices[index].account
            if message.audience != nil { return .refused("forbidden") }
            if let from = message.from, from != own { return .refused("forbidden") }
            sender = (own, own)
        case .app:
            guard let from = message.from, from != appID else {
                sender = (nil, appID)
                break
            }
            guard let account = account(named: from) else {
                return .refused(messages[message.id] == nil ? "recipient_not_found" : "message_id_conflict")
            }
            sender = (account, account)
        case .foreignApp: return .refused("recipient_not_found")
        }
        if let known = messages[message.id] { return answerAgain(known, message, sender.name) }
        return accept(message, sender.account, sender.name)
    }

    private func answerAgain(_ known: Message, _ message: OutgoingMessage, _ sender: String) -> Expectation {
        let isSame =
            known.from == sender && message.type == known.sent.type
            && known.revisions[0].content.canonical == message.content.canonical
            && known.sent.audience?.canonical == message.audience?.canonical
            && message.to.map(canonicalName) == known.sent.to.map(canonicalName)
            && canonicalName(message.target ?? "") == canonicalName(known.sent.target ?? "")
        guard isSame else { return .refused("message_id_conflict") }
        return .done(answer(to: known, isDuplicate: true), nil)
    }

    private func canonicalName(_ name: String) -> String { account(named: name) ?? name }

    private func answer(to message: Message, isDuplicate: Bool) -> [(String, Field)] {
        var members: [(String, Field)] = [
            ("id", .text(message.id)), ("duplicate", .flag(isDuplicate)),
            ("serverTime", message.serverTime.map { .number($0) } ?? .anyTime),
        ]
        // A job (tags) counts later.
        if message.sent.audience?["tags"] == nil { members.append(("recipients", .number(message.recipients))) }
        if let seq = message.ownSeq { members.append(("seq", .number(seq))) }
        return members
    }

    private mutating func accept(_ message: OutgoingMessage, _ account: String?, _ sender: String) -> Expectation {
        var receivers: Set<String>
        let form: Message.Form
        var to = message.to ?? ""
        let target = message.target == "" ? nil : message.target
        var memberNamed: String?
        let senderPeer: String
        if let audience = message.audience {
            guard let found = resolve(audience) else { return .refused("recipient_not_found") }
            (form, receivers, senderPeer) = (.audience, found, sender)
        } else if to.hasPrefix("user:") || to.hasPrefix("acct_") {
            if target != nil { return .refused("invalid_request") }
            guard let receiver = self.account(named: to) else { return .refused("recipient_not_found") }
            (form, receivers, to, senderPeer) = (.single, [receiver], receiver, receiver)
        } else {
            guard let group = groups[to], !group.isDeleted else { return .refused("recipient_not_found") }
            if let account, !group.members.contains(account) { return .refused("not_a_member") }
            if let target {
                guard let member = self.account(named: target), group.members.contains(member) else {
                    return .refused("recipient_not_found")
                }
                memberNamed = member
            }
            (form, receivers, senderPeer) = (.group, memberNamed.map { [$0] } ?? group.members, to)
        }
        let isToOneself = form == .single && receivers == Set([account].compactMap(\.self))
        if let account { receivers.remove(account) }

        var archived = Message(
            sent: message, form: form, from: sender, to: to, target: memberNamed, senderAccount: account,
            revisions: [.init(content: message.content, timestamp: message.timestamp)])
        archived.ordinal = messageIDs.count
        archived.recipients = receivers.count
        messageIDs.append(message.id)
        messages[message.id] = archived
        let source = Entry.Source.message(message.id, revision: 0)
        if let account, message.sync ?? true || isToOneself {
            let seq = append(source, to: account, peer: senderPeer, isOwn: true)
            archived.copies.append(.init(account: account, seq: seq, isOwn: true))
        }
        for receiver in receivers.sorted() {
            let seq = append(
                source, to: receiver, peer: form == .group ? to : sender, counts: message.countUnread ?? true)
            archived.copies.append(.init(account: receiver, seq: seq, isOwn: false))
        }
        messages[message.id] = archived
        touched.messages.append(message.id)
        return .done(answer(to: archived, isDuplicate: false), .sent(id: message.id))
    }

    /// Who is in an audience, each once; nil when nobody is known. Users, accounts and groups add up, tags narrow.
    private func resolve(_ audience: JSONValue) -> Set<String>? {
        let names =
            (audience["users"]?.array ?? []).compactMap { $0.string.map { "user:" + $0 } }
            + (audience["accounts"]?.array ?? []).compactMap(\.string)
        var found = Set(names.compactMap { account(named: $0) })
        var isKnown = !found.isEmpty
        for name in (audience["groups"]?.array ?? []).compactMap(\.string) {
            guard let group = groups[name], !group.isDeleted else { continue }
            found.formUnion(group.members)
            isKnown = true
        }
        if let wanted = audience["tags"] {
            if audience["users"] == nil, audience["groups"] == nil, audience["accounts"] == nil {
                found = Set(accountIDs)
                isKnown = true
            }
            func members(_ kind: String) -> [Set<String>] {
                (wanted[kind]?.array ?? []).compactMap(\.string).map { tags[$0] ?? [] }
            }
            if wanted["any"] != nil { found.formIntersection(members("any").reduce(Set()) { $0.union($1) }) }
            for tagged in members("all") { found.formIntersection(tagged) }
            for tagged in members("not") { found.subtract(tagged) }
        }
        return isKnown ? found : nil
    }
}

extension JSONValue {
    /// With the members of every object sorted by name: equal for two that say the same.
    var canonical: JSONValue {
        switch self {
        case .object(let members):
            .object(members.map { Member($0.name, $0.value.canonical) }.sorted { $0.name < $1.name })
        case .array(let elements): .array(elements.map(\.canonical))
        default: self
        }
    }
}
