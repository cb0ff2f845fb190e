/// What the ledger is told, one line each, fields separated by spaces. Messages are named by their number.
enum LedgerLine: Equatable {
    /// What a device can be expected to do with a message for its account.
    enum DeviceKind: String {
        /// It connects, sooner or later, and takes everything.
        case connects
        /// It never connects: a vendor must reach it.
        case away
    }

    /// `tokens`: in the order in which they are tried.
    case device(index: Int, account: Int, kind: DeviceKind, tokens: [String])
    /// Before the first try. `sender`: the device that sends, which does not hand its own copy over; nil: an app.
    /// `author`: the account in `from`; nil: the app itself.
    case attempt(message: Int, sender: Int?, author: Int?, accounts: [Int])
    /// The same for a message to everybody in a tenant.
    case broadcast(message: Int, tenant: Int, accounts: [Int])
    /// A 2xx or `ok`. `at`: milliseconds since 1970.
    case accepted(message: Int, at: Int64)
    /// An answer that repeating does not change.
    case refused(message: Int, code: String)
    /// Before the first try of an edit, counted from 1; edits of one message follow one another.
    case editing(message: Int, edit: Int)
    case edited(message: Int, edit: Int)
    case revoking(message: Int)
    case revoked(message: Int)
    /// An edit or a revoke had an answer that repeating does not change.
    case changeRefused(message: Int, code: String)
    /// A device handed it over, after dropping repeats.
    case received(device: Int, message: Int, revision: Int64, seq: Int64, form: EntryForm)
    /// A device heard that the message was revoked.
    case withdrawn(device: Int, message: Int)
    /// What a device says of itself at the end.
    case position(device: Int, last: Int64, lastBroadcast: Int64, repeats: Int64, missing: Int64, rewinds: Int)
    /// An entry as the gateway has it at the end; nil: an event.
    case entry(place: Place, seq: Int64, message: Int?, revision: Int64, form: EntryForm)
    /// Everything was told. `pushes`: the file that the vendor simulator wrote.
    case end(pushes: String)

    /// Where entries have their numbers.
    enum Place: Hashable {
        case inbox(account: Int)
        case broadcasts(tenant: Int)

        fileprivate var text: String {
            switch self {
            case .inbox(let account): "i \(account)"
            case .broadcasts(let tenant): "b \(tenant)"
            }
        }

        fileprivate init?(_ letter: Substring, _ number: Int?) {
            switch (letter, number) {
            case ("i", let number?): self = .inbox(account: number)
            case ("b", let number?): self = .broadcasts(tenant: number)
            default: return nil
            }
        }
    }

    var text: String {
        switch self {
        case .device(let index, let account, let kind, let tokens):
            "D \(index) \(account) \(kind.rawValue) \(tokens.joined(separator: ","))"
        case .attempt(let message, let sender, let author, let accounts):
            "A \(message) \(sender ?? -1) \(author ?? -1) \(Self.list(accounts))"
        case .broadcast(let message, let tenant, let accounts): "B \(message) \(tenant) \(Self.list(accounts))"
        case .accepted(let message, let at): "Y \(message) \(at)"
        case .refused(let message, let code): "N \(message) \(code)"
        case .editing(let message, let edit): "u \(message) \(edit)"
        case .edited(let message, let edit): "U \(message) \(edit)"
        case .revoking(let message): "x \(message)"
        case .revoked(let message): "X \(message)"
        case .changeRefused(let message, let code): "n \(message) \(code)"
        case .received(let device, let message, let revision, let seq, let form):
            "R \(device) \(message) \(revision) \(seq) \(form.code)"
        case .withdrawn(let device, let message): "W \(device) \(message)"
        case .position(let device, let last, let lastBroadcast, let repeats, let missing, let rewinds):
            "F \(device) \(last) \(lastBroadcast) \(repeats) \(missing) \(rewinds)"
        case .entry(let place, let seq, let message, let revision, let form):
            "I \(place.text) \(seq) \(message ?? -1) \(revision) \(form.code)"
        case .end(let pushes): "E \(pushes)"
        }
    }

