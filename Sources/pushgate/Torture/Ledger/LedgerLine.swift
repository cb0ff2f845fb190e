/// What the ledger is told, one line each, fields separated by spaces. Messages are named by their number.
enum LedgerLine {
    /// What a device can be expected to do with a message for its account.
    enum DeviceKind: String {
        /// It connects, sooner or later, and takes everything.
        case connects
        /// It never connects: a vendor must reach it.
        case away
    }

    case device(index: Int, account: Int, kind: DeviceKind, token: String?)
    /// Before the first try. `sender`: the device that sends, which does not hand its own copy over; nil: an app.
    /// `author`: the account in `from`; nil: the app itself.
    case attempt(message: Int, sender: Int?, author: Int?, accounts: [Int])
    /// A 2xx or `ok`. `at`: milliseconds since 1970.
    case accepted(message: Int, at: Int64)
    /// An answer that repeating does not change.
    case refused(message: Int, code: String)
    /// A device handed it over, after dropping repeats.
    case received(device: Int, message: Int, revision: Int64, seq: Int64)
    /// What a device says of itself at the end.
    case position(device: Int, last: Int64, repeats: Int64, missing: Int64, rewinds: Int)
    /// An entry of the inbox as the gateway has it at the end; nil: an event.
    case entry(account: Int, seq: Int64, message: Int?)
    /// Everything was told. `pushes`: the file that the vendor simulator wrote.
    case end(pushes: String)

    var text: String {
        switch self {
        case .device(let index, let account, let kind, let token):
            "D \(index) \(account) \(kind.rawValue) \(token ?? "-")"
        case .attempt(let message, let sender, let author, let accounts):
            "A \(message) \(sender ?? -1) \(author ?? -1) \(accounts.map(String.init).joined(separator: ","))"
        case .accepted(let message, let at): "Y \(message) \(at)"
        case .refused(let message, let code): "N \(message) \(code)"
        case .received(let device, let message, let revision, let seq): "R \(device) \(message) \(revision) \(seq)"
        case .position(let device, let last, let repeats, let missing, let rewinds):
            "F \(device) \(last) \(repeats) \(missing) \(rewinds)"
        case .entry(let account, let seq, let message): "I \(account) \(seq) \(message ?? -1)"
        case .end(let pushes): "E \(pushes)"
        }
    }

    init?(_ line: some StringProtocol) {
        let fields = String(line).split(separator: " " as Character, omittingEmptySubsequences: false)
        func number<Value: FixedWidthInteger>(_ index: Int) -> Value? {
            index < fields.count ? Value(fields[index]) : nil
        }
        switch fields.first {
        case "D":
            guard fields.count == 5, let index: Int = number(1), let account: Int = number(2),
                let kind = DeviceKind(rawValue: String(fields[3]))
            else { return nil }
            self = .device(
                index: index, account: account, kind: kind, token: fields[4] == "-" ? nil : String(fields[4]))
        case "A":
            guard fields.count == 5, let message: Int = number(1), let sender: Int = number(2),
                let author: Int = number(3)
            else { return nil }
            self = .attempt(
                message: message, sender: sender < 0 ? nil : sender, author: author < 0 ? nil : author,
                accounts: fields[4].split(separator: ",").compactMap { Int($0) })
        case "Y":
            guard let message: Int = number(1), let at: Int64 = number(2) else { return nil }
            self = .accepted(message: message, at: at)
        case "N":
            guard fields.count == 3, let message: Int = number(1) else { return nil }
            self = .refused(message: message, code: String(fields[2]))
        case "R":
            guard let device: Int = number(1), let message: Int = number(2), let revision: Int64 = number(3),
                let seq: Int64 = number(4)
            else { return nil }
            self = .received(device: device, message: message, revision: revision, seq: seq)
        case "F":
            guard let device: Int = number(1), let last: Int64 = number(2), let repeats: Int64 = number(3),
                let missing: Int64 = number(4), let rewinds: Int = number(5)
            else { return nil }
            self = .position(device: device, last: last, repeats: repeats, missing: missing, rewinds: rewinds)
        case "I":
            guard let account: Int = number(1), let seq: Int64 = number(2), let message: Int = number(3) else {
                return nil
            }
            self = .entry(account: account, seq: seq, message: message < 0 ? nil : message)
        case "E": self = .end(pushes: String(line.dropFirst(2)))
        default: return nil
        }
    }
}
