import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// Stands in for push vendors on loopback: speaks their wire protocols, is as strict as they are, keeps what arrived,
/// and goes wrong on demand. No vendor account and no network is needed.
///
/// Four listeners: APNs (HTTP/2 over TLS only), WNS (HTTP/1.1 over TLS only), HTTPS (the other vendors, HTTP/2 or
/// HTTP/1.1), and plain HTTP (WNS and the other vendors again, and the control page at `/`).
///
///     let simulator = try await VendorSimulator.start(configuration: .init())
///     // Give simulator.credentials.settings(for: .apns) and simulator.caFile to the gateway, send, then:
///     let push = try await simulator.waitForPush(within: .seconds(5)) { $0.messageId == "m1" }
///     try await simulator.shutdown()
public final class VendorSimulator: Sendable {
    public let apnsPort: Int
    public let httpsPort: Int
    public let httpPort: Int
    public let wnsPort: Int
    /// The file with the certificate authority to trust, PEM.
    public let caFile: String
    public let credentials: Credentials

    private let group: MultiThreadedEventLoopGroup
    private let record: PushRecord
    private let faults: FaultBoard
    private let services: [any VendorService]
    private let verifier: ProviderTokenVerifier
    private let accessTokens: AccessTokens
    let channels: WNSChannels
    let subscriptions: PushSubscriptions
    let urlHost: String
    let receipts: ReceiptSender
    private let removesCAFile: Bool
    private let isShutDown = Atomic(false)

    private init(
        listeners: (apns: SimulatorListener, https: SimulatorListener, http: SimulatorListener), caFile: String,
        removesCAFile: Bool, credentials: Credentials, group: MultiThreadedEventLoopGroup, parts: Parts
    ) {
        apnsPort = listeners.apns.port
        httpsPort = listeners.https.port
        httpPort = listeners.http.port
        self.caFile = caFile
        self.removesCAFile = removesCAFile
        self.credentials = credentials
        self.group = group
        record = parts.record
        faults = parts.faults
        services = parts.services
        verifier = parts.verifier
        accessTokens = parts.accessTokens
        wnsPort = parts.wnsPort
        channels = parts.channels
        subscriptions = parts.subscriptions
        urlHost = parts.urlHost
        receipts = parts.receipts
    }

    /// What is shared by the listeners.
    private struct Parts {
        let record: PushRecord
        let faults: FaultBoard
        let verifier: ProviderTokenVerifier
        let accessTokens: AccessTokens
        let wnsPort: Int
        let channels: WNSChannels
        let subscriptions: PushSubscriptions
        /// The host as URLs have it.
        let urlHost: String
        let services: [any VendorService]
        let receipts: ReceiptSender
    }

