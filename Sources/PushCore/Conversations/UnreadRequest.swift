/// What `unread` is asked with, by either door (contract, section 4).
public struct UnreadRequest: Sendable {
    /// An account id or `user:{userId}`; nil = the own one.
    public var account: String?
    /// Also list the messages behind each number.
    public var wantsIDs: Bool

    /// From a query, where everything is text.
    public init(query: (String) -> String?) throws(GatewayError) {
        account = query("account")
        switch query("ids") {
        case nil, "false": wantsIDs = false
        case "true": wantsIDs = true
        default: throw GatewayError(.invalidRequest, "ids must be true or false.")
        }
    }

    /// From the payload of an MQTT request.
    public init(parsing body: RawJSON) throws(GatewayError) {
        var reader = try BodyReader(parsing: body)
        account = reader.string("account")
        wantsIDs = reader.bool("ids") ?? false
        try reader.finish()
    }
}

/// The answer to `unread`. The total is always of everything; what does not fit is left out of the lists, ids first,
/// and `more` says so.
struct UnreadAnswer {
    let conversations: [UnreadConversation]
    let wantsIDs: Bool
    let bytesMax: Int?

    var json: RawJSON {
        let total = conversations.reduce(0) { $0 + $1.count }
        // Conversations come before ids: numbers are what everybody needs.
        var left = (bytesMax ?? .max) - Self.frameBytes
        var listed = 0
        for conversation in conversations {
            let bytes = conversation.peer.id.utf8.count + Self.conversationBytes
            guard bytes <= left else { break }
            left -= bytes
            listed += 1
        }
        var isCut = listed < conversations.count
        var peers = JSONWriter(reserving: 1024)
        peers.array { writer in
            for conversation in conversations.prefix(listed) {
                writer.object { writer in
                    writer.member("peer", conversation.peer.id)
                    writer.member("unread", conversation.count)
                    guard wantsIDs else { return }
                    let ids = conversation.ids.prefix { id in
                        let bytes = id.utf8.count + 3
                        guard bytes <= left else { return false }
                        left -= bytes
                        return true
                    }
                    isCut = isCut || ids.count < conversation.count
                    writer.array("ids") { writer in for id in ids { writer.string(id) } }
                }
            }
        }
        return .object { writer in
            writer.member("total", total)
            writer.member("peers", RawJSON(archived: peers.bytes))
            if isCut || bytesMax != nil { writer.member("more", isCut) }
        }
    }

    private static let frameBytes = 64
    /// A conversation's members beside its peer's id.
    private static let conversationBytes = 56
}
