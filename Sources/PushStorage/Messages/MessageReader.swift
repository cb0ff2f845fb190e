import GRDB
import PushCore

/// Reads one message after the other within one read of the store.
final class MessageReader {
    private let select: HotStatement
    /// The messages of a page are of one tenant: it is asked for once.
    private var last: (tenant: TenantKey, no: String)?

    init(_ db: Database) throws { select = try HotStatement(cached: MessageRows.byKeySQL, db) }

    func message(_ key: MessageKey, tenantNo: (TenantKey) -> String) throws -> ArchivedMessage? {
        select.bind(1, key.rawValue)
        return try select.first { row in
            MessageRows.message(row) { tenant in
                if let last, last.tenant == tenant { return last.no }
                let no = tenantNo(tenant)
                last = (tenant, no)
                return no
            }
        }
    }
}

extension InboxEntry {
    /// A row of ``columns``.
    init(_ row: HotStatement) {
        let bits = Int(row.integer(4))
        self.init(
            position: row.integer(0), account: AccountKey(rawValue: row.integer(1)), seq: row.integer(2),
            message: MessageKey(rawValue: row.integer(3)), flags: Flags(rawValue: bits & 255),
            peer: Peer(rawValue: row.integer(5)), revision: bits >> 8)
    }
}
