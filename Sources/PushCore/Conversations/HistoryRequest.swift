import PushCredentials

/// What `history` is asked with, by either door (contract, section 4).
public struct HistoryRequest: Sendable {
    /// An account id or `user:{userId}`; nil = the own one.
    public var account: String?
    /// nil = all conversations.
    public var with: String?
    public var from: Milliseconds?
    public var to: Milliseconds?
    public var order: HistoryOrder
    public var page: PageRequest

    /// From a query, where everything is text.
    public init(query: (String) -> String?, limits: Limits) throws(GatewayError) {
        account = query("account")
        with = query("with")
        from = try Self.time("from", query("from"))
        to = try Self.time("to", query("to"))
        order = try Self.order(query("order"))
        page = try PageRequest(limit: query("limit"), cursor: query("cursor"), limits: limits)
    }

    /// From the payload of an MQTT request.
    public init(parsing body: RawJSON, limits: Limits) throws(GatewayError) {
        var reader = try BodyReader(parsing: body)
        account = reader.string("account")
        with = reader.string("with")
        from = reader.integer("from", in: Int64.min...Int64.max)
        to = reader.integer("to", in: Int64.min...Int64.max)
        let order = reader.string("order") { HistoryOrder(rawValue: $0) != nil }
        let cursor = reader.string("cursor")
        let limit = reader.integer("limit", in: 1...Int64(limits.pageItemsMax))
        try reader.finish()
        self.order = try Self.order(order)
        page = try PageRequest(limit: limit.map { String($0) }, cursor: cursor, limits: limits)
    }

    private static func time(_ name: String, _ text: String?) throws(GatewayError) -> Milliseconds? {
        guard let text else { return nil }
        guard let time = Milliseconds(text) else {
            throw GatewayError(.invalidRequest, "\(name) must be a time in whole milliseconds.")
        }
        return time
    }

    private static func order(_ text: String?) throws(GatewayError) -> HistoryOrder {
        guard let text else { return .descending }
        guard let order = HistoryOrder(rawValue: text) else {
            throw GatewayError(.invalidRequest, "order must be desc or asc.")
        }
        return order
    }
}

/// What a cursor of `history` holds: whose history, with whom and in which order, and a place in both streams. Nothing
/// in it but what its reader knows, so that it needs no secret.
struct HistoryCursor {
    let account: String
    let with: String
    let order: HistoryOrder

    /// Of the alphabet of no id.
    private static let separator: Character = "|"

    private var head: [String] { ["history", order.rawValue, account, with] }

    func text(_ position: HistoryPosition) -> String {
        let fields =
            head + [
                position.seq.map { String($0) } ?? "", position.imported.map { String($0.serverTime) } ?? "",
                position.imported?.messageID ?? "",
            ]
        return Base64URL.encode(Array(fields.joined(separator: String(Self.separator)).utf8))
    }

    /// Throws `invalid_request` for the cursor of another list.
    func position(_ text: String?) throws(GatewayError) -> HistoryPosition {
        guard let text else { return .start }
        let fields = text.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 7, Array(fields.prefix(4)) == head else { throw PageRequest.unknownCursor }
        var position = HistoryPosition()
        if !fields[4].isEmpty {
            guard let seq = Int64(fields[4]), seq > 0 else { throw PageRequest.unknownCursor }
            position.seq = seq
        }
        if !fields[5].isEmpty {
            guard let time = Milliseconds(fields[5]), !fields[6].isEmpty else { throw PageRequest.unknownCursor }
            position.imported = .init(serverTime: time, messageID: fields[6])
        }
        return position
    }
}
