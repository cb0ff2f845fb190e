/// What `strace -f -y` saw, read in the order of its lines: a call begins with the line that names it and ends with the
/// line that has its result, which is the same one unless another thread's call came between them.
struct StraceLog {
    /// Where a call stands among all lines.
    typealias Place = Int

    /// The first time each id went into the write-ahead log.
    private(set) var written: [String: Place] = [:]
    /// Syncs of that log that succeeded: from where to where.
    private(set) var syncs: [(begin: Place, end: Place)] = []
    /// Each time an id left through a socket, where that began.
    private(set) var sent: [String: [Place]] = [:]
    private(set) var lines = 0

    private let prefix: String
    private let digits: Int
    /// Of other processes that were followed, too.
    private let strangers: Set<String>
    /// By thread: a sync whose end is still to come.
    private var syncing: [Substring: Place] = [:]

    /// - Parameters:
    ///   - prefix: ids are this and `digits` digits.
    ///   - strangers: threads, by their number, that are not the gateway's: its broker's.
    init(prefix: String, digits: Int, strangers: Set<String> = []) {
        self.strangers = strangers
        self.prefix = prefix
        self.digits = digits
    }

    mutating func read(_ line: Substring) {
        lines += 1
        guard let space = line.firstIndex(of: " ") else { return }
        let thread = line[..<space]
        guard !strangers.contains(String(thread)) else { return }
        let rest = line[space...].drop { $0 == " " }
        // Behind the time, if there is one.
        let call = rest.first?.isNumber == true ? rest.drop { $0 != " " }.dropFirst() : rest
        if call.hasPrefix("<... fdatasync resumed") || call.hasPrefix("<... fsync resumed") {
            if let begin = syncing.removeValue(forKey: thread), call.contains(") = 0") || call.contains(")= 0") {
                syncs.append((begin, lines))
            }
        } else if call.hasPrefix("fdatasync(") || call.hasPrefix("fsync(") {
            guard call.contains(Self.logMark) else { return }
            if call.contains("<unfinished") {
                syncing[thread] = lines
            } else if call.contains(") = 0") || call.contains("= 0") {
                syncs.append((lines, lines))
            }
        } else if call.hasPrefix("pwrite64(") {
            guard call.contains(Self.logMark) else { return }
            for id in ids(in: call) where written[id] == nil { written[id] = lines }
        } else if Self.sending.contains(where: call.hasPrefix), Self.isSocket(call) {
            for id in ids(in: call) { sent[id, default: []].append(lines) }
        }
    }

    private static let logMark = "pushgate.db-wal>"
    private static let sending = ["write(", "writev(", "sendto(", "sendmsg("]

    /// `write(12<TCP:[127.0.0.1:1->127.0.0.1:2]>, …`, with older versions `<socket:[123]>`.
    private static func isSocket(_ call: Substring) -> Bool {
        guard let open = call.firstIndex(of: "<") else { return false }
        let target = call[open...].dropFirst()
        return target.hasPrefix("TCP") || target.hasPrefix("socket:")
    }

    private func ids(in call: Substring) -> Set<String> {
        var found: Set<String> = []
        var rest = call.utf8[...]
        let wanted = Array(prefix.utf8)
        while let begin = rest.firstIndex(of: wanted[0]) {
            let candidate = rest[begin...]
            if candidate.starts(with: wanted) {
                let number = candidate.dropFirst(wanted.count).prefix(digits)
                if number.count == digits, number.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                    found.insert(prefix + String(decoding: number, as: UTF8.self))
                }
            }
            rest = rest[rest.index(after: begin)...]
        }
        return found
    }

    /// What left too early, in words.
    func faults(accepted: some Sequence<String>) -> [String] {
        accepted.compactMap { id in
            guard let first = sent[id]?.min() else { return "\(id) was answered, and no answer was seen" }
            guard let write = written[id] else { return "\(id) was answered, and never went into the log" }
            let isSynced = syncs.contains { $0.begin > write && $0.end < first }
            return isSynced
                ? nil : "\(id) left at line \(first) without a sync since it was written at line \(write)"
        }
    }
}
