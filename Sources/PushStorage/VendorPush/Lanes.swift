import GRDB
import PushCore

/// The vendor credentials of one tenant, as decisions need them: which there are.
struct Lanes {
    private struct Name: Hashable {
        let app: Int64?
        let vendor: String
    }

    private var lanes: [Name: Int64] = [:]

    init(_ db: Database, tenant: TenantKey) throws {
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT app, vendor, lane FROM vendor_settings WHERE tenant = ?"),
            arguments: [tenant.rawValue])
        while let row = try rows.next() { lanes[Name(app: row[0], vendor: row[1])] = row[2] }
    }

    /// The app's own credential, else the tenant's.
    func lane(app: AppKey?, vendor: Vendor) -> Int64? {
        if let app, let own = lanes[Name(app: app.rawValue, vendor: vendor.rawValue)] { return own }
        return lanes[Name(app: nil, vendor: vendor.rawValue)]
    }
}

extension Vendor {
    /// Whether the vendor has a form that shows nothing (contract details, to section 7, *Silent form*).
    var canSendSilently: Bool {
        switch self {
        case .apns, .fcm, .huawei, .honor, .xiaomi, .wns, .webhook: true
        case .webpush, .oppo, .vivo, .meizu: false
        }
    }
}