    private static func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }

    init?(_ line: some StringProtocol) {
        let text = String(line)
        if text.hasPrefix("E ") {
            self = .end(pushes: String(text.dropFirst(2)))
        } else if let line = Self.parse(Fields(text)) {
            self = line
        } else {
            return nil
        }
    }

    private struct Fields {
        let all: [Substring]

        init(_ text: String) { all = text.split(separator: " ", omittingEmptySubsequences: false) }

        subscript(_ index: Int) -> Substring { index < all.count ? all[index] : "" }

        func number<Value: FixedWidthInteger>(_ index: Int) -> Value? { Value(self[index]) }

        func numbers(_ index: Int) -> [Int] { self[index].split(separator: ",").compactMap { Int($0) } }
    }

    private static func parse(_ fields: Fields) -> LedgerLine? {
        switch fields[0] {
        case "D", "F", "R", "W": ofDevice(fields)
        case "I": entry(fields)
        default: ofMessage(fields)
        }
    }

    private static func ofDevice(_ fields: Fields) -> LedgerLine? {
        guard let device: Int = fields.number(1) else { return nil }
        switch fields[0] {
        case "D":
            guard fields.all.count == 5, let account: Int = fields.number(2),
                let kind = DeviceKind(rawValue: String(fields[3]))
            else { return nil }
            return .device(
                index: device, account: account, kind: kind, tokens: fields[4].split(separator: ",").map(String.init))
        case "F":
            guard let last: Int64 = fields.number(2), let lastBroadcast: Int64 = fields.number(3),
                let repeats: Int64 = fields.number(4), let missing: Int64 = fields.number(5),
                let rewinds: Int = fields.number(6)
            else { return nil }
            return .position(
                device: device, last: last, lastBroadcast: lastBroadcast, repeats: repeats, missing: missing,
                rewinds: rewinds)
        case "R":
            guard let message: Int = fields.number(2), let revision: Int64 = fields.number(3),
                let seq: Int64 = fields.number(4), let form = fields.number(5).flatMap(EntryForm.init(code:))
            else { return nil }
            return .received(device: device, message: message, revision: revision, seq: seq, form: form)
        case "W": return fields.number(2).map { .withdrawn(device: device, message: $0) }
        default: return nil
        }
    }

    private static func entry(_ fields: Fields) -> LedgerLine? {
        guard let place = Place(fields[1], fields.number(2)), let seq: Int64 = fields.number(3),
            let message: Int = fields.number(4), let revision: Int64 = fields.number(5),
            let form = fields.number(6).flatMap(EntryForm.init(code:))
        else { return nil }
        return .entry(place: place, seq: seq, message: message < 0 ? nil : message, revision: revision, form: form)
    }

    private static func ofMessage(_ fields: Fields) -> LedgerLine? {
        guard let message: Int = fields.number(1) else { return nil }
        switch fields[0] {
        case "A":
            guard fields.all.count == 5, let sender: Int = fields.number(2), let author: Int = fields.number(3) else {
                return nil
            }
            return .attempt(
                message: message, sender: sender < 0 ? nil : sender, author: author < 0 ? nil : author,
                accounts: fields.numbers(4))
        case "B":
            guard fields.all.count == 4, let tenant: Int = fields.number(2) else { return nil }
            return .broadcast(message: message, tenant: tenant, accounts: fields.numbers(3))
        case "Y": return fields.number(2).map { .accepted(message: message, at: $0) }
        case "N": return fields.all.count == 3 ? .refused(message: message, code: String(fields[2])) : nil
        case "u": return fields.number(2).map { .editing(message: message, edit: $0) }
        case "U": return fields.number(2).map { .edited(message: message, edit: $0) }
        case "x": return .revoking(message: message)
        case "X": return .revoked(message: message)
        case "n": return fields.all.count == 3 ? .changeRefused(message: message, code: String(fields[2])) : nil
        default: return nil
        }
    }
}
