import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import PushCore
import PushCredentials
import PushHTTP
import PushStorage
import PushTestSupport
import Synchronization
import Testing

/// The HTTP door over a real store: one tenant, and two apps that have the key and the numbers of the UserSig vectors.
final class TencentFixture: Sendable {
    static let sdkAppID: Int64 = 1_400_000_001
    static let otherSDKAppID: Int64 = 1_400_000_002
    static let key = "efcb3be3a504c7b11c6c86faa3e7ebefb8e97d508a4bd7be2fd7160776cabc43"

    let gateway: HTTPGateway
    let storage: Storage
    let administration: Administration
    let published: NotedPublisher
    let appID: String
    let appToken: String
    private let directory: URL

    /// What was published to who is connected, as JSON.
    final class NotedPublisher: DownlinkPublisher {
        let transient = Mutex<[(topic: String, payload: JSONObject?)]>([])

        func publish(
            topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
            completion: @escaping @Sendable (PublishOutcome) -> Void
        ) -> Bool {
            completion(.taken)
            return true
        }

        func publishTransient(topic: String, payload: [UInt8]) {
            transient.withLock { $0.append((topic, (try? RawJSON(parsing: payload))?.object)) }
        }
    }

    private final class Seconds: Sendable {
        let value: Mutex<Int64>
        init(_ value: Int64) { self.value = Mutex(value) }
    }

    private let time: Seconds

    func setTime(_ seconds: Int64) { time.value.withLock { $0 = seconds } }
    var now: Int64 { time.value.withLock { $0 } }

