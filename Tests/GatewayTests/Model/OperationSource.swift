import PushGateClient

/// Makes up operations from a seed: most of them sensible, some by the wrong people, some senseless.
struct OperationSource {
    private enum Kind: CaseIterable {
        case single, group, audience, again, acknowledge, read, revoke, burn, update
        case createGroup, join, leave, deleteGroup, tag, untag
        case register, deregister, connect, disconnect, restart

        /// Per thousand, roughly.
        var weight: Int {
            switch self {
            case .single: 250
            case .group: 150
            case .audience: 30
            case .again: 60
            case .acknowledge: 80
            case .read: 100
            case .revoke: 60
            case .burn: 90
            case .update: 60
            case .createGroup: 8
            case .join, .leave: 25
            case .deleteGroup: 3
            case .tag, .untag: 8
            case .register: 35
            case .deregister: 15
            case .connect, .disconnect: 12
            case .restart: 3
            }
        }
    }

    static let groupsMax = 8
    static let connectedMax = 5

    var random: RandomSource
    let users: [String]
    /// Codes of devices that come, go and change hands.
    private let codes = (0..<14).map { "code-\($0)" }
    /// These stay as they are: what they receive is compared throughout.
    let permanent: Set<Int>
    private var nextID = 0

    init(seed: UInt64, users: [String], permanent: Set<Int>) {
        random = RandomSource(seed: seed)
        self.users = users
        self.permanent = permanent
    }

    mutating func next(_ model: ReferenceModel) -> Operation {
        while true {
            if let operation = make(kind(), model) { return operation }
        }
    }

    private mutating func kind() -> Kind {
        var left = Int.random(in: 0..<Kind.allCases.reduce(0) { $0 + $1.weight }, using: &random)
        for kind in Kind.allCases {
            left -= kind.weight
            if left < 0 { return kind }
        }
        return .single
    }

    private mutating func make(_ kind: Kind, _ model: ReferenceModel) -> Operation? {
        switch kind {
        case .single: return single(model)
        case .group: return group(model)
        case .audience: return audience(model)
        case .again: return again(model)
        case .acknowledge: return acknowledge(model)
        case .read: return read(model)
        case .revoke: return change(model) { .revoke($0.id) }
        case .burn: return burn(model)
        case .update:
            let content = random.chance(percent: 97) ? self.content() : ["title": "no text"]
            let timestamp = random.chance(percent: 50) ? random.number(1_700_000_000_000...1_800_000_000_000) : nil
            let isSame = random.chance(percent: 25)
            return change(model) { message in
                .update(message.id, content: isSame ? message.current.content : content, timestamp: timestamp)
            }
        case .createGroup, .join, .leave, .deleteGroup: return changeGroup(kind, model)
        case .tag: return byApp(.tag(tagName(), users: random.some(users, upTo: 3)))
        case .untag: return byApp(.untag(tagName(), users: random.some(users, upTo: 3)))
        case .register:
            guard let user = random.pick(users), let code = random.pick(codes) else { return nil }
            return byApp(.register(user: user, code: code))
        case .deregister: return goingDevice(model).map { by($0, .deregister, model) }
        case .connect:
            guard model.devices.count(where: \.isConnected) < Self.connectedMax, let device = goingDevice(model),
                !model.devices[device].isConnected
            else { return nil }
            return Operation(.connect, by: .device(device))
        case .disconnect:
            guard let device = goingDevice(model), model.devices[device].isConnected else { return nil }
            return Operation(.disconnect, by: .device(device))
        case .restart:
            return random.pick([.terminated, .killed, .terminated, .killed, .brokerKilled]).map { byApp(.restart($0)) }
        }
    }

    // MARK: Callers

    private func byApp(_ action: Operation.Action) -> Operation { Operation(action, by: .app) }

    private mutating func goingDevice(_ model: ReferenceModel) -> Int? {
        random.pick(model.activeDevices.filter { !permanent.contains($0) })
    }

    /// A device of anybody; now and then one that has ended.
    private mutating func anyDevice(_ model: ReferenceModel) -> Int? {
        random.chance(percent: 3) ? random.pick(Array(model.devices.indices)) : random.pick(model.activeDevices)
    }

    private mutating func device(of account: String, _ model: ReferenceModel) -> Int? {
        random.pick(model.activeDevices.filter { model.devices[$0].account == account })
    }

    /// By a device, over MQTT where it is connected.
    private mutating func by(_ device: Int, _ action: Operation.Action, _ model: ReferenceModel) -> Operation {
        let door: Operation.Door = model.devices[device].isConnected && random.chance(percent: 60) ? .mqtt : .http
        return Operation(action, by: .device(device), at: door)
    }

