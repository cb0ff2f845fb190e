import GRDB
import PushCore

/// Public ids of the other sides of conversations, and back.
enum PeerNames {
    static func id(_ db: Database, of peer: Peer) throws -> String? {
        let (sql, key): (String, Int64)
        switch peer.name {
        case .account(let account): (sql, key) = ("SELECT account_id FROM account WHERE key = ?", account.rawValue)
        case .group(let group): (sql, key) = ("SELECT group_id FROM user_group WHERE key = ?", group.rawValue)
        case .app(let app): (sql, key) = ("SELECT app_id FROM app WHERE key = ?", app.rawValue)
        case nil: return nil
        }
        return try String.fetchOne(db.cachedStatement(sql: sql), arguments: [key])
    }

    static func named(_ db: Database, _ peer: Peer) throws -> NamedPeer? {
        try id(db, of: peer).map { NamedPeer(peer: peer, id: $0) }
    }

    /// Whom a name of the tenant stands for.
    static func peer(_ db: Database, named name: String, tenant: TenantKey) throws -> NamedPeer? {
        if name.hasPrefix("acct_") {
            // What was written with somebody outlives their account.
            guard let row = try AccountRows.findEver(db, id: name), row.tenant == tenant else { return nil }
            return NamedPeer(peer: .account(row.ref.key), id: name)
        }
        if AddressBook.isAccountName(name) {
            return try AddressBook(db: db, tenant: tenant, cache: nil).account(named: name).map {
                NamedPeer(peer: .account($0.key), id: $0.id)
            }
        }
        if name.hasPrefix("app_") {
            return try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT key FROM app WHERE app_id = ? AND tenant = ?"),
                arguments: [name, tenant.rawValue]
            ).map { NamedPeer(peer: .app(AppKey(rawValue: $0)), id: name) }
        }
        guard IDRules.isGroupID(name) else { return nil }
        let group =
            try GroupRow.find(db, id: name, tenant: tenant)?.key.rawValue
            ?? Int64.fetchOne(
                db.cachedStatement(sql: deletedGroupSQL), arguments: [tenant.rawValue, name])
        return group.map { NamedPeer(peer: .group(GroupKey(rawValue: $0)), id: name) }
    }

    /// What was written in a group outlives it.
    static let deletedGroupSQL = """
        SELECT key FROM user_group WHERE tenant = ? AND group_id = ? AND deleted_at IS NOT NULL
        ORDER BY key DESC LIMIT 1
        """
}