    /// Makes certificates and credentials and begins to listen.
    ///
    /// - Throws: what binding a port or writing the certificate file throws.
    public static func start(configuration: Configuration) async throws -> VendorSimulator {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threads))
        do {
            return try await start(configuration, group: group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ configuration: Configuration, group: MultiThreadedEventLoopGroup
    ) async throws -> VendorSimulator {
        let clock = configuration.clock
        let certificates = try ServerCertificates(now: Date())
        let keys = try CredentialKeys(project: configuration.fcmProject)
        let record = PushRecord(
            limit: configuration.keptPushes, requests: configuration.keptRequests, accepted: configuration.accepted)
        let faults = FaultBoard()
        let verifier = ProviderTokenVerifier(updateSeconds: configuration.providerTokenUpdateSeconds)
        try verifier.register(
            APNsTeam(
                teamId: CredentialKeys.apnsTeamId, keyId: CredentialKeys.apnsKeyId,
                topics: Set(configuration.apnsTopics), publicKeyPEM: keys.apns.publicKey.pemRepresentation))

        // The service account names the address that it logs in at, so the ports are needed before the services: they
        // are filled in after the listeners are bound. Nobody knows the ports until then.
        let late = LateDispatchers()
        func listen(
            _ port: Int, _ transport: SimulatorListener.Transport,
            _ dispatcher: @escaping @Sendable () -> VendorDispatcher?,
            oneStream: Bool = false
        ) async throws -> SimulatorListener {
            try await SimulatorListener.start(
                on: configuration.bindAddress, port: port, transport: transport, dispatcher: dispatcher,
                streams: configuration.maxConcurrentStreams, oneStreamUntilValidToken: oneStream, group: group)
        }
        let apns = try await listen(
            configuration.apnsPort, .http2Only(try certificates.serverContext(protocols: ["h2"])), { late.apns },
            oneStream: configuration.oneStreamUntilValidToken)
        let https = try await listen(
            configuration.httpsPort, .tls(try certificates.serverContext(protocols: ["h2", "http/1.1"])),
            { late.https })
        let http = try await listen(configuration.httpPort, .plain, { late.http })
        let wns = try await listen(
            configuration.wnsPort, .tls(try certificates.serverContext(protocols: ["http/1.1"])), { late.wns })

        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let httpsBase = "https://\(host):\(https.port)"
        let httpBase = "http://\(host):\(http.port)"
        let credentials = keys.credentials(
            configuration, apnsBase: "https://\(host):\(apns.port)", httpsBase: httpsBase, httpBase: httpBase,
            wnsBase: "https://\(host):\(wns.port)")
        let accessTokens = AccessTokens(
            clientEmail: keys.fcmClientEmail, keyId: keys.fcmKeyId, publicKey: keys.fcm.publicKey,
            tokenURIs: ["\(httpsBase)/token", "\(httpBase)/token"],
            lifetimeSeconds: configuration.accessTokenSeconds, clock: clock)
        let apnsService = APNsService(
            verifier: verifier, expiredTokenEndsConnection: configuration.expiredProviderTokenEndsConnection,
            record: record, faults: faults, clock: clock)
        let huawei = HuaweiService(
            apps: keys.huawei.map { .init(appId: $0.appId, projectId: $0.projectId, secret: $0.clientSecret) },
            accessTokenSeconds: configuration.accessTokenSeconds, record: record, faults: faults, clock: clock)
        let honor = HonorService(
            apps: keys.honor.map { .init(appId: $0.appId, clientId: $0.clientId, secret: $0.clientSecret) },
            accessTokenSeconds: configuration.accessTokenSeconds, record: record, faults: faults, clock: clock)
        let channels = WNSChannels(base: "https://\(host):\(wns.port)", clock: clock)
        let wnsService = WNSService(
            credentials: keys.wns, channels: channels, record: record, faults: faults, clock: clock)
        let subscriptions = PushSubscriptions(origin: httpsBase, plainOrigin: httpBase, clock: clock)
        let others: [any VendorService] = [
            OPPOService(
                credentials: keys.oppo, rememberedMessages: configuration.keptPushes, record: record, faults: faults,
                clock: clock),
            VivoService(
                credentials: keys.vivo, rememberedRequests: configuration.keptPushes, record: record, faults: faults,
                clock: clock),
            WebPushService(subscriptions: subscriptions, record: record, faults: faults, clock: clock),
            FCMService(
                project: configuration.fcmProject, accessTokens: accessTokens, record: record, faults: faults,
                clock: clock),
            huawei,
            honor,
            XiaomiService(
                packageName: configuration.xiaomiPackageName, secret: keys.xiaomiSecret,
                requiresChannel: configuration.xiaomiRequiresChannel, record: record, faults: faults, clock: clock),
            MeizuService(
                appId: keys.meizuAppId, secret: keys.meizuSecret, record: record, faults: faults, clock: clock),
            WebhookService(secret: keys.webhook, record: record, faults: faults, clock: clock),
        ]
        let parts = Parts(
            record: record, faults: faults, verifier: verifier, accessTokens: accessTokens,
            wnsPort: wns.port, channels: channels, subscriptions: subscriptions, urlHost: host,
            services: [apnsService] + others + [wnsService], receipts: ReceiptSender(services: others, clock: clock))
        let control = ControlPage(
            record: record, faults: faults, services: parts.services, credentials: credentials,
            receipts: ReceiptControl(receipts: parts.receipts, record: record),
            devices: DeviceControl(subscriptions: subscriptions, channels: channels))
        func dispatcher(_ services: [any VendorService], _ control: ControlPage?) -> VendorDispatcher {
            VendorDispatcher(services: services, control: control, faults: faults, record: record, clock: clock)
        }
        late.set(
            apns: dispatcher([apnsService], nil), https: dispatcher(others, nil),
            http: dispatcher(others + [wnsService], control),
            wns: dispatcher([wnsService], nil))

        let caFile =
            configuration.caFile
            ?? FileManager.default.temporaryDirectory.appending(path: "vendor-simulator-\(UUID().uuidString).pem").path
        try Data(certificates.authorityPEM.utf8).write(to: URL(filePath: caFile), options: .atomic)
        return VendorSimulator(
            listeners: (apns, https, http), caFile: caFile, removesCAFile: configuration.caFile == nil,
            credentials: credentials, group: group, parts: parts)
    }

    /// Stops listening, cuts every connection, ends every wait with ``VendorSimulatorError/closed``.
    public func shutdown() async throws {
        guard !isShutDown.exchange(true, ordering: .acquiringAndReleasing) else { return }
        record.close()
        if removesCAFile { try? FileManager.default.removeItem(atPath: caFile) }
        try await group.shutdownGracefully()
    }

    // MARK: What arrived

    /// Accepted pushes that are still kept, oldest first.
    public func pushes(where matches: (RecordedPush) -> Bool = { _ in true }) -> [RecordedPush] {
        record.pushes(where: matches)
    }

    /// What a person sees on this device now, oldest first: a later notification with the same replace key has taken
    /// the place of the earlier one.
    public func visible(token: String) -> [RecordedPush] {
        Self.visible(record.pushes(to: token))
    }

    static func visible(_ pushes: [RecordedPush]) -> [RecordedPush] {
        var shown: [RecordedPush] = []
        for push in pushes where push.isShown {
            if let key = push.replaceKey {
                shown.removeAll { $0.replaceKey == key && $0.vendor == push.vendor }
            }
            shown.append(push)
        }
        return shown
    }

    /// How often this device rang for a message: its visible pushes, those that replaced one another included.
    public func alertsRung(token: String, messageId: String) -> Int {
        record.pushes(to: token).count { $0.isShown && $0.messageId == messageId }
    }

    /// Waits for an accepted push that fits; one that is already there counts. `matches` is called while the record is
    /// locked and must only look at the push.
    ///
    /// - Throws: ``VendorSimulatorError/nothingArrived`` after `limit`, ``VendorSimulatorError/closed`` at shutdown,
    ///   `CancellationError` when the task is cancelled.
    public func waitForPush(
        within limit: Duration, where matches: @escaping @Sendable (RecordedPush) -> Bool
    ) async throws -> RecordedPush {
        // The simulator's own event loops may be gone by the time somebody begins to wait.
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        return try await record.wait(on: eventLoop, within: limit, where: matches)
    }

    /// The latest requests that were refused because they were wrong, at most 200.
    public var refusals: [RefusedRequest] { record.refusals }

    /// The requests that are still kept, oldest first.
    public func requests(where matches: (RecordedRequest) -> Bool = { _ in true }) -> [RecordedRequest] {
        record.requests.filter(matches)
    }

    public func counters(_ vendor: SimulatedVendor) -> VendorCounters { record.counters[vendor] ?? VendorCounters() }

    /// Records pushes that arrive at their devices only now.
    func deliver(_ pushes: [RecordedPush]) { record.accept(pushes) }

    /// Forgets pushes, requests, refusals and counters. Faults and credentials stay.
    public func clearRecord() { record.clear() }

    // MARK: What goes wrong

    /// Sets a fault.
    ///
    /// - Parameters:
    ///   - purpose: which requests it hits: pushes, or logins.
    ///   - requests: how many requests it hits; nil: every one until it is cleared.
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when the vendor has no such code.
    public func inject(
        _ fault: VendorFault, into vendor: SimulatedVendor, on purpose: RequestPurpose = .send, requests: Int? = nil
    ) throws {
        try faults.add(
            ActiveFault(vendor: vendor, purpose: purpose, fault: fault, remaining: requests), checkedBy: services)
    }

    /// The faults that are set, in the order in which they were.
    public var activeFaults: [ActiveFault] { faults.active }

    /// Ends the faults of one vendor, or of all.
    public func clearFaults(_ vendor: SimulatedVendor? = nil) { faults.clear(vendor) }

    /// Makes every access token given so far invalid, those of FCM, Huawei and HONOR.
    public func revokeAccessTokens() {
        accessTokens.revokeAll()
        for service in services { service.revokeAccessTokens() }
    }

    /// Adds an APNs team beside the generated one.
    ///
    /// - Throws: when the key is not a P-256 public key.
    public func register(_ team: APNsTeam) throws { try verifier.register(team) }
}

/// The dispatchers, once they are there. The lock protects all of them.
private final class LateDispatchers: Sendable {
    private struct Dispatchers {
        var apns: VendorDispatcher?
        var https: VendorDispatcher?
        var http: VendorDispatcher?
        var wns: VendorDispatcher?
    }

    private let dispatchers = Mutex(Dispatchers())

    var apns: VendorDispatcher? { dispatchers.withLock { $0.apns } }
    var https: VendorDispatcher? { dispatchers.withLock { $0.https } }
    var http: VendorDispatcher? { dispatchers.withLock { $0.http } }
    var wns: VendorDispatcher? { dispatchers.withLock { $0.wns } }

    func set(apns: VendorDispatcher, https: VendorDispatcher, http: VendorDispatcher, wns: VendorDispatcher) {
        dispatchers.withLock { $0 = Dispatchers(apns: apns, https: https, http: http, wns: wns) }
    }
}
