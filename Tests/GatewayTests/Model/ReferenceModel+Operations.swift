import PushGateClient

extension ReferenceModel {
    /// Carries an operation out and says how it has to end.
    mutating func apply(_ operation: Operation) -> Expectation {
        touched = Touched()
        if case .device(let index) = operation.caller, !devices[index].isActive {
            return .refused("token_revoked")
        }
        switch operation.action {
        case .send(let message): return send(message, by: operation.caller)
        case .acknowledge(let seq): return acknowledge(seq, by: operation.caller)
        case .read(let peer, let seq, let account): return read(peer, seq, account, by: operation.caller)
        case .revoke(let id): return revoke(id, by: operation.caller)
        case .burn(let id): return burn(id, by: operation.caller)
        case .update(let id, let content, let timestamp):
            return update(id, content, timestamp, by: operation.caller)
        case .createGroup(let id, let users): return createGroup(id, users, by: operation.caller)
        case .join(let id, let users): return join(id, users, by: operation.caller)
        case .leave(let id, let users): return leave(id, users, by: operation.caller)
        case .deleteGroup(let id): return deleteGroup(id, by: operation.caller)
        case .tag(let tag, let users): return setTag(tag, users, to: true, by: operation.caller)
        case .untag(let tag, let users): return setTag(tag, users, to: false, by: operation.caller)
        case .register(let user, let code): return register(user, code)
        case .deregister: return deregister(operation.caller)
        case .connect:
            guard case .device(let index) = operation.caller else { return .refused("forbidden") }
            devices[index].isConnected = true
            devices[index].isCursorExact = false
            touched.accounts.insert(devices[index].account)
            return .done([], nil)
        case .disconnect:
            guard case .device(let index) = operation.caller else { return .refused("forbidden") }
            devices[index].isConnected = false
            return .done([], .acknowledged(device: index))
        case .restart: return .done([], nil)
        }
    }

    // MARK: Devices

    private mutating func register(_ user: String, _ code: String) -> Expectation {
        guard let account = accountOfUser[user], let head = accounts[account]?.head else { return .refused("unknown") }
        let bound = devices.firstIndex { $0.isActive && $0.code == code }
        if let bound, devices[bound].account == account {
            return .done(
                [
                    ("account", .text(account)), ("deviceId", .text(devices[bound].deviceID)),
                    ("userId", .text(user)), ("tenantNo", .text(tenantNo)), ("seq", .number(head)),
                ], nil)
        }
        if let bound {
            guard moves[code, default: 0] < 5 else { return .refused("rate_limited") }
            moves[code, default: 0] += 1
            end(bound)
            tell(
                Event(
                    type: 256,
                    content: .exactly([
                        "op": "device_moved", "deviceId": .string(devices[bound].deviceID),
                    ]), from: .text, target: nil), [devices[bound].account])
        }
        devices.append(
            Device(account: account, code: code, startSeq: head, cursor: head))
        touched.accounts.insert(account)
        return .done(
            [
                ("account", .text(account)), ("deviceId", .text), ("userId", .text(user)),
                ("tenantNo", .text(tenantNo)), ("seq", .number(head)),
            ], .registered(device: devices.count - 1))
    }

    private mutating func deregister(_ caller: Operation.Caller) -> Expectation {
        guard case .device(let index) = caller else { return .refused("forbidden") }
        end(index)
        return .done([], nil)
    }

    private mutating func end(_ index: Int) {
        devices[index].isActive = false
        devices[index].isConnected = false
        devices[index].endedAtMessage = messageIDs.count
    }

    // MARK: Acknowledging

    private mutating func acknowledge(_ seq: Int64, by caller: Operation.Caller) -> Expectation {
        guard case .device(let index) = caller, let account = accounts[devices[index].account] else {
            return .refused(["forbidden", "unauthenticated"])
        }
        let device = devices[index]
        let least = max(device.cursor, min(seq, account.head))
        touched.accounts.insert(account.id)
        devices[index].cursor = least
        guard !device.isCursorExact else {
            return .done([("seq", .number(least)), ("broadcastSeq", .integer(0...Int64.max))], nil)
        }
        // It acknowledges by itself as well.
        return .done([("seq", .integer(least...max(least, account.head)))], .acknowledged(device: index))
    }

    // MARK: Groups

    private mutating func createGroup(_ id: String, _ users: [String], by caller: Operation.Caller) -> Expectation {
        guard caller == .app else { return .refused(["forbidden", "unauthenticated"]) }
        guard groups[id] == nil else { return .refused("conflict") }
        let members = users.compactMap { accountOfUser[$0] }
        groups[id] = Group(id: id, members: Set(members))
        tellGroup(id, "created", members)
        return .done(
            [("groupId", .text(id)), ("name", .text), ("memberCount", .number(Set(members).count))], nil)
    }

    private mutating func join(_ id: String, _ users: [String], by caller: Operation.Caller) -> Expectation {
        guard caller == .app else { return .refused(["forbidden", "unauthenticated"]) }
        guard let group = groups[id], !group.isDeleted else { return .refused("not_found") }
        let new = users.compactMap { accountOfUser[$0] }.filter { !group.members.contains($0) }
        groups[id]?.members.formUnion(new)
        if !new.isEmpty { tellGroup(id, "joined", new) }
        return .done(
            [("memberCount", .number(group.members.union(new).count)), ("changed", .number(Set(new).count))], nil)
    }

    private mutating func leave(_ id: String, _ users: [String], by caller: Operation.Caller) -> Expectation {
        guard caller == .app else { return .refused(["forbidden", "unauthenticated"]) }
        guard let group = groups[id], !group.isDeleted else { return .refused("not_found") }
        let gone = users.compactMap { accountOfUser[$0] }.filter { group.members.contains($0) }
        groups[id]?.members.subtract(gone)
        if !gone.isEmpty { tellGroup(id, "left", gone, and: gone) }
        return .done(
            [("memberCount", .number(group.members.subtracting(gone).count)), ("changed", .number(gone.count))], nil)
    }

    private mutating func deleteGroup(_ id: String, by caller: Operation.Caller) -> Expectation {
        guard caller == .app else { return .refused(["forbidden", "unauthenticated"]) }
        guard let group = groups[id], !group.isDeleted else { return .refused("not_found") }
        tellGroup(id, "deleted", Array(group.members))
        groups[id]?.isDeleted = true
        groups[id]?.members = []
        return .done([], nil)
    }

    private mutating func tellGroup(_ id: String, _ change: String, _ members: [String], and others: [String] = []) {
        let content: [(String, Field)] = [
            ("groupId", .text(id)), ("change", .text(change)), ("members", .permutation(of: members)),
        ]
        let event = Event(type: 260, content: .object(content), from: .text(id), target: .text(appID))
        tell(event, Array((groups[id]?.members ?? []).union(others)))
    }

    // MARK: Tags

    private mutating func setTag(
        _ tag: String, _ users: [String], to isSet: Bool, by caller: Operation.Caller
    ) -> Expectation {
        guard caller == .app else { return .refused(["forbidden", "unauthenticated"]) }
        let before = tags[tag, default: []]
        let named = Set(users.compactMap { accountOfUser[$0] })
        if !isSet, tags[tag] == nil { return .refused("not_found") }
        let after = isSet ? before.union(named) : before.subtracting(named)
        tags[tag] = after
        return .done(
            [("memberCount", .number(after.count)), ("changed", .number(abs(after.count - before.count)))], nil)
    }
}