    init(failedPerSecond: Int = 0, anonymousPerSecond: Int = 0) async throws {
        let published = NotedPublisher()
        self.published = published
        let time = Seconds(1_700_000_001)
        self.time = time
        let clock = WallClock { time.value.withLock { $0 } * 1000 }
        let limits = Limits()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("pushgate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let storage = try Storage(
            path: directory.appendingPathComponent("gateway.db").path, masterKey: Array(repeating: 7, count: 32),
            limits: limits, logger: logger, wallClock: clock)
        self.storage = storage
        let signer = DeviceCredentialSigner()
        let authenticator = Authenticator(
            access: storage, devices: storage, deviceVerifier: try DeviceCredentialVerifier(jwks: signer.jwks),
            tokens: try #require(AccessTokenKey(bytes: Array(repeating: 7, count: 32))), instance: "test", clock: clock)
        let administration = Administration(access: storage, ids: IDGenerator(), clock: clock)
        self.administration = administration
        let receipts = Receipts(store: storage, acknowledged: { _, _ in })
        let delivery = QuietDeliveryStore()
        let queue = PushQueue(
            store: delivery, catalog: AnyVendorCatalog(), tenants: { storage.tenant(key: $0) }, limits: limits,
            clock: clock, logger: logger)
        let address = ReceiptAddress(key: Array(repeating: 9, count: 32), publicURL: nil)
        let pushSettings = PushSettings(
            store: delivery, catalog: AnyVendorCatalog(), queue: queue,
            ledger: PushLedger(store: MemoryPushLedger(), clock: clock, logger: logger), access: storage, clock: clock,
            receipts: address)
        var configuration = HTTPConfiguration(host: "127.0.0.1", port: 0)
        configuration.attempts.anonymousPerSecond = anonymousPerSecond
        configuration.attempts.failedPerSecond = failedPerSecond
        gateway = HTTPGateway(
            services: HTTPServices(
                authenticator: authenticator, rates: RateLimits(limits: limits), administration: administration,
                statistics: Statistics(store: storage, presence: PresenceBook()),
                metrics: GatewayMetrics(
                    store: storage, presence: PresenceBook(), pushes: { PushFigures() }, stops: { 0 }),
                quarantine: TokenQuarantine(
                    store: MemoryQuarantine(), access: storage, devices: storage, clock: clock, revived: {}),
                registry: DeviceRegistry(
                    devices: storage, authenticator: authenticator, signer: signer, changes: NoDeviceChanges(),
                    limits: limits, clock: clock),
                accounts: Accounts(
                    store: storage, devices: storage, presence: PresenceBook(), changes: NoDeviceChanges(),
                    limits: limits, clock: clock),
                groups: Groups(store: storage, ids: IDGenerator(), limits: limits, clock: clock),
                tags: Tags(store: storage, users: storage, limits: limits, clock: clock),
                messaging: Messaging(
                    archive: storage, devices: storage, delivery: delivery, publisher: published, receipts: receipts,
                    expansionWaiting: {}, ids: IDGenerator(), limits: limits, clock: clock),
                imports: Imports(store: storage, ids: IDGenerator(), limits: limits, clock: clock),
                changes: MessageChanges(store: storage, changes: NoDeviceChanges(), limits: limits, changed: {}),
                conversations: Conversations(
                    store: storage, changes: NoDeviceChanges(), limits: limits, clock: clock),
                broadcasts: Broadcasts(store: storage, changed: {}, clock: clock),
                receipts: receipts,
                pushSettings: pushSettings,
                vendorReceipts: VendorReceipts(
                    store: NotedReceiptStore(), reader: TokenReceiptReader(), address: address, access: storage,
                    clock: clock, logger: logger, pushesMade: {}, tokensDied: { _, _, _ in }),
                credentialChecks: CredentialChecks(
                    settings: pushSettings, store: delivery, queue: queue, access: storage, ids: IDGenerator(),
                    clock: clock),
                limitSettings: LimitSettings(access: storage, limits: limits, clock: clock),
                templateSettings: TemplateSettings(access: storage, clock: clock),
                webhooks: Webhooks(
                    store: storage, catalog: AnyVendorCatalog(), access: storage, limits: limits, clock: clock),
                jwks: signer.jwks, missing: { [] },
                broker: { BrokerAddress(host: $0 ?? "none", port: 1883, isTLS: false, websocketPort: nil) },
                limits: limits, clock: clock, logger: logger),
            configuration: configuration)

        _ = try await administration.createTenant(try Self.json(#"{"tenantNo":"acme"}"#))
        func app(_ number: Int64) async throws -> JSONObject {
            let body = #"{"tenantNo":"acme","sdkAppId":\#(number),"signingKey":"\#(Self.key)"}"#
            return try #require(try await administration.createApp(try Self.json(body)).object)
        }
        let first = try await app(Self.sdkAppID)
        _ = try await app(Self.otherSDKAppID)
        appID = try #require(first["appId"]?.string)
        guard
            case .token(let token, _, _) = try authenticator.accessToken(
                appID: appID, secret: try #require(first["appSecret"]?.string), scope: nil, limits: limits)
        else { throw GatewayError(.internalError, "no token") }
        appToken = token
    }

    deinit {
        storage.close()
        try? FileManager.default.removeItem(at: directory)
    }

    static func json(_ text: String) throws -> RawJSON { try RawJSON(parsing: Array(text.utf8)) }

    func setAdministrators(_ names: Set<String>) async throws {
        let list = JSONWriter.object { $0.array("tencentAdmins") { for name in names.sorted() { $0.string(name) } } }
        for app in storage.apps(of: try #require(storage.tenant(no: "acme")).key) {
            _ = try await administration.updateApp(id: app.appID, RawJSON(archived: list))
        }
    }

    func userSig(_ identifier: String = "administrator", issuedAt: Int64? = nil) throws -> String {
        try UserSig.make(
            identifier: identifier, sdkAppID: Self.sdkAppID, key: Self.key, issuedAt: issuedAt ?? now - 10,
            lifetime: 86_400)
    }

    /// Sends requests straight to the responder.
    func withClient<Value: Sendable>(
        _ body: @Sendable @escaping (TencentCaller) async throws -> Value
    ) async throws -> Value {
        try await gateway.application().test(.router) {
            try await body(TencentCaller(http: Caller(client: $0), fixture: self))
        }
    }
}

/// Calls commands as an SDK does.
struct TencentCaller: Sendable {
    let http: Caller
    let fixture: TencentFixture

    func callAsFunction(_ command: String, _ body: String = "{}") async throws -> Reply {
        let query = Self.query(sdkAppID: TencentFixture.sdkAppID, "administrator", try fixture.userSig())
        return try await http(.post, "/v4/\(command)?\(query)", body)
    }

    static func query(sdkAppID: Int64, _ identifier: String, _ userSig: String) -> String {
        "sdkappid=\(sdkAppID)&identifier=\(encoded(identifier))&usersig=\(userSig)&random=1&contenttype=json"
    }

    /// Everything but letters and digits percent-encoded.
    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}

extension Reply {
    var errorCode: Int64? { json?["ErrorCode"]?.integer }
    var isOK: Bool { status == 200 && string("ActionStatus") == "OK" && errorCode == 0 }
}