    // MARK: Sending

    private mutating func newID() -> String {
        nextID += 1
        return "m-\(nextID)"
    }

    private mutating func content() -> JSONValue {
        [
            "text": .string("text \(random.number(0...999_999))"),
            "more": .array([.number("1.50"), .null, "ü \u{1F600}"]),
        ]
    }

    private mutating func message(to: String?) -> OutgoingMessage {
        let isCustom = random.chance(percent: 15)
        var message = OutgoingMessage(
            id: newID(), to: to, type: isCustom ? .custom : .text,
            content: isCustom ? ["n": JSONValue(random.number(0...9))] : content(),
            timestamp: random.number(1_700_000_000_000...1_800_000_000_000))
        message.isBackground = random.chance(percent: 10)
        if random.chance(percent: 10) { message.sync = false }
        if random.chance(percent: 10) { message.countUnread = false }
        if random.chance(percent: 4) { message.timeToLive = random.chance(percent: 30) ? 1 : 86_400 }
        return message
    }

    private mutating func single(_ model: ReferenceModel) -> Operation? {
        guard let to = random.pick(model.accountIDs) else { return nil }
        var message = message(to: to)
        if random.chance(percent: 3) { message.to = "acct_nobody" }
        if random.chance(percent: 2) { message.target = to }
        return send(message, model)
    }

    private mutating func group(_ model: ReferenceModel) -> Operation? {
        guard let group = random.pick(model.groups.values.sorted { $0.id < $1.id }) else { return nil }
        var message = message(to: group.id)
        if random.chance(percent: 30) {
            message.target =
                random.chance(percent: 85)
                ? random.pick(group.members.sorted()) : random.pick(model.accountIDs)
        } else if random.chance(percent: 10) {
            message.target = ""
        }
        if random.chance(percent: 80), let member = random.pick(group.members.sorted()),
            let device = device(of: member, model)
        {
            return at(device, message, model)
        }
        return send(message, model)
    }

    private mutating func audience(_ model: ReferenceModel) -> Operation? {
        var message = message(to: nil)
        let users = random.some(users, upTo: 4).map { JSONValue.string($0) }
        switch random.number(0...2) {
        case 0: message.audience = ["users": .array(users)]
        case 1:
            guard let group = random.pick(model.groups.keys.sorted()) else { return nil }
            message.audience = ["users": .array(users), "groups": [.string(group)]]
        default: message.audience = ["accounts": .array(model.accountIDs.prefix(3).map { .string($0) })]
        }
        return send(message, model)
    }

    private mutating func tagName() -> String { random.pick(["red", "green", "blue"]) ?? "red" }

    /// From a device, or from the app for itself or for a user.
    private mutating func send(_ message: OutgoingMessage, _ model: ReferenceModel) -> Operation? {
        var message = message
        let asDevice = message.audience == nil || random.chance(percent: 10)
        if asDevice, random.chance(percent: 60), let device = anyDevice(model) {
            if random.chance(percent: 10) { message.from = model.devices[device].account }
            if random.chance(percent: 2) { message.from = random.pick(model.accountIDs) }
            return at(device, message, model)
        }
        if random.chance(percent: 60), let account = random.pick(model.accountIDs), let user = model.accounts[account] {
            message.from = random.chance(percent: 50) ? account : "user:\(user.userID)"
        }
        if let to = message.to, let account = model.accounts[to], random.chance(percent: 50) {
            message.to = "user:\(account.userID)"
        }
        if random.chance(percent: 2) { message.from = "user:nobody" }
        return Operation(.send(message), by: .app, at: random.chance(percent: 15) ? .batch : .http)
    }

    private mutating func at(_ device: Int, _ message: OutgoingMessage, _ model: ReferenceModel) -> Operation {
        var operation = by(device, .send(message), model)
        if operation.door == .http, random.chance(percent: 15) { operation.door = .batch }
        return operation
    }

    /// An earlier message once more: the same, with other options, other content, or by somebody else.
    private mutating func again(_ model: ReferenceModel) -> Operation? {
        guard let id = random.pickRecent(model.messageIDs), let known = model.messages[id] else { return nil }
        var message = known.sent
        message.timestamp += random.chance(percent: 50) ? 1 : 0
        if random.chance(percent: 20) { message.isBackground.toggle() }
        if random.chance(percent: 30), case .object(let members) = message.content {
            message.content = .object(members.reversed())
        }
        if random.chance(percent: 15) { message.content = ["text": "something else"] }
        if message.audience == nil, random.chance(percent: 5) { message.to = random.pick(model.accountIDs) }
        message.from = nil
        let sender = random.chance(percent: 85) ? known.senderAccount : random.pick(model.accountIDs)
        if message.audience == nil, random.chance(percent: 60), let sender, let device = device(of: sender, model) {
            return at(device, message, model)
        }
        message.from = sender
        return Operation(.send(message), by: .app)
    }

