/// Where an entry has its place.
public enum Channel: String, Sendable, Hashable {
    /// The account's own inbox.
    case inbox
    /// What goes to everybody in the tenant.
    case broadcast
}

/// One message or event as it was received.
///
/// Only what is needed to put entries in order is read at once; the rest is read from ``bytes`` on demand.
public struct Entry: Sendable, Hashable {
    /// The JSON object as it came, byte for byte.
    public let bytes: [UInt8]
    public let channel: Channel
    /// The message's one id, everywhere and for ever.
    public let id: String
    /// Position in the channel: 1, 2, 3 … without gaps. `nil`: an ephemeral message, which has no place.
    public let seq: Int64?
    /// 0; an edited message comes again with the same `id` and the next revision. Keep the highest.
    public let revision: Int64

    /// - Throws: ``JSONFault`` when this is no JSON object with an `id`.
    public init(bytes: [UInt8], channel: Channel) throws {
        var id: String?
        var seq: Int64?
        var revision: Int64 = 0
        var cursor = JSONCursor(bytes)
        try cursor.forEachMember { name, value in
            if name.isName("id") {
                id = bytes.text(at: value)
            } else if name.isName("seq") {
                seq = bytes.integer(at: value)
            } else if name.isName("revision") {
                revision = bytes.integer(at: value) ?? 0
            }
        }
        guard let id else { throw JSONFault(offset: 0, reason: "an entry without id") }
        self.bytes = bytes
        self.channel = channel
        self.id = id
        self.seq = seq
        self.revision = revision
    }

    /// The whole object, with its members in the order in which they came.
    public var json: JSONValue { (try? JSONValue(parsing: bytes)) ?? .null }  // null: damaged inside `content`

    public var from: String? { member("from").flatMap(bytes.text(at:)) }
    public var to: String? { member("to").flatMap(bytes.text(at:)) }
    /// In a group: who wrote it.
    public var target: String? { member("target").flatMap(bytes.text(at:)) }
    public var type: MessageType { MessageType(member("type").flatMap(bytes.integer(at:)) ?? -1) }
    /// `nil` when it was revoked, burned, expired or superseded.
    public var content: JSONValue? {
        guard let range = member("content"), let value = try? JSONValue(parsing: Array(bytes[range])) else {
            return nil
        }
        return value.isNull ? nil : value
    }
    /// Milliseconds since 1970 by the sender's clock.
    public var timestamp: Int64? { member("timestamp").flatMap(bytes.integer(at:)) }
    /// Milliseconds since 1970 when the gateway archived it.
    public var serverTime: Int64? { member("serverTime").flatMap(bytes.integer(at:)) }
    public var isBackground: Bool { flag("isBackground") }
    public var isRevoked: Bool { flag("revoked") }
    public var isBurned: Bool { flag("burned") }
    public var isExpired: Bool { flag("expired") }
    /// A later revision of this message is in another entry.
    public var isSuperseded: Bool { flag("superseded") }

    private func flag(_ name: StaticString) -> Bool { member(name).map(bytes.isTrue(at:)) ?? false }

    private func member(_ wanted: StaticString) -> Range<Int>? {
        var found: Range<Int>?
        var cursor = JSONCursor(bytes)
        try? cursor.forEachMember { name, value in if name.isName(wanted) { found = value } }  // checked by `init`
        return found
    }

    /// What tells a repeat.
    var key: EntryKey { EntryKey(id: id, revision: revision) }
}

/// A message in one of its revisions: whoever has seen it drops it when it comes again.
public struct EntryKey: Sendable, Hashable {
    public let id: String
    public let revision: Int64

    public init(id: String, revision: Int64) {
        self.id = id
        self.revision = revision
    }
}
