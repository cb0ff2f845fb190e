import PushGateClient

extension ReferenceModel {
    mutating func read(
        _ peer: String, _ seq: Int64?, _ named: String?, by caller: Operation.Caller
    ) -> Expectation {
        if caller == .foreignApp { return .refused("recipient_not_found") }
        guard let id = device(caller)?.account ?? named.flatMap(account(named:)), let reader = accounts[id] else {
            return .refused("recipient_not_found")
        }
        guard isPeer(peer) else { return .refused("recipient_not_found") }
        let peer = account(named: peer) ?? peer
        let newest = reader.entries.last { $0.peer == peer }?.seq ?? 0
        let before = reader.readCursors[peer] ?? 0
        let after = max(before, min(seq ?? newest, newest))
        touched.accounts.insert(id)
        touched.conversations.insert(.init(account: id, peer: peer))
        if after > before {
            accounts[id]?.readCursors[peer] = after
            let event = Event(
                type: 259, content: .exactly(["peer": .string(peer), "seq": JSONValue(after)]),
                from: eventSource(peer, by: device(caller)?.account ?? appID),
                target: groups[peer] == nil ? nil : .text(device(caller)?.account ?? appID))
            tell(event, [id])
            sendReceipt(to: peer, from: id, before: before, after: after, entries: reader.entries)
        }
        return .done(
            [("peer", .text(peer)), ("seq", .number(after)), ("unread", .number(unread(of: id, with: peer).count))],
            .read(account: id, peer: peer))
    }

    private func isPeer(_ name: String) -> Bool {
        account(named: name) != nil || groups[name] != nil || name == appID
    }

    private func eventSource(_ peer: String, by actor: String) -> Field {
        .text(groups[peer] == nil ? actor : peer)
    }

    /// The other person's account learns how far its messages were read.
    private mutating func sendReceipt(
        to peer: String, from reader: String, before: Int64, after: Int64, entries: [Entry]
    ) {
        guard accounts[peer] != nil, peer != reader else { return }
        let newest = entries[Int(before)..<Int(after)].last { entry in
            guard entry.peer == peer, !entry.isOwn, case .message(let id, _) = entry.source,
                let message = messages[id]
            else { return false }
            return message.form == .single
        }
        guard let newest, case .message(let id, _) = newest.source else { return }
        tell(
            Event(
                type: 261, content: .exactly(["peer": .string(reader), "messageId": .string(id)]),
                from: .text(reader), target: nil), [peer])
    }

    /// Ids of what an account has not read of one conversation, oldest first.
    func unread(of account: String, with peer: String) -> [String] {
        guard let reader = accounts[account] else { return [] }
        let cursor = reader.readCursors[peer] ?? 0
        return reader.entries.compactMap { entry in
            guard entry.peer == peer, entry.counts, !entry.isOwn, entry.seq > cursor,
                case .message(let id, _) = entry.source, let message = messages[id], message.state == .live,
                message.burned[account] == nil
            else { return nil }
            return id
        }
    }

    /// Conversations of an account, the one with the newest entry first.
    func peers(of account: String) -> [String] {
        var seen: Set<String> = []
        return (accounts[account]?.entries ?? []).reversed().compactMap(\.peer).filter { seen.insert($0).inserted }
    }
}