    // MARK: Receiving

    private mutating func acknowledge(_ model: ReferenceModel) -> Operation? {
        guard let device = anyDevice(model), let account = model.accounts[model.devices[device].account] else {
            return nil
        }
        let seq =
            random.chance(percent: 10)
            ? account.head + random.number(1...1000)
            : random.number(max(0, account.head - 30)...account.head)
        return by(device, .acknowledge(seq: random.chance(percent: 10) ? 0 : seq), model)
    }

    private mutating func read(_ model: ReferenceModel) -> Operation? {
        guard let id = random.pick(model.accountIDs), let account = model.accounts[id] else { return nil }
        let known = model.peers(of: id)
        let peer =
            random.chance(percent: 90)
            ? random.pick(known) : random.pick(model.accountIDs + model.groups.keys.sorted() + ["nobody"])
        guard let peer else { return nil }
        var seq: Int64?
        if random.chance(percent: 60) {
            seq = random.number(max(0, account.head - 40)...account.head + 2)
        }
        if random.chance(percent: 65), let device = device(of: id, model) {
            return by(device, .read(peer: peer, seq: seq, account: nil), model)
        }
        return Operation(
            .read(peer: peer, seq: seq, account: random.chance(percent: 50) ? id : "user:\(account.userID)"),
            by: random.chance(percent: 97) ? .app : .foreignApp)
    }

    // MARK: Changing

    private mutating func someMessage(_ model: ReferenceModel) -> ReferenceModel.Message? {
        random.pickRecent(model.messageIDs).flatMap { model.messages[$0] }
    }

    /// By its sender, the app, or somebody who may not.
    private mutating func change(
        _ model: ReferenceModel, _ action: (ReferenceModel.Message) -> Operation.Action
    ) -> Operation? {
        guard let message = someMessage(model) else { return nil }
        let who = random.number(0...99)
        if who < 50, let sender = message.senderAccount, let device = device(of: sender, model) {
            return by(device, action(message), model)
        }
        if who < 75 { return byApp(action(message)) }
        if who < 78 { return Operation(action(message), by: .foreignApp) }
        return anyDevice(model).map { by($0, action(message), model) }
    }

    private mutating func burn(_ model: ReferenceModel) -> Operation? {
        // Groups more often, and those that somebody has burned already: until the last.
        let begun = model.messageIDs.suffix(60).filter { id in
            model.messages[id].map { $0.state == .live && !$0.burned.isEmpty } ?? false
        }
        guard
            let message = random.chance(percent: 40)
                ? random.pick(begun).flatMap({ model.messages[$0] }) ?? someMessage(model) : someMessage(model)
        else { return nil }
        let who = random.number(0...99)
        if who < 80, let receiver = random.pick(message.receivers), let device = device(of: receiver, model) {
            return by(device, .burn(message.id), model)
        }
        if who < 83 { return Operation(.burn(message.id), by: random.chance(percent: 50) ? .app : .foreignApp) }
        if who < 90, let sender = message.senderAccount, let device = device(of: sender, model) {
            return by(device, .burn(message.id), model)
        }
        return anyDevice(model).map { by($0, .burn(message.id), model) }
    }

    // MARK: Groups

    private mutating func changeGroup(_ kind: Kind, _ model: ReferenceModel) -> Operation? {
        let members = random.some(users, upTo: 3)
        if kind == .createGroup {
            let live = model.groups.values.filter { !$0.isDeleted }.map(\.id).sorted()
            if random.chance(percent: 20), let taken = random.pick(live) {
                return byApp(.createGroup(taken, users: members))
            }
            guard live.count < Self.groupsMax else { return nil }
            return byApp(.createGroup("group-\(model.groups.count)", users: random.some(users, upTo: 5)))
        }
        guard let group = random.pick(model.groups.keys.sorted()) else { return nil }
        let id = random.chance(percent: 3) ? "group-unknown" : group
        switch kind {
        case .join: return byApp(.join(id, users: members))
        case .leave: return byApp(.leave(id, users: members))
        default: return byApp(.deleteGroup(id))
        }
    }
}
