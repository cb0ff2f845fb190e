import PushGateClient

/// The books of a torture run: what was tried, answered, received and is in the archive. Knows nothing of faults.
struct Ledger {
    /// A class, as are logs: they grow by one entry at a time.
    final class Device {
        let account: Int
        let kind: LedgerLine.DeviceKind
        let tokens: [String]
        var last: Int64 = 0
        var lastBroadcast: Int64 = 0
        var repeats: Int64 = 0
        var missing: Int64 = 0
        var rewinds = 0
        /// By message and revision: the seq under which it was handed over.
        var received: [RevisionKey: Int64] = [:]
        /// The newest revision that was handed over of messages which are not simply as they were sent.
        var changed: [Int: Shown] = [:]
        /// Messages that it heard were revoked.
        var withdrawn: Set<Int> = []

        init(account: Int, kind: LedgerLine.DeviceKind, tokens: [String]) {
            self.account = account
            self.kind = kind
            self.tokens = tokens
        }
    }

    struct Message {
        let sender: Int?
        let author: Int?
        let accounts: [Int]
        /// Of a broadcast.
        let tenant: Int?
        var acceptedAt: Int64?
        var refusal: String?
        /// The last edit that was tried, and the last one that was answered.
        var editTried = 0
        var editAccepted = 0
        var revokeTried = false
        var isRevoked = false

        var places: [LedgerLine.Place] {
            tenant.map { [.broadcasts(tenant: $0)] } ?? accounts.map { .inbox(account: $0) }
        }

        func place(for account: Int) -> LedgerLine.Place {
            tenant.map { .broadcasts(tenant: $0) } ?? .inbox(account: account)
        }
    }

    /// A revision of a message and what it shows.
    struct Shown: Equatable {
        let revision: Int64
        let form: EntryForm
    }

    /// An inbox or a tenant's channel.
    final class Log {
        /// By message and revision: its first seq.
        var entries: [RevisionKey: Int64] = [:]
        /// All revisions of messages which are not simply as they were sent.
        var changed: [Int: [Shown]] = [:]
        var last: Int64 = 0
    }

    /// A message in one of its revisions. One word: there are millions of them.
    struct RevisionKey: Hashable {
        private let word: Int

        /// Revisions above 255 count as 255.
        init(_ message: Int, _ revision: Int64) { word = message << 8 | Int(min(max(revision, 0), 255)) }
    }

    private(set) var devices: [Int: Device] = [:]
    private(set) var messages: [Int: Message] = [:]
    private(set) var logs: [LedgerLine.Place: Log] = [:]
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
        case .device(let index, let account, let kind, let tokens):
            devices[index] = Device(account: account, kind: kind, tokens: tokens)
            for token in tokens { deviceByToken[token] = index }
        case .attempt(let message, let sender, let author, let accounts):
            messages[message] = Message(sender: sender, author: author, accounts: accounts, tenant: nil)
        case .broadcast(let message, let tenant, let accounts):
            messages[message] = Message(sender: nil, author: nil, accounts: accounts, tenant: tenant)
        case .accepted(let message, let at): messages[message]?.acceptedAt = at
        case .refused(let message, let code): messages[message]?.refusal = code
        case .editing(let message, let edit): messages[message]?.editTried = edit
        case .edited(let message, let edit): messages[message]?.editAccepted = edit
        case .revoking(let message): messages[message]?.revokeTried = true
        case .revoked(let message): messages[message]?.isRevoked = true
        case .changeRefused(let message, let code):
            findings.append(.init(.refused, message: message, device: nil, "a change of it: \(code)"))
        case .received(let device, let message, let revision, let seq, let form):
            received(device, message, Shown(revision: revision, form: form), seq)
        case .withdrawn(let device, let message): devices[device]?.withdrawn.insert(message)
        case .position(let device, let last, let lastBroadcast, let repeats, let missing, let rewinds):
            devices[device]?.last = last
            devices[device]?.lastBroadcast = lastBroadcast
            devices[device]?.repeats = repeats
            devices[device]?.missing = missing
            devices[device]?.rewinds = rewinds
        case .entry(let place, let seq, let message, let revision, let form):
            entry(place, seq, message, Shown(revision: revision, form: form))
        case .end: break
        }
    }

    mutating func couldNotRead() { linesUnread += 1 }

    private mutating func received(_ device: Int, _ message: Int, _ shown: Shown, _ seq: Int64) {
        guard let known = devices[device] else { return }
        guard messages[message]?.accounts.contains(known.account) == true else {
            findings.append(.init(.unexpected, message: message, device: device, "handed over at seq \(seq)"))
            return
        }
        let key = RevisionKey(message, shown.revision)
        if let first = known.received[key] {
            findings.append(
                .init(.visibleDuplicate, message: message, device: device, "handed over at seq \(first) and \(seq)"))
            return
        }
        known.received[key] = seq
        guard shown != Self.asSent || known.changed[message] != nil else { return }
        if shown.revision >= known.changed[message]?.revision ?? 0 { known.changed[message] = shown }
    }

    static let asSent = Shown(revision: 0, form: .content(edit: 0))

    private mutating func entry(_ place: LedgerLine.Place, _ seq: Int64, _ message: Int?, _ shown: Shown) {
        let log = logs[place] ?? Log()
        logs[place] = log
        if seq != log.last + 1 {
            findings.append(
                .init(.lost, message: message, device: nil, "seq \(seq) of \(place) follows \(log.last)"))
        }
        log.last = seq
        guard let message else { return }
        let key = RevisionKey(message, shown.revision)
        if let first = log.entries[key] {
            findings.append(
                .init(.visibleDuplicate, message: message, device: nil, "\(place) has it at seq \(first) and \(seq)"))
            return
        }
        if messages[message]?.places.contains(place) != true {
            findings.append(.init(.unexpected, message: message, device: nil, "in \(place)"))
        }
        log.entries[key] = seq
        if shown != Self.asSent { log.changed[message, default: []].append(shown) }
    }

    mutating func take(_ push: PushLine) {
        guard push.isShown, let message = Self.message(of: push.messageID), let device = deviceByToken[push.token]
        else {
            return
        }
        pushesShown += 1
        let key = PushKey(device: device, message: message)
        // What one token shows takes the place of nothing that another one shows.
        pushes[key, default: []].insert(push.token + "\t" + (push.replaceKey ?? "alone-\(pushesShown)"))
    }
}
