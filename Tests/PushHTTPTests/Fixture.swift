import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import PushCore
import PushCredentials
import PushHTTP
import PushTestSupport
import Testing

/// A gateway's HTTP door over doubles in memory, with one tenant, one app and one device.
struct Fixture {
    let gateway: HTTPGateway
    let access = MemoryAccessStore()
    let changes = NotedDeviceChanges()
    let receiptStore = NotedReceiptStore()
    let receiptAddress = ReceiptAddress(key: Array(repeating: 9, count: 32), publicURL: nil)
    let quarantine = MemoryQuarantine()
    let usage = MemoryPushLedger()
    let webhooks = MemoryWebhookStore()
    let administration: Administration
    let registry: DeviceRegistry
    let adminToken: String
    private let authenticator: Authenticator
    private(set) var appID = ""
    private(set) var appSecret = ""
    private(set) var signingKey = ""
    private(set) var appToken = ""
    private(set) var deviceToken = ""
    private(set) var deviceID = ""

    static let now: Milliseconds = 1_800_000_000_000
    private static let clock = WallClock { Fixture.now }

    init(
        anonymousPerSecond: Int = 0, failedPerSecond: Int = 0, limits: Limits = Limits(),
        archive: MemoryArchive = .init(),
        missing: [String] = [], configure: (inout HTTPConfiguration) -> Void = { _ in }
    ) async throws {
        let clock = Self.clock
        let access = access
        let (receiptStore, receiptAddress) = (receiptStore, receiptAddress)
        let devices = MemoryDeviceStore(access: access)
        let delivery = QuietDeliveryStore()
        let signer = DeviceCredentialSigner()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let authenticator = Authenticator(
            access: access, devices: devices, deviceVerifier: try DeviceCredentialVerifier(jwks: signer.jwks),
            tokens: try #require(AccessTokenKey(bytes: Array(repeating: 7, count: 32))), instance: "test", clock: clock)
        self.authenticator = authenticator
        administration = Administration(access: access, ids: IDGenerator(), clock: clock)
        registry = DeviceRegistry(
            devices: devices, authenticator: authenticator, signer: signer, changes: changes, limits: limits,
            clock: clock)
        let receipts = Receipts(store: archive, acknowledged: { _, _ in })
        let queue = PushQueue(
            store: delivery, catalog: AnyVendorCatalog(), tenants: { access.tenant(key: $0) }, limits: limits,
            clock: clock, logger: logger)
        let pushSettings = PushSettings(
            store: delivery, catalog: AnyVendorCatalog(), queue: queue,
            ledger: PushLedger(store: usage, clock: clock, logger: logger), access: access, clock: clock,
            receipts: receiptAddress)
        var configuration = HTTPConfiguration(host: "127.0.0.1", port: 0)
        configuration.attempts.anonymousPerSecond = anonymousPerSecond
        configuration.attempts.failedPerSecond = failedPerSecond
        configure(&configuration)
        gateway = HTTPGateway(
            services: HTTPServices(
                authenticator: authenticator, rates: RateLimits(limits: limits), administration: administration,
                statistics: Statistics(store: access, presence: PresenceBook()),
                metrics: GatewayMetrics(
                    store: access, presence: PresenceBook(),
                    pushes: {
                        var figures = PushFigures()
                        figures.outcomes = [.fcm: ["accepted": 3]]
                        figures.credentials = [.apns: ["stopped": 1]]
                        var latency = LatencyHistogram()
                        for length in [3, 5, 700, 90_000] as [Milliseconds] { latency.add(length) }
                        figures.latency = [.fcm: latency]
                        figures.receipts = VendorReceiptCounts(recorded: 4, repeated: 1)
                        return figures
                    }, stops: { 2 }),
                quarantine: TokenQuarantine(
                    store: quarantine, access: access, devices: devices, clock: clock, revived: {}),
                registry: registry,
                accounts: Accounts(
                    store: devices, devices: devices, presence: PresenceBook(), changes: changes, limits: limits,
                    clock: clock),
                groups: Groups(store: MemoryGroupStore(), ids: IDGenerator(), limits: limits, clock: clock),
                tags: Tags(store: MemoryTagStore(), users: NoUserTags(), limits: limits, clock: clock),
                messaging: Messaging(
                    archive: archive, devices: devices, delivery: delivery, publisher: QuietPublisher(),
                    receipts: receipts, expansionWaiting: {}, ids: IDGenerator(), limits: limits, clock: clock),
                imports: Imports(store: MemoryImportStore(), ids: IDGenerator(), limits: limits, clock: clock),
                changes: MessageChanges(
                    store: NoOperations(), changes: NoDeviceChanges(), limits: limits, changed: {}),
                conversations: Conversations(
                    store: MemoryConversationStore(devices: devices), changes: NoDeviceChanges(), limits: limits,
                    clock: clock),
                broadcasts: Broadcasts(store: MemoryBroadcastStore(), changed: {}, clock: clock),
                receipts: receipts,
                pushSettings: pushSettings,
                vendorReceipts: VendorReceipts(
                    store: receiptStore, reader: TokenReceiptReader(), address: receiptAddress, access: access,
                    clock: clock, logger: logger, pushesMade: {}, tokensDied: { _, _, _ in }),
                credentialChecks: CredentialChecks(
                    settings: pushSettings, store: delivery, queue: queue, access: access, ids: IDGenerator(),
                    clock: clock),
                limitSettings: LimitSettings(access: access, limits: limits, clock: clock),
                templateSettings: TemplateSettings(access: access, clock: clock),
                webhooks: Webhooks(
                    store: webhooks, catalog: AnyVendorCatalog(), access: access, limits: limits, clock: clock),
                jwks: signer.jwks, missing: { missing },
                broker: { BrokerAddress(host: $0 ?? "none", port: 1883, isTLS: false, websocketPort: nil) },
                limits: limits, logger: logger),
            configuration: configuration)
        adminToken = try #require(try await administration.establishAdminToken(preset: nil))

        _ = try await administration.createTenant(try RawJSON(parsing: Array(#"{"tenantNo":"acme"}"#.utf8)))
        let app = try await administration.createApp(
            try RawJSON(parsing: Array(#"{"tenantNo":"acme","name":"Shop"}"#.utf8)))
        appID = try #require(app.object?["appId"]?.string)
        appSecret = try #require(app.object?["appSecret"]?.string)
        signingKey = try #require(app.object?["signingKey"]?.string)
        guard
            case .token(let token, _, _) = try authenticator.accessToken(
                appID: appID, secret: appSecret, scope: nil, limits: limits)
        else { throw GatewayError(.internalError, "no token") }
        appToken = token
        let registered = try await registry.register(
            try RawJSON(parsing: Array(#"{"uniqueCode":"code-0","osType":2}"#.utf8)),
            signature: try signature(of: "ann"),
            broker: BrokerAddress(host: "h", port: 1, isTLS: false, websocketPort: nil))
        deviceToken = try #require(registered.answer.object?["credential"]?.string)
        deviceID = try #require(registered.answer.object?["deviceId"]?.string)
    }

    /// An access token with fewer scopes.
    func appToken(scope: String) throws -> String {
        let answer = try authenticator.accessToken(appID: appID, secret: appSecret, scope: scope, limits: Limits())
        guard case .token(let token, _, _) = answer else { throw GatewayError(.internalError, "no token") }
        return token
    }

    func signature(of userID: String, expiresIn seconds: Int64 = 600) throws -> String {
        try UserSignature.makeJWT(
            appID: appID, userID: userID, key: signingKey, issuedAt: Self.now / 1000 - 1000,
            expiresAt: Self.now / 1000 + seconds)
    }

    /// Runs `body` with a client that sends straight to the responder, or to a real listener.
    func withClient<Value: Sendable>(
        _ setup: TestingSetup = .router, _ body: @Sendable @escaping (Caller) async throws -> Value
    ) async throws -> Value {
        try await gateway.application().test(setup) { try await body(Caller(client: $0)) }
    }
}

/// Sends requests in a line.
struct Caller: Sendable {
    let client: any TestClientProtocol

    func callAsFunction(
        _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, bearer: String? = nil,
        type: String? = "application/json", fields: [String: String] = [:]
    ) async throws -> Reply {
        var headers = HTTPFields()
        if body != nil, let type { headers[.contentType] = type }
        if let bearer { headers[.authorization] = "Bearer \(bearer)" }
        for (name, value) in fields {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Reply(
            try await client.execute(
                uri: uri, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }))
    }
}

/// An answer with its JSON.
struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let text: String

    init(_ response: TestResponse) {
        status = response.status.code
        headers = response.headers
        text = String(buffer: response.body)
    }

    var json: JSONObject? { (try? RawJSON(parsing: Array(text.utf8)))?.object }
    var code: String? { json?["code"]?.string }
    func string(_ key: String) -> String? { json?[key]?.string }

    func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
}
