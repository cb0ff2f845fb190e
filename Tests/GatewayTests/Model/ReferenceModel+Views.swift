import PushGateClient

/// What devices and apps have to be shown.
extension ReferenceModel {
    /// The span of time in which something was looked at, in milliseconds since 1970.
    typealias Moment = ClosedRange<Int64>

    /// An entry as `sync` has it.
    func item(_ entry: Entry, of account: String, at moment: Moment) -> ExpectedItem {
        switch entry.source {
        case .event(let event): return item(event, entry, account)
        case .message(let id, let revision):
            guard let message = messages[id] else { return ExpectedItem(members: []) }
            return item(message, revision: revision, seq: .number(entry.seq), of: account, at: moment)
        }
    }

    private func item(_ event: Event, _ entry: Entry, _ account: String) -> ExpectedItem {
        var head: [(String, Field)] = [
            ("id", entry.id.map { .text($0) } ?? .text), ("from", event.from), ("to", .text(account)),
        ]
        // Who changed a group is not always told.
        if let target = event.target, event.type != 260 { head.append(("target", target)) }
        return ExpectedItem(
            members: head + [
                ("tenantNo", .text(tenantNo)), ("type", .number(event.type)), ("content", event.content),
                ("timestamp", .anyTime), ("isBackground", .oneOf([true, false])), ("seq", .number(entry.seq)),
                ("serverTime", entry.serverTime.map { .number($0) } ?? .anyTime), ("revision", .number(0)),
            ], optionalTarget: event.type == 260 ? event.target : nil, isEvent: true)
    }

    private func item(
        _ message: Message, revision: Int, seq: Field, of account: String, at moment: Moment
    ) -> ExpectedItem {
        let times = message.revisions.compactMap { $0.serverTime }
        var members: [(String, Field)] = [("id", .text(message.id))]
        switch message.form {
        case .single: members += [("from", .text(message.from)), ("to", .text(message.to))]
        case .group:
            members += [("from", .text(message.to)), ("to", .text(account)), ("target", .text(message.from))]
        case .audience: members += [("from", .text(message.from)), ("to", .text(account))]
        }
        let isNewest = revision == message.revisions.count - 1
        let timestamps = message.revisions.compactMap { $0.timestamp }.map { JSONValue($0) }
        members += [
            ("tenantNo", .text(tenantNo)), ("type", .number(message.sent.type.rawValue)),
            ("content", .exactly(.null)),
            // An update that names no time keeps the one before or takes its own.
            (
                "timestamp",
                message.current.timestamp.map { isNewest ? .number($0) : .oneOf(timestamps) } ?? .anyTime
            ),
            ("isBackground", .flag(message.sent.isBackground)), ("seq", seq),
            ("serverTime", .oneOf(times.map { JSONValue($0) })), ("revision", .number(revision)),
        ]
        if let ttl = message.sent.timeToLive { members.append(("ttl", .number(ttl))) }
        var item = ExpectedItem(members: members, content: message.revisions[revision].content)
        switch message.state {
        case .revoked: item.reasons.insert("revoked")
        case .burned: item.reasons.insert("burned")
        case .live: break
        }
        if message.burned[account] != nil { item.reasons.insert("burned") }
        if !isNewest { item.reasons.insert("superseded") }
        if let expiry = expiry(message) {
            if expiry < moment.lowerBound { item.reasons.insert("expired") }
            item.mayHaveExpired = expiry <= moment.upperBound
        }
        return item
    }

    private func expiry(_ message: Message) -> Int64? {
        guard let ttl = message.sent.timeToLive, let time = message.serverTime else { return nil }
        return time + Int64(ttl) * 1000
    }

    struct HistoryItem: Sendable {
        let item: ExpectedItem
        /// Its life has ended: it may be left out.
        let mayBeLeftOut: Bool
    }

