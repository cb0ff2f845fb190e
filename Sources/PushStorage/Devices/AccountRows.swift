import GRDB
import PushCore

/// An account as commands need it.
struct AccountRow {
    let ref: AccountRef
    let tenant: TenantKey
    let userID: String
    /// The app whose open registration made it; nil once a signed registration or an app has used it.
    let openedBy: AppKey?
    /// User signatures issued before this are refused.
    let notBefore: Milliseconds?

    static let columns = "key, account_id, tenant, user_id, opened_by, not_before"

    /// A row of ``columns``.
    init(_ row: HotStatement) {
        ref = AccountRef(key: AccountKey(rawValue: row.integer(0)), id: row.text(1))
        tenant = TenantKey(rawValue: row.integer(2))
        userID = row.text(3)
        openedBy = row.optionalInteger(4).map(AppKey.init(rawValue:))
        notBefore = row.optionalInteger(5)
    }
}

/// Reading and making accounts.
enum AccountRows {
    static func find(_ db: Database, tenant: TenantKey, userID: String) throws -> AccountRow? {
        let select = try HotStatement(cached: ofUserSQL, db)
        select.bind(1, tenant.rawValue)
        select.bind(2, userID)
        return try select.first(AccountRow.init)
    }

    private static let ofUserSQL =
        "SELECT \(AccountRow.columns) FROM account WHERE tenant = ? AND user_id = ? AND deleted_at IS NULL"
    private static let everByIDSQL = "SELECT \(AccountRow.columns) FROM account WHERE account_id = ?"
    private static let byIDSQL = everByIDSQL + " AND deleted_at IS NULL"
    private static let byKeySQL = "SELECT \(AccountRow.columns) FROM account WHERE key = ? AND deleted_at IS NULL"

    /// nil for a deleted account.
    static func find(_ db: Database, key: AccountKey) throws -> AccountRow? {
        let select = try HotStatement(cached: byKeySQL, db)
        select.bind(1, key.rawValue)
        return try select.first(AccountRow.init)
    }

    /// nil for a deleted account, as for one that never was.
    static func find(_ db: Database, id: String) throws -> AccountRow? {
        let select = try HotStatement(cached: byIDSQL, db)
        select.bind(1, id)
        return try select.first(AccountRow.init)
    }

    /// The same with deleted accounts: what others still have of them names them, and so may a cursor.
    static func findEver(_ db: Database, id: String) throws -> AccountRow? {
        let select = try HotStatement(cached: everByIDSQL, db)
        select.bind(1, id)
        return try select.first(AccountRow.init)
    }

    /// Whether there is anybody behind it: a deleted account keeps its row.
    static func isLiving(_ db: Database, _ key: AccountKey) throws -> Bool {
        try Int.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM account WHERE key = ? AND deleted_at IS NULL"),
            arguments: [key.rawValue]) != nil
    }

    private static let insertSQL = """
        INSERT INTO account (tenant, account_id, user_id, opened_by, created_at, not_before) VALUES (?, ?, ?, ?, ?, ?)
        """

    /// - Parameter notBefore: what ``VoidedSignatures`` says of the user.
    static func insert(
        _ db: Database, tenant: TenantKey, userID: String, openedBy: AppKey?, notBefore: Milliseconds?,
        ids: IDGenerator, at now: Milliseconds
    ) throws -> AccountRef {
        let id = ids.account()
        let insert = try HotStatement(cached: insertSQL, db)
        insert.bind(1, tenant.rawValue)
        insert.bind(2, id)
        insert.bind(3, userID)
        insert.bind(4, openedBy?.rawValue)
        insert.bind(5, now)
        insert.bind(6, notBefore)
        try insert.run()
        return AccountRef(key: AccountKey(rawValue: db.lastInsertedRowID), id: id)
    }

    /// The account of a user for an app's use: made when there is none, and closed to open registration for ever.
    static func ensure(
        _ db: Database, tenant: TenantKey, userID: String, ids: IDGenerator, at now: Milliseconds
    ) throws -> (account: AccountRef, isNew: Bool) {
        guard let known = try find(db, tenant: tenant, userID: userID) else {
            let notBefore = try VoidedSignatures.notBefore(db, tenant: tenant, userID: userID)
            let made = try insert(
                db, tenant: tenant, userID: userID, openedBy: nil, notBefore: notBefore, ids: ids, at: now)
            return (made, true)
        }
        if known.openedBy != nil { try close(db, known.ref.key) }
        return (known.ref, false)
    }

    static func close(_ db: Database, _ key: AccountKey) throws {
        try db.executeCached(sql: "UPDATE account SET opened_by = NULL WHERE key = ?", arguments: [key.rawValue])
    }
}

/// Accounts the writer looked up by one of their names. Their names, key and tenant never change while they live.
final class AccountCache {
    private var byID: [String: (ref: AccountRef, tenant: TenantKey)] = [:]
    private var byUser: [TenantKey: [String: AccountRef]] = [:]
    private var userCount = 0
    private static let entriesMax = 300_000

    func account(id: String) -> (ref: AccountRef, tenant: TenantKey)? { byID[id] }

    func account(tenant: TenantKey, userID: String) -> AccountRef? { byUser[tenant]?[userID] }

    func forget(_ row: AccountRow) {
        byID[row.ref.id] = nil
        if byUser[row.tenant]?.removeValue(forKey: row.userID) != nil { userCount -= 1 }
    }

    func put(_ row: AccountRow) {
        if byID.count >= Self.entriesMax { byID.removeAll() }
        byID[row.ref.id] = (row.ref, row.tenant)
        if userCount >= Self.entriesMax {
            byUser.removeAll()
            userCount = 0
        }
        byUser[row.tenant, default: [:]][row.userID] = row.ref
        userCount += 1
    }
}
