/// A token that its vendor has called dead. It stays with its device, unused, until it is registered again or restored.
public struct QuarantinedToken: Sendable {
    public let place: QuarantinePlace
    public let tenantKey: TenantKey
    public let deviceID: String
    public let userID: String
    public let token: PushToken
    /// The vendor's code.
    public let reason: String?
    /// The code is one that a wrong credential or environment gives as well.
    public let isDoubtful: Bool

    public init(
        place: QuarantinePlace, tenantKey: TenantKey, deviceID: String, userID: String, token: PushToken,
        reason: String?, isDoubtful: Bool
    ) {
        self.place = place
        self.tenantKey = tenantKey
        self.deviceID = deviceID
        self.userID = userID
        self.token = token
        self.reason = reason
        self.isDoubtful = isDoubtful
    }
}

/// A place in the list of dead tokens, the newest first.
public struct QuarantinePlace: Sendable, Hashable {
    public let since: Milliseconds
    public let key: Int64

    public init(since: Milliseconds, key: Int64) {
        self.since = since
        self.key = key
    }

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let since = Int64(parts[0]), let key = Int64(parts[1]) else { return nil }
        self.init(since: since, key: key)
    }

    var text: String { "\(since).\(key)" }
}

/// Which dead tokens; nil = all.
public struct QuarantineFilter: Sendable {
    public var tenant: TenantKey?
    public var vendor: Vendor?
    public var device: DeviceKey?
    /// Those that died then or later.
    public var since: Milliseconds?
    /// Only those whose code may mean a wrong credential.
    public var isDoubtfulOnly = false

    public init(
        tenant: TenantKey? = nil, vendor: Vendor? = nil, device: DeviceKey? = nil, since: Milliseconds? = nil,
        isDoubtfulOnly: Bool = false
    ) {
        self.tenant = tenant
        self.vendor = vendor
        self.device = device
        self.since = since
        self.isDoubtfulOnly = isDoubtfulOnly
    }
}

/// What a restoration brought back.
public struct Revival: Sendable, Equatable {
    /// Tokens that live again.
    public var tokens = 0
    /// Pushes that had ended for want of them, and wait again.
    public var pushes = 0

    public init(tokens: Int = 0, pushes: Int = 0) {
        self.tokens = tokens
        self.pushes = pushes
    }
}

/// Dead tokens on disk. Implemented by PushStorage.
public protocol TokenQuarantineStore: Sendable {
    /// Dead tokens of active devices, newest first, after a place.
    func quarantinedTokens(
        _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
    ) async throws -> [QuarantinedToken]

    /// Lets dead tokens live again, and the pushes wait again that had ended because of them and still may go out. A
    /// token stays dead where its device has ended, or where another device has registered it since.
    func restoreTokens(
        _ filter: QuarantineFilter, actor: String, at now: Milliseconds
    ) async throws -> Revival

    /// These credentials are doubted: an attempt that began before now kills no token by a doubtful code any more. What
    /// such codes killed since `since` lives again, as in ``restoreTokens(_:actor:at:)``. The trail says so where
    /// anything lives again, or where the doubt `isNew`.
    func doubt(
        lanes: Set<Int64>, tenant: TenantKey, vendor: Vendor, since: Milliseconds, isNew: Bool,
        at now: Milliseconds
    ) async throws -> Revival

    /// These credentials were found good.
    func trust(lanes: Set<Int64>) async throws
}

/// Dead tokens, for the operator.
public struct TokenQuarantine: Sendable {
    private let store: any TokenQuarantineStore
    private let access: any AccessStore
    private let devices: any DeviceStore
    private let clock: WallClock
    /// Pushes may wait again.
    private let revived: @Sendable () -> Void

    public init(
        store: any TokenQuarantineStore, access: any AccessStore, devices: any DeviceStore, clock: WallClock,
        revived: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.access = access
        self.devices = devices
        self.clock = clock
        self.revived = revived
    }

    /// A page, newest first. Never a token: its fingerprint.
    public func list(tenantNo: String?, vendor: String?, _ page: PageRequest) async throws -> RawJSON {
        var filter = QuarantineFilter()
        if let tenantNo { filter.tenant = try tenant(tenantNo).key }
        if let vendor {
            guard let known = Vendor(rawValue: vendor) else {
                throw GatewayError(.invalidRequest, "There is no vendor \(vendor).")
            }
            filter.vendor = known
        }
        var place: QuarantinePlace?
        if let cursor = page.cursor {
            guard let known = QuarantinePlace(cursor) else { throw PageRequest.unknownCursor }
            place = known
        }
        let found = try await store.quarantinedTokens(filter, after: place, limit: page.limit + 1)
        return page.answer(found, cursor: \.place.text) { writer, token in
            writer.object { writer in
                writer.member("tenantNo", access.tenant(key: token.tenantKey)?.tenantNo ?? "")
                writer.member("vendor", token.token.vendor.rawValue)
                writer.member("deviceId", token.deviceID)
                writer.member("userId", token.userID)
                writer.member("token", token.token.fingerprint)
                writer.member("environment", token.token.environment.rawValue)
                writer.member("reason", ifPresent: token.reason)
                writer.member("since", token.place.since)
                writer.member("doubtful", token.isDoubtful)
            }
        }
    }

    /// `{tenantNo, vendor?, deviceId?, since?}` → `{restored}`.
    public func restore(_ body: RawJSON) async throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let tenantNo = reader.required("tenantNo", reader.string("tenantNo"))
        let vendor = reader.value("vendor", expected: "a vendor's name") { $0.string.flatMap(Vendor.init(rawValue:)) }
        let deviceID = reader.string("deviceId")
        let since = reader.integer("since", in: 0...9_007_199_254_740_991)
        try reader.finish()
        var filter = QuarantineFilter(tenant: try tenant(tenantNo ?? "").key, vendor: vendor, since: since)
        if let deviceID {
            guard case .active(let device) = try await devices.lookUp(deviceID: deviceID),
                device.tenant.key == filter.tenant
            else { throw GatewayError(.notFound, "There is no active device \(deviceID) in this tenant.") }
            filter.device = device.key
        }
        let revival = try await store.restoreTokens(filter, actor: "operator", at: clock.now)
        if revival.pushes > 0 { revived() }
        return .object { $0.member("restored", revival.tokens) }
    }

    private func tenant(_ no: String) throws(GatewayError) -> Tenant {
        guard let tenant = access.tenant(no: no) else { throw GatewayError(.notFound, "There is no tenant \(no).") }
        return tenant
    }
}
