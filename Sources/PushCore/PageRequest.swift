import PushCredentials

/// `limit` and `cursor` of a list (contract, section 4). A cursor is opaque to callers: base64url of the last key.
public struct PageRequest: Sendable {
    public let limit: Int
    /// The key after which the page begins.
    public let cursor: String?

    /// Throws `invalid_request` for a limit outside 1-500 or a cursor that is none of ours.
    public init(limit: String?, cursor: String?, limits: Limits) throws(GatewayError) {
        if let limit {
            guard let number = Int(limit), (1...limits.pageItemsMax).contains(number) else {
                throw GatewayError(.invalidRequest, "limit must be from 1 to \(limits.pageItemsMax).")
            }
            self.limit = number
        } else {
            self.limit = limits.pageItemsDefault
        }
        guard let cursor, !cursor.isEmpty else {
            self.cursor = nil
            return
        }
        guard let bytes = Base64URL.decode(cursor), let key = String(validating: bytes, as: UTF8.self) else {
            throw Self.unknownCursor
        }
        self.cursor = key
    }

    /// The refusal of a cursor that is none of ours, or of another list.
    public static let unknownCursor = GatewayError(.invalidRequest, "This cursor is not known.")

    /// The page as an answer. `found` holds up to `limit + 1` elements: one more than the page says that there is more.
    public func answer<Element>(
        _ found: [Element], cursor: (Element) -> String, write: (inout JSONWriter, Element) -> Void
    ) -> RawJSON {
        .object { writer in
            writer.array("items") { writer in
                for element in found.prefix(limit) { write(&writer, element) }
            }
            if found.count > limit, limit > 0 {
                writer.member("nextCursor", Base64URL.encode(Array(cursor(found[limit - 1]).utf8)))
            } else {
                writer.null("nextCursor")
            }
        }
    }
}