    /// A history, oldest first: no events, an edited message once with its last content.
    func history(of account: String, with peer: String?, at moment: Moment) -> [HistoryItem] {
        (accounts[account]?.entries ?? []).compactMap { entry in
            guard let own = entry.peer, peer == nil || own == peer, case .message(let id, 0) = entry.source,
                let message = messages[id]
            else { return nil }
            let item = item(
                message, revision: message.revisions.count - 1, seq: .number(entry.seq), of: account, at: moment)
            return HistoryItem(
                item: item, mayBeLeftOut: item.mayHaveExpired)
        }
    }

    // MARK: The original

    /// `message` of `GET /v1/messages/{id}` for an app: as written.
    func original(_ message: Message, at moment: Moment) -> [(String, Field)] {
        var members: [(String, Field)] = [
            ("id", .text(message.id)), ("from", .text(message.from)),
            ("type", .number(message.sent.type.rawValue)), ("revision", .number(message.revisions.count - 1)),
        ]
        if message.form != .audience { members.append(("to", .text(message.to))) }
        if let target = message.target { members.append(("target", .text(target))) }
        switch message.state {
        case .live where expiry(message).map({ $0 > moment.upperBound }) ?? true:
            members.append(("content", .exactly(message.current.content)))
        case .live: break
        case .revoked: members += [("content", .exactly(.null)), ("revoked", .flag(true))]
        case .burned: members += [("content", .exactly(.null)), ("burned", .flag(true))]
        }
        return members
    }

    // MARK: Trace

    struct ExpectedTrace: Sendable {
        let account: String
        /// nil: the account had no device.
        let deviceID: String?
        let outcomes: Set<String>
        let reasons: Set<String>
        /// nil: the device acknowledges by itself, and may have done so by now.
        let isAcknowledged: Bool?
        let isRead: Bool
    }

    /// What the trace of a message has to say, by account and device.
    func trace(_ message: Message, at moment: Moment) -> [ExpectedTrace] {
        message.copies.flatMap { copy -> [ExpectedTrace] in
            let isRead = !copy.isOwn && isRead(copy)
            let there = devices.filter { device in
                device.account == copy.account && device.startSeq < copy.seq
                    && (device.endedAtMessage ?? .max) > message.ordinal
            }
            if there.isEmpty {
                return [
                    ExpectedTrace(
                        account: copy.account, deviceID: nil, outcomes: ["waiting", "not_pushed"],
                        reasons: copy.isOwn ? ["own"] : reasons(message, copy, nil, moment), isAcknowledged: false,
                        isRead: isRead)
                ]
            }
            return there.map { device in
                let isAcknowledged: Bool? = device.cursor >= copy.seq ? true : device.isCursorExact ? false : nil
                return ExpectedTrace(
                    account: copy.account, deviceID: device.deviceID,
                    outcomes: isAcknowledged == true
                        ? ["acknowledged"]
                        : isAcknowledged == nil
                            ? ["acknowledged", "waiting", "not_pushed"] : ["waiting", "not_pushed"],
                    reasons: isAcknowledged == true
                        ? [] : copy.isOwn ? ["own"] : reasons(message, copy, device, moment),
                    isAcknowledged: isAcknowledged, isRead: isRead)
            }
        }
    }

    private func isRead(_ copy: Message.Copy) -> Bool {
        guard let account = accounts[copy.account], let peer = account.entries[Int(copy.seq) - 1].peer else {
            return false
        }
        return account.readCursors[peer] ?? 0 >= copy.seq
    }

    /// Reasons against a push, of which the one that held when it was decided is shown. Devices here have no token.
    private func reasons(_ message: Message, _ copy: Message.Copy, _ device: Device?, _ moment: Moment) -> Set<String> {
        var reasons: Set = ["waiting", "no_token"]
        switch message.state {
        case .revoked: reasons.insert("revoked")
        case .burned: reasons.insert("burned")
        case .live: break
        }
        if message.burned[copy.account] != nil { reasons.insert("burned") }
        if message.revisions.count > 1 { reasons.insert("superseded") }
        if isRead(copy) { reasons.insert("read") }
        if let device, !device.isActive { reasons.insert("deregistered") }
        if let expiry = expiry(message), expiry <= moment.upperBound { reasons.insert("expired") }
        return reasons
    }
}
