/// The books of a torture run: what was tried, answered, received and is in the archive. Knows nothing of faults.
struct Ledger {
    struct Device {
        let account: Int
        let kind: LedgerLine.DeviceKind
        let token: String?
        var last: Int64 = 0
        var repeats: Int64 = 0
        var missing: Int64 = 0
        var rewinds = 0
        /// By message: the seq under which it was handed over.
        var received: [Int: Int64] = [:]
    }

    struct Message {
        let sender: Int?
        let author: Int?
        let accounts: [Int]
        var acceptedAt: Int64?
        var refusal: String?
    }

    struct Inbox {
        /// By message: its first seq.
        var entries: [Int: Int64] = [:]
        var last: Int64 = 0
    }

    private(set) var devices: [Int: Device] = [:]
    private(set) var messages: [Int: Message] = [:]
    private(set) var inboxes: [Int: Inbox] = [:]
    /// What is wrong as soon as it is told.
    private(set) var findings: [LedgerReport.Finding] = []
    private(set) var linesUnread = 0
    private var deviceByToken: [String: Int] = [:]
    /// Visible pushes by device and message: one element for each that no other takes the place of.
    private(set) var pushes: [PushKey: Set<String>] = [:]
    private(set) var pushesShown = 0

    struct PushKey: Hashable {
        let device: Int
        let message: Int
    }

    /// Ids of messages, as the gateway knows them.
    static func id(of message: Int) -> String { "torture-\(message)" }

    static func message(of id: some StringProtocol) -> Int? {
        id.hasPrefix("torture-") ? Int(id.dropFirst("torture-".count)) : nil
    }

    mutating func take(_ line: LedgerLine) {
        switch line {
        case .device(let index, let account, let kind, let token):
            devices[index] = Device(account: account, kind: kind, token: token)
            if let token { deviceByToken[token] = index }
        case .attempt(let message, let sender, let author, let accounts):
            messages[message] = Message(sender: sender, author: author, accounts: accounts)
        case .accepted(let message, let at): messages[message]?.acceptedAt = at
        case .refused(let message, let code): messages[message]?.refusal = code
        case .received(let device, let message, _, let seq): received(device, message, seq)
        case .position(let device, let last, let repeats, let missing, let rewinds):
            devices[device]?.last = last
            devices[device]?.repeats = repeats
            devices[device]?.missing = missing
            devices[device]?.rewinds = rewinds
        case .entry(let account, let seq, let message): entry(account, seq, message)
        case .end: break
        }
    }

    mutating func couldNotRead() { linesUnread += 1 }

    private mutating func received(_ device: Int, _ message: Int, _ seq: Int64) {
        guard let known = devices[device] else { return }
        guard messages[message]?.accounts.contains(known.account) == true else {
            findings.append(.init(.unexpected, message: message, device: device, "handed over at seq \(seq)"))
            return
        }
        if let first = known.received[message] {
            findings.append(
                .init(.visibleDuplicate, message: message, device: device, "handed over at seq \(first) and \(seq)"))
            return
        }
        devices[device]?.received[message] = seq
    }

    private mutating func entry(_ account: Int, _ seq: Int64, _ message: Int?) {
        var inbox = inboxes[account] ?? Inbox()
        defer { inboxes[account] = inbox }
        if seq != inbox.last + 1 {
            findings.append(
                .init(.lost, message: message, device: nil, "seq \(seq) of account \(account) follows \(inbox.last)"))
        }
        inbox.last = seq
        guard let message else { return }
        if let first = inbox.entries[message] {
            findings.append(
                .init(
                    .visibleDuplicate, message: message, device: nil,
                    "account \(account) has it at seq \(first) and \(seq)"))
        } else if messages[message]?.accounts.contains(account) != true {
            findings.append(.init(.unexpected, message: message, device: nil, "in the inbox of account \(account)"))
        }
        if inbox.entries[message] == nil { inbox.entries[message] = seq }
    }

    mutating func take(_ push: PushLine) {
        guard push.isShown, let message = Self.message(of: push.messageID), let device = deviceByToken[push.token]
        else {
            return
        }
        pushesShown += 1
        let key = PushKey(device: device, message: message)
        pushes[key, default: []].insert(push.replaceKey ?? "alone-\(pushesShown)")
    }
}
