import PushCore

/// What one of a vendor's codes means, as a row in a table.
enum ReplyMeaning: Sendable, Equatable {
    case sent
    case dead
    /// A wrong credential gives the same code.
    case deadOrMisconfigured
    case retry
    case auth
    case drop
    case slow(VendorAnswer.PaceScope, Pause = .asSaid)

    enum Pause: Sendable, Equatable {
        /// What `Retry-After` says, if anything.
        case asSaid
        case seconds(Int64)
        /// The vendor's next day (Beijing).
        case nextDay
        /// The next time it is this hour in Beijing.
        case until(hour: Int64)
    }

    /// How often a push is handed over in all when the vendor refuses it with a code that nobody knows.
    static let triesOfUnknownCode = 3

    func answer(_ said: VendorReply, vendorID: String?, retryAfter: Duration?, now: Milliseconds) -> VendorAnswer {
        switch self {
        case .sent: .sent(vendorID: vendorID)
        case .dead: .dead(said)
        case .deadOrMisconfigured: .dead(said, mayBeMisconfiguration: true)
        case .retry: .retry(said, after: retryAfter)
        case .auth: .auth(said)
        case .drop: .drop(said)
        case .slow(let scope, let pause): .slow(said, scope: scope, after: pause.duration(retryAfter, now: now))
        }
    }
}

extension ReplyMeaning.Pause {
    fileprivate func duration(_ retryAfter: Duration?, now: Milliseconds) -> Duration? {
        switch self {
        case .asSaid: retryAfter
        case .seconds(let seconds): retryAfter ?? .seconds(seconds)
        case .nextDay: VendorDay.untilNext(now: now)
        case .until(let hour): VendorDay.until(hour: hour, now: now)
        }
    }
}

/// What codes mean that a vendor's documentation leaves open, as the tenant found out: the setting `replies`, an object
/// of code and meaning. It wins over the adapter's own table.
struct ReplyOverrides: Sendable, Equatable {
    static let countMax = 32

    private static let meanings: [String: ReplyMeaning] = [
        "dead": .dead, "retry": .retry, "auth": .auth, "drop": .drop,
        "slow": .slow(.credential, .seconds(60)), "slow_until_next_day": .slow(.messageClass, .nextDay),
    ]

    private let names: [String: String]

    init(_ reader: inout SettingsReader, success: String) {
        var names: [String: String] = [:]
        let members = reader.optionalObject("replies")?.members ?? []
        if members.count > Self.countMax { reader.fault("replies", "must have at most \(Self.countMax) codes") }
        for member in members.prefix(Self.countMax) {
            let isCode =
                (1...16).contains(member.key.utf8.count) && member.key.utf8.allSatisfy { (0x30...0x39).contains($0) }
            guard isCode, member.key != success, let name = member.value.string, Self.meanings[name] != nil else {
                let known = Self.meanings.keys.sorted().joined(separator: ", ")
                reader.fault("replies", "must name codes other than \(success), each with one of \(known)")
                break
            }
            names[member.key] = name
        }
        self.names = names
    }

    subscript(code: String) -> ReplyMeaning? { names[code].flatMap { Self.meanings[$0] } }

    func write(into writer: inout JSONWriter) {
        guard !names.isEmpty else { return }
        writer.object("replies") { object in
            for (code, name) in names.sorted(by: { $0.key < $1.key }) { object.member(code, name) }
        }
    }
}

extension RawJSON {
    /// A code or an id, which vendors write as a number or as a text.
    var numberOrText: String? { integer.map(String.init) ?? string }
}
