import Foundation
import GRDB
import PushCore

/// Devices with their live tokens, as rows.
enum DeviceRows {
    private static let columns = """
        d.key, d.device_id, d.tenant, d.account, a.account_id, a.user_id, d.unique_code, d.os_type, d.status,
        d.push_enabled, d.info, d.registered_at, d.last_seen_at, d.ended_at, d.start_seq
        """
    private static let select = "SELECT \(columns) FROM device d JOIN account a ON a.key = d.account"

    static func device(_ db: Database, _ key: DeviceKey) throws -> Device? {
        try Row.fetchOne(db.cachedStatement(sql: select + " WHERE d.key = ?"), arguments: [key.rawValue])
            .map { try device($0, tokens: tokens(db, of: $0[0]).map(\.token)) }
    }

    static func devices(_ db: Database, of account: AccountKey) throws -> [Device] {
        try Row.fetchAll(
            db.cachedStatement(sql: select + " WHERE d.account = ? ORDER BY d.key"), arguments: [account.rawValue]
        ).map { try device($0, tokens: tokens(db, of: $0[0]).map(\.token)) }
    }

    static let byKeysSQL =
        "SELECT \(columns) FROM json_each(?) j CROSS JOIN device d ON d.key = j.value JOIN account a ON a.key = d.account"

    static let tokensByDevicesSQL = """
        SELECT t.key, t.vendor, t.token, t.kind, t.environment, t.set_at, t.device
        FROM json_each(?) j CROSS JOIN push_token t ON t.device = j.value AND t.state = 'live'
        ORDER BY t.position
        """

    /// Devices with the rows of their live tokens, in their order of preference.
    static func devices(
        _ db: Database, keys: [DeviceKey]
    ) throws -> [DeviceKey: (device: Device, tokens: [TokenRow])] {
        let list = KeyList.json(Array(Set(keys.map(\.rawValue))))
        var tokens: [Int64: [TokenRow]] = [:]
        let tokenRows = try Row.fetchCursor(db.cachedStatement(sql: tokensByDevicesSQL), arguments: [list])
        while let row = try tokenRows.next() {
            if let token = token(row) { tokens[row[6], default: []].append(token) }
        }
        var found: [DeviceKey: (device: Device, tokens: [TokenRow])] = [:]
        let rows = try Row.fetchCursor(db.cachedStatement(sql: byKeysSQL), arguments: [list])
        while let row = try rows.next() {
            let own = tokens[row[0]] ?? []
            let device = try device(row, tokens: own.map(\.token))
            found[device.key] = (device, own)
        }
        return found
    }

    private static func device(_ row: Row, tokens: [PushToken]) throws -> Device {
        Device(
            key: DeviceKey(rawValue: row[0]), deviceID: row[1], tenantKey: TenantKey(rawValue: row[2]),
            account: AccountRef(key: AccountKey(rawValue: row[3]), id: row[4]), userID: row[5], uniqueCode: row[6],
            osType: OSType(rawValue: row[7]) ?? .unknown, status: Device.Status(rawValue: row[8]) ?? .deregistered,
            pushEnabled: row[9], tokens: tokens, info: RawJSON(archived: [UInt8](row[10] as Data)),
            registeredAt: row[11], lastSeenAt: row[12], endedAt: row[13], startSeq: row[14])
    }

    /// A device as the walk over everyone of a tenant sees it.
    struct Walked {
        let device: Device
        /// The app it last registered through.
        let app: AppKey
        /// Broadcasts up to here are stored on it.
        let broadcastSeq: Int64
    }

    private static let walkedColumns = "\(columns), d.app, max(d.start_broadcast_seq, ifnull(c.seq, 0))"

    /// A page of a tenant's active devices by key.
    static func walked(
        _ db: Database, tenant: TenantKey, after key: Int64, last: Int64, limit: Int
    ) throws -> [Walked] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(walkedColumns) FROM device d JOIN account a ON a.key = d.account
                        LEFT JOIN broadcast_cursor c ON c.device = d.key
                    WHERE d.tenant = ? AND d.status = 'active' AND d.key > ? AND d.key <= ? ORDER BY d.key LIMIT ?
                    """),
            arguments: [tenant.rawValue, key, last, limit]
        ).map { try walked(db, $0) }
    }

    /// A page of the devices that were noted for a broadcast, ended ones included.
    static func walked(
        _ db: Database, notedFor message: MessageKey, after key: Int64, limit: Int
    ) throws -> [Walked] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(walkedColumns) FROM job_device j JOIN device d ON d.key = j.device
                        JOIN account a ON a.key = d.account LEFT JOIN broadcast_cursor c ON c.device = d.key
                    WHERE j.message = ? AND j.device > ? ORDER BY j.device LIMIT ?
                    """),
            arguments: [message.rawValue, key, limit]
        ).map { try walked(db, $0) }
    }

    private static func walked(_ db: Database, _ row: Row) throws -> Walked {
        Walked(
            device: try device(row, tokens: tokens(db, of: row[0]).map(\.token)), app: AppKey(rawValue: row[15]),
            broadcastSeq: row[16])
    }

    struct TokenRow {
        let key: Int64
        let token: PushToken
        let setAt: Milliseconds
    }

    /// Live tokens in the device's order of preference.
    static func tokens(_ db: Database, of device: Int64) throws -> [TokenRow] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT key, vendor, token, kind, environment, set_at FROM push_token
                    WHERE device = ? AND state = 'live' ORDER BY position
                    """),
            arguments: [device]
        ).compactMap(token)
    }

    static func token(_ row: Row) -> TokenRow? {
        guard let vendor = Vendor(rawValue: row[1]) else { return nil }
        return TokenRow(
            key: row[0],
            token: PushToken(
                vendor: vendor, token: row[2], kind: PushToken.Kind(rawValue: row[3]) ?? .alert,
                environment: PushToken.Environment(rawValue: row[4]) ?? .production),
            setAt: row[5])
    }

    /// The app a device last registered through.
    static func app(_ db: Database, of device: DeviceKey) throws -> AppKey? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT app FROM device WHERE key = ?"), arguments: [device.rawValue]
        ).map(AppKey.init(rawValue:))
    }
}
