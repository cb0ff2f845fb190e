/// The further names of a message, in the forms of Tencent's IM: `msgKey` = `MsgSeq_MsgRandom_MsgTime` and `msgId` =
/// `tinyId-clientTime-random`. Every message has them, made from its row alone, so that nothing is stored for them and
/// either name leads back to the row without a search.
///
/// `MsgSeq` and `MsgRandom` (0 to 4 294 967 295) hold the two halves of the store's key, mixed so that neighbours do not
/// look alike; both times are the seconds of `serverTime`, which no edit changes. Aliases that came with a message from
/// elsewhere are stored and take the place of these.
public struct MessageAliases: Sendable, Hashable {
    public let msgKey: String
    public let msgID: String

    public init(of message: ArchivedMessage) {
        let numbers = MessageNumbers(of: message)
        msgKey = numbers.msgKey
        msgID = "\(Self.tinyID(of: message.sender))-\(numbers.seconds)-\(numbers.random)"
    }

    /// Whether `name` is one of them.
    public func contains(_ name: String) -> Bool { name == msgKey || name == msgID }

    public var json: RawJSON {
        .object { writer in
            writer.member("msgKey", msgKey)
            writer.member("msgId", msgID)
        }
    }

    // MARK: Finding

    /// The messages that could have this alias, nearly always one or none. Whether one does is told by its own
    /// aliases: a name says more than the key.
    ///
    /// - Parameter newest: the newest key there is. A `msgId` names half of a key, so there is a candidate for every
    ///   2^32 messages in the archive.
    public static func candidates(for name: String, newest: MessageKey) -> [MessageKey] {
        if let numbers = numbers(in: name, separator: "_") {
            guard let sequence = UInt32(exactly: numbers[0]), let random = UInt32(exactly: numbers[1]) else {
                return []
            }
            let key = UInt64(unmix(sequence) ^ random) << 32 | UInt64(unmix(random))
            guard let key = Int64(exactly: key), (1...max(1, newest.rawValue)).contains(key) else { return [] }
            return [MessageKey(rawValue: key)]
        }
        guard let numbers = numbers(in: name, separator: "-"), let random = UInt32(exactly: numbers[2]) else {
            return []
        }
        let low = Int64(unmix(random))
        return (0...min(newest.rawValue >> 32, highHalvesMax)).map { MessageKey(rawValue: $0 << 32 | low) }
            .filter { (1...max(1, newest.rawValue)).contains($0.rawValue) }
    }

    /// 2^42 messages: more than one file can hold.
    private static let highHalvesMax: Int64 = 1023

    /// The numbers that a name of either form says, for messages that brought theirs along; a `msgId` has no sequence.
    public static func numbers(in name: String) -> (sequence: UInt32?, random: UInt32, seconds: Int64)? {
        if let found = MessageNumbers(msgKey: name) { return (found.sequence, found.random, found.seconds) }
        guard let numbers = numbers(in: name, separator: "-"), let random = UInt32(exactly: numbers[2]),
            let seconds = Int64(exactly: numbers[1])
        else { return nil }
        return (nil, random, seconds)
    }

    /// Three numbers between separators; nil for any other text.
    fileprivate static func numbers(in name: String, separator: Character) -> [UInt64]? {
        let parts = name.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt64(part) : nil
        }
        return numbers.count == 3 ? numbers : nil
    }

    // MARK: Numbers

    static func numbers(of key: MessageKey) -> (sequence: UInt32, random: UInt32) {
        let bits = UInt64(bitPattern: key.rawValue)
        let random = mix(UInt32(truncatingIfNeeded: bits))
        return (mix(UInt32(truncatingIfNeeded: bits >> 32) ^ random), random)
    }

    /// The number of a sender in a `msgId`: 18 digits, as clients know them.
    static func tinyID(of sender: Peer) -> Int64 { 1 << 57 + sender.rawValue }

    private static let factors: (UInt32, UInt32) = (0x7FEB_352D, 0x846C_A68B)

    /// One to one on 32 bits. Shifting by half the width and multiplying by an odd number can both be undone.
    static func mix(_ value: UInt32) -> UInt32 {
        var value = (value ^ value >> 16) &* factors.0
        value = (value ^ value >> 16) &* factors.1
        return value ^ value >> 16
    }

    static func unmix(_ value: UInt32) -> UInt32 {
        var value = (value ^ value >> 16) &* inverse(of: factors.1)
        value = (value ^ value >> 16) &* inverse(of: factors.0)
        return value ^ value >> 16
    }

    /// The number that undoes a multiplication by an odd one, modulo 2^32 (Newton's iteration).
    private static func inverse(of odd: UInt32) -> UInt32 {
        var inverse = odd
        for _ in 0..<5 { inverse = inverse &* (2 &- odd &* inverse) }
        return inverse
    }
}

/// `MsgSeq`, `MsgRandom` and `MsgTime` of a message, in Tencent's words.
public struct MessageNumbers: Sendable, Hashable {
    public let sequence: UInt32
    public let random: UInt32
    /// `MsgTime`, since 1970.
    public let seconds: Int64

    public init(sequence: UInt32, random: UInt32, seconds: Int64) {
        self.sequence = sequence
        self.random = random
        self.seconds = seconds
    }

    /// Those that the message came with, or those that its row makes.
    public init(of message: ArchivedMessage) {
        if let own = message.numbers {
            self = own
        } else {
            let (sequence, random) = MessageAliases.numbers(of: message.key)
            self.init(sequence: sequence, random: random, seconds: message.serverTime / 1000)
        }
    }

    /// Reads a `MsgKey`; nil for any other text.
    public init?(msgKey: String) {
        guard let numbers = MessageAliases.numbers(in: msgKey, separator: "_"),
            let sequence = UInt32(exactly: numbers[0]), let random = UInt32(exactly: numbers[1]),
            let seconds = Int64(exactly: numbers[2])
        else { return nil }
        self.init(sequence: sequence, random: random, seconds: seconds)
    }

    public var msgKey: String { "\(sequence)_\(random)_\(seconds)" }
}

extension ArchivedMessage {
    /// Who sent it; ``Peer/none`` where that is neither an account nor an app.
    var sender: Peer { senderAccount.map(Peer.account) ?? senderApp.map(Peer.app) ?? .none }
}
