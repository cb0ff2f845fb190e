/// One page of what came after a position.
public struct SyncPage: Sendable {
    /// In `seq` order.
    public internal(set) var items: [Entry] = []
    /// The last `seq` the channel had when the page was made.
    public internal(set) var head: Int64 = 0
    public internal(set) var more = false
    public internal(set) var broadcast = Broadcasts()

    public struct Broadcasts: Sendable {
        public internal(set) var items: [Entry] = []
        public internal(set) var head: Int64?
        public internal(set) var more = false
    }

    /// - Throws: ``JSONFault``.
    init(_ bytes: [UInt8]) throws { try self.init(bytes, in: 0..<bytes.count) }

    init(_ bytes: [UInt8], in range: Range<Int>) throws {
        var broadcasts: Range<Int>?
        var items: Range<Int>?
        var cursor = JSONCursor(bytes, in: range)
        try cursor.forEachMember { name, value in
            if name.isName("items") {
                items = value
            } else if name.isName("head") {
                head = bytes.integer(at: value) ?? 0
            } else if name.isName("more") {
                more = bytes.isTrue(at: value)
            } else if name.isName("broadcast") {
                broadcasts = value
            }
        }
        if let items { self.items = try Self.entries(bytes, items, .inbox) }
        guard let broadcasts else { return }
        var broadcastItems: Range<Int>?
        cursor = JSONCursor(bytes, in: broadcasts)
        try cursor.forEachMember { name, value in
            if name.isName("items") {
                broadcastItems = value
            } else if name.isName("head") {
                broadcast.head = bytes.integer(at: value)
            } else if name.isName("more") {
                broadcast.more = bytes.isTrue(at: value)
            }
        }
        if let broadcastItems { broadcast.items = try Self.entries(bytes, broadcastItems, .broadcast) }
    }

    private static func entries(_ bytes: [UInt8], _ range: Range<Int>, _ channel: Channel) throws -> [Entry] {
        var cursor = JSONCursor(bytes, in: range)
        return try cursor.elements().map { try Entry(bytes: Array(bytes[$0]), channel: channel) }
    }
}
