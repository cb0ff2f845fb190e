// Identifiers.swift
//
// Two kinds of names. Public ids are text: they are in the API, on the wire, for ever. Keys are the store's integers:
// compact in indexes and in memory, and never shown to anybody.

public struct TenantKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct AppKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct AccountKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct DeviceKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct GroupKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

public struct MessageKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Makes public ids. Randomness comes in from outside.
public struct IDGenerator: Sendable {
    private let random: @Sendable () -> UInt64

    public init(random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }) {
        self.random = random
    }

    public func account() -> String { "acct_" + token() }
    public func device() -> String { "dev_" + token() }
    public func app() -> String { "app_" + token() }
    public func group() -> String { "grp_" + token() }

    /// Any number of 32 bits.
    public func number() -> UInt32 { UInt32(truncatingIfNeeded: random()) }

    /// 26 characters of Crockford's base 32: 128 random bits.
    public func token() -> String { Self.base32(random(), random()) }

    /// A UUIDv7 (RFC 9562, 5.7): sortable by the time it was made.
    public func message(at now: Milliseconds) -> String {
        let high = UInt64(bitPattern: now) << 16 | 0x7000 | (random() & 0x0FFF)
        let low = 0x8000_0000_0000_0000 | (random() >> 2)
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if [8, 12, 16, 20].contains(index) { text.append(UInt8(ascii: "-")) }
            let word = index < 16 ? high : low
            text.append(digits[Int(word >> UInt64((15 - index % 16) * 4) & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func base32(_ high: UInt64, _ low: UInt64) -> String {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(26)
        var words = (high, low)
        for _ in 0..<26 {
            text.append(alphabet[Int(words.1 & 31)])
            words = (words.0 >> 5, words.1 >> 5 | words.0 << 59)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// What the texts that callers choose may look like (contract, sections 1 and 2).
public enum IDRules {
    /// 1-64 of `A-Z a-z 0-9 _ . : -`.
    public static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isIDByte)
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Words that are routes below `/v1/messages/` and therefore no message ids.
    public static let reservedMessageIDs: Set<String> = ["sync", "history", "batch", "import", "ack", "lookup"]

    public static func isMessageID(_ text: String) -> Bool { isID(text) && !reservedMessageIDs.contains(text) }

    private static let reservedGroupPrefixes = ["acct_", "dev_", "app_", "user:"]

    /// A group id an app may choose. `grp_` belongs to the gateway, but an app may name a group it knows by it.
    public static func isGroupID(_ text: String) -> Bool {
        isID(text) && !reservedGroupPrefixes.contains { text.hasPrefix($0) }
    }

    /// 1-128 bytes without control characters, `/` and `,`.
    public static func isUserID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0 != "/" && $0 != ","
            }
    }

    /// A tag: 1-64 bytes without control characters, `/` and `,`.
    public static func isTag(_ text: String) -> Bool { text.utf8.count <= 64 && isUserID(text) }

    /// 1-32 of `a-z 0-9 -`.
    public static func isTenantNo(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }

    /// A device's `uniqueCode`: 1-256 bytes without control characters.
    public static func isUniqueCode(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }
}
