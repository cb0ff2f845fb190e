import PushCore
import Synchronization

/// A delivery store with nothing to deliver; it keeps vendor settings.
public final class QuietDeliveryStore: DeliveryStore {
    private let settings = Mutex<[VendorSettings]>([])

    public init() {}

    public func marks() async throws -> DeliveryMarks { DeliveryMarks(dispatched: 0, decided: 0) }
    public func advance(_ marks: DeliveryMarks, at now: Milliseconds) async throws {}
    public func entries(after position: Int64, limit: Int) async throws -> [CommittedEntries] { [] }
    public func current(
        _ message: MessageKey, for accounts: [AccountKey]
    ) async throws -> (message: ArchivedMessage, burned: Set<AccountKey>)? { nil }
    public func cachedDevices(of account: AccountKey) -> AccountDevices? { nil }
    public func devices(of accounts: [AccountKey]) async throws -> [AccountKey: AccountDevices] { [:] }
    public func decide(_ candidates: [FallbackCandidate], at now: Milliseconds) async throws -> Bool { false }
    public func hasten(_ devices: [DeviceKey], at now: Milliseconds) async throws -> Bool { false }

    public func claimJobs(
        _ claims: [JobClaim], besides held: Set<Int64>, now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob] { [] }
    public func releaseLeases(at now: Milliseconds) async throws {}
    public func markBegun(_ jobs: [PushJob]) async throws {}
    public func clockWentBack(to now: Milliseconds) async throws {}
    public func lanesWithJobs() async throws -> [Int64: Milliseconds] { [:] }
    public func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] { [:] }
    public func expireJobs(limit: Int, words: [Int64: VendorReply], at now: Milliseconds) async throws -> Int { 0 }
    public func change(_ jobs: [(PushJob, PushJobChange)], at now: Milliseconds) async throws {}
    public func vendorSettings() async throws -> [VendorSettings] { settings.withLock { $0 } }

    public func vendorSettings(tenant: TenantKey, app: AppKey?, vendor: Vendor) async throws -> VendorSettings? {
        settings.withLock { $0.first { $0.tenantKey == tenant && $0.app == app && $0.vendor == vendor } }
    }

    public func setVendorSettings(
        _ new: RawJSON?, tenant: TenantKey, app: AppKey?, vendor: Vendor, at now: Milliseconds
    ) async throws {
        settings.withLock { settings in
            settings.removeAll { $0.tenantKey == tenant && $0.app == app && $0.vendor == vendor }
            guard let new else { return }
            settings.append(
                VendorSettings(
                    lane: Int64(settings.count + 1), tenantKey: tenant, app: app, vendor: vendor, settings: new))
        }
    }

    public func trace(of message: ArchivedMessage) async throws -> [DeviceTrace] { [] }
    public func skippedCounts(of message: MessageKey) async throws -> [String: Int] { [:] }
}

/// Vendors whose settings are any object; `topic` is what is public of them, and stays when later settings have none.
/// No push can be sent.
public struct AnyVendorCatalog: VendorCatalog {
    public init() {}

    public func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON {
        guard settings.kind == .object else { throw .invalid("", "The body must be a JSON object.") }
        return settings
    }

    public func validate(_ settings: RawJSON, for vendor: Vendor, keeping stored: RawJSON?) throws(GatewayError)
        -> RawJSON
    {
        let checked = try validate(settings, for: vendor)
        guard checked.object?["topic"] == nil, let topic = stored?.object?["topic"] else { return checked }
        return checked.setting(topic, at: ["topic"])
    }

    public func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {}

    public func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON {
        .object { $0.member("topic", ifPresent: settings.object?["topic"]) }
    }

    public func budget(of settings: RawJSON, for vendor: Vendor) -> PushBudget {
        let quota = settings.object?["quota"]?.object
        return PushBudget(
            perDay: quota?["perDay"]?.integer, marketingPerDay: quota?["marketingPerDay"]?.integer)
    }

    public func makeSender(
        for vendor: Vendor, settings: RawJSON, tenantNo: String
    ) throws(GatewayError) -> any VendorSender {
        throw GatewayError(.invalidRequest, "There is no sender in tests.")
    }
}

/// Takes every publish and does nothing with it.
public struct QuietPublisher: DownlinkPublisher {
    public init() {}

    public func publish(
        topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
        completion: @escaping @Sendable (PublishOutcome) -> Void
    ) -> Bool {
        completion(.taken)
        return true
    }

    public func publishTransient(topic: String, payload: [UInt8]) {}
}

/// Notes which devices were cut off.
public final class NotedDeviceChanges: DeviceChanges {
    private let ended = Mutex<[String]>([])

    public init() {}

    public var endedDevices: [String] { ended.withLock { $0 } }
    public func devicesChanged() async {}
    public func devicesEnded(_ deviceIDs: [String]) async { ended.withLock { $0 += deviceIDs } }
}
