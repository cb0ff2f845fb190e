import Foundation
import Logging
import MosquittoClient
import PushCore
import PushCredentials
import PushHTTP
import PushMQTT
import PushStorage
import PushVendors
import ServiceLifecycle

/// The composition root: every part of a running gateway, made once and put in order of dependence.
struct Gateway: Sendable {
    let settings: ServeSettings
    let storage: Storage
    let broker: ManagedBroker?
    let presence: PresenceBook
    let presenceLine: PresenceConnection
    let downlink: DownlinkConnection
    let uplink: UplinkConnection
    /// Tells the port of the HTTP API once it listens.
    let httpPort: AsyncStream<Int>
    /// Set when the admin token was just made: to be printed once.
    let newAdminToken: String?
    /// Started top to bottom, stopped bottom to top: the door closes first, the archive last.
    let services: [ServiceGroupConfiguration.ServiceConfiguration]

    init(_ settings: ServeSettings, directory: DataDirectory, logger: Logger) async throws {
        self.settings = settings
        let clock = settings.clock
        let ids = IDGenerator()
        var limits = Limits()
        limits.credentialSeconds = settings.credentialSeconds
        limits.presenceDoubt = settings.presenceDoubt
        limits.clockBelievedFrom = 1_704_067_200_000  // the beginning of 2024, before there was a gateway
        limits.jobDevicesPerSecond = settings.broadcastPace ?? limits.jobDevicesPerSecond
        let master = try directory.masterKey(create: true)
        let signer = try directory.deviceSigner()

        let storage = try Storage(
            path: directory.databasePath, masterKey: master.storage, ids: ids, limits: limits, logger: logger,
            wallClock: clock)
        self.storage = storage
        let administration = Administration(access: storage, ids: ids, clock: clock)
        newAdminToken = try await administration.establishAdminToken(preset: settings.adminToken)
        if settings.adminToken != nil, newAdminToken == nil {
            logger.warning("PUSHGATE_ADMIN_TOKEN is ignored: there is an admin token already")
        }

        // MARK: The broker and the lines to it

        let connection: GatewayConnection
        switch settings.broker {
        case .managed:
            let managed = try Self.managedBroker(settings, directory: directory, signer: signer, logger: logger)
            broker = managed
            connection = GatewayConnection(
                host: managed.gatewayAddress.host, port: managed.gatewayAddress.port, username: "pushgate",
                password: managed.gatewayPassword, hasPlugin: true)
        case .external(let external):
            broker = nil
            connection = external
            logger.warning(
                "an external broker has no plugin: presence is not known, so the acknowledgement deadline alone decides; a deregistered device is cut off at its credential's exp"
            )
        }
        let downlinkLoop = try MQTTLoop()
        let requestLoop = try MQTTLoop()
        let downlink = try DownlinkConnection(connection, count: 1, loop: downlinkLoop, logger: logger)
        self.downlink = downlink

        // MARK: Delivery

        let damage = LateDamage(directory, logger: logger)
        let presence = PresenceBook()
        self.presence = presence
        let progress = DeliveryProgress(
            marks: try await storage.marks(), store: storage, clock: clock, logger: logger)
        let receiptAddress = ReceiptAddress(key: master.receipts, publicURL: settings.publicURL?.absoluteString)
        let vendors = try LiveVendors(
            logger: logger, wallClock: clock, allowPrivateEndpoints: settings.allowsPrivateEndpoints,
            caFile: settings.caFile, receipts: receiptAddress)
        let ledger = PushLedger(store: storage, clock: clock, logger: logger)
        let tokenGuard = TokenGuard(store: storage, clock: clock, logger: logger)
        let pushQueue = PushQueue(
            store: storage, catalog: vendors, tenants: { storage.tenant(key: $0) }, limits: limits, clock: clock,
            logger: logger, budgets: ledger.book, tokenGuard: tokenGuard)
        let dispatcher = Dispatcher(
            store: storage, feed: storage.feed, publisher: downlink, progress: progress, limits: limits,
            clock: clock, logger: logger)
        let planner = FallbackPlanner(
            store: storage, devices: storage, feed: storage.feed, presence: presence, progress: progress,
            limits: limits, clock: clock, logger: logger, jobsMade: { pushQueue.wake() })
        let expander = Expander(archive: storage, logger: logger)
        let walker = JobWalker(
            store: storage, presence: presence, limits: limits, clock: clock, logger: logger,
            pushesMade: { pushQueue.wake() })
        let broadcastPublisher = BroadcastPublisher(
            store: storage, publisher: downlink, limits: limits, clock: clock, logger: logger,
            published: { walker.wake() })
        let sendsToMany: @Sendable () -> Void = {
            expander.wake()
            walker.wake()
        }
        let seen = SeenDevices(devices: storage, logger: logger)
        let comings = PresenceReporter(store: storage, presence: presence, clock: clock, logger: logger)
        let callbacks = try LiveCallbacks(
            allowPrivateEndpoints: settings.allowsPrivateEndpoints, caFile: settings.caFile, clock: clock,
            logger: logger)
        let tencentEvents = TencentWebhookFormat(
            form: TencentEventForm(form: TencentCallbackForm { storage.apps(of: $0) }, facts: storage))
        let webhookDelivery = WebhookDelivery(
            store: storage, caller: callbacks,
            format: { $0 == .tencent ? tencentEvents as any WebhookFormat : StandardWebhookFormat() },
            signal: storage.webhookSignal,
            clock: clock, logger: logger)
        let webhookRetention = WebhookRetention(store: storage, clock: clock, logger: logger)
        let presenceLine = try PresenceConnection(
            connection, presence: presence, devices: storage, loop: requestLoop, limits: limits, clock: clock,
            logger: logger,
            doubtEnded: {
                planner.presenceDoubtEnded()
                comings.doubtEnded()
            },
            changed: {
                seen.note($0)
                comings.note($0)
            })
        self.presenceLine = presenceLine

        // MARK: Operations

        let authenticator = Authenticator(
            access: storage, devices: storage, deviceVerifier: try DeviceCredentialVerifier(jwks: signer.jwks),
            tokens: master.accessTokens, instance: master.instance, clock: clock)
        let deviceChanges = GatewayDeviceChanges(queue: pushQueue, line: presenceLine)
        let registry = DeviceRegistry(
            devices: storage, authenticator: authenticator, signer: signer, changes: deviceChanges, limits: limits,
            clock: clock)
        let receipts = Receipts(store: storage) { device, seq in
            planner.acknowledged(device.key, account: device.account.key, seq: seq)
        }
        let questions = BeforeSendQuestions(
            settings: { storage.webhook(of: $0) }, callback: TencentCallbackForm { storage.apps(of: $0) },
            caller: callbacks, limits: limits, clock: clock, logger: logger)
        let messaging = Messaging(
            archive: storage, devices: storage, delivery: storage, publisher: downlink, receipts: receipts,
            expansionWaiting: sendsToMany, ids: ids, limits: limits, clock: clock, beforeSend: questions,
            pushCredentials: { pushQueue.credentials() })
        let conversations = Conversations(store: storage, changes: deviceChanges, limits: limits, clock: clock)
        let changes = MessageChanges(
            store: storage, changes: deviceChanges, limits: limits, changed: { expander.wake() })
        let retention = Retention(store: storage, limits: limits, logger: logger)
        let imports = Imports(store: storage, ids: ids, limits: limits, clock: clock)
        let tags = Tags(store: storage, users: storage, limits: limits, clock: clock)
        let broadcasts = Broadcasts(store: storage, changed: sendsToMany, clock: clock)
        let rates = RateLimits(limits: limits)
        let eraser = AccountEraser(store: storage, logger: logger)
        let uplink = try UplinkConnection(
            connection,
            requests: UplinkRequests(
                authenticator: authenticator, messaging: messaging, conversations: conversations, changes: changes,
                receipts: receipts, registry: registry, presence: presence, rates: rates, limits: limits),
            loop: requestLoop, limits: limits, logger: logger)
        self.uplink = uplink
        let isManaged = broker != nil
        let pushSettings = PushSettings(
            store: storage, catalog: vendors, queue: pushQueue, ledger: ledger, access: storage, clock: clock,
            receipts: receiptAddress)
        let vendorReceipts = VendorReceipts(
            store: storage, reader: LiveReceipts(), address: receiptAddress, access: storage, clock: clock,
            logger: logger, pushesMade: { pushQueue.wake() },
            tokensDied: { await pushQueue.note($0, tenant: $1, vendor: $2) })
        let door = HTTPGateway(
            services: HTTPServices(
                authenticator: authenticator, rates: rates, administration: administration,
                statistics: Statistics(store: storage, presence: presence),
                metrics: GatewayMetrics(
                    store: storage, presence: presence,
                    pushes: { PushFigures(pushQueue, receipts: vendorReceipts.counts) },
                    stops: { tokenGuard.stopCount }, webhooks: { try await webhookDelivery.figures() },
                    questions: { questions.figures() }),
                quarantine: TokenQuarantine(
                    store: storage, access: storage, devices: storage, clock: clock, revived: { pushQueue.wake() }),
                registry: registry,
                accounts: Accounts(
                    store: storage, devices: storage, presence: presence, changes: deviceChanges, limits: limits,
                    clock: clock),
                groups: Groups(store: storage, ids: ids, limits: limits, clock: clock), tags: tags,
                messaging: messaging, imports: imports, changes: changes, conversations: conversations,
                broadcasts: broadcasts, receipts: receipts,
                pushSettings: pushSettings,
                vendorReceipts: vendorReceipts,
                credentialChecks: CredentialChecks(
                    settings: pushSettings, store: storage, queue: pushQueue, access: storage, ids: ids, clock: clock),
                limitSettings: LimitSettings(access: storage, limits: limits, clock: clock),
                templateSettings: TemplateSettings(access: storage, clock: clock),
                webhooks: Webhooks(
                    store: storage, catalog: vendors, access: storage, limits: limits, clock: clock),
                jwks: signer.jwks,
                missing: {
                    var missing: [String] = []
                    let isUsable = await storage.isUsable()
                    if damage.isFound || !isUsable { missing.append("store") }
                    if !downlink.isConnected || !uplink.isConnected { missing.append("broker") }
                    if isManaged, !presence.hasSnapshot { missing.append("presence") }
                    return missing
                },
                broker: { Self.brokerAddress(settings, requestHost: $0) }, limits: limits, clock: clock, logger: logger),
            configuration: HTTPConfiguration(
                host: settings.http.host, port: settings.http.port,
                tls: settings.tls.map { .init(certificatePath: $0.certificateFile, keyPath: $0.keyFile) }))
        let (ports, portInput) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        httpPort = ports

        // MARK: Order

        var services: [any Service] = [
            Closing("archive") {
                await downlinkLoop.shutdown(drain: .seconds(1))
                await requestLoop.shutdown(drain: .seconds(1))
                storage.close()
            },
            Worker("delivery marks") { await progress.run() },
            Worker("last seen") { await seen.run() },
            Worker("comings and goings") { await comings.run() },
            Worker("webhook retention") { await webhookRetention.run() },
            Worker("eraser") { await eraser.run() },
            Worker("store check") { await damage.look() },
            Worker("idle memory") { await IdleMemory { storage.releaseMemory() }.run() },
        ]
        if let broker { services.append(broker) }
        services += [
            Closing("downlink") { await downlink.stop() },
            Closing("presence line") { await presenceLine.stop() },
            // Cancelled, for it may be waiting out the doubt of a start.
            Worker("presence") { await presenceLine.run() },
            Worker("push queue") {
                let start = StartSteps(logger: logger)
                // Before the first push: without them pushes would wait for leases of a process that is gone, exceed
                // their tenants' budgets, or find no credential.
                await start.untilDone("the pushes of the process before could not be freed") {
                    try await storage.releaseLeases(at: clock.now)
                }
                await start.untilDone("the push ledger could not be read") { try await ledger.load() }
                await start.untilDone("vendor settings could not be read") {
                    try await pushQueue.reloadSettings()
                }
                await pushQueue.run()
            },
            Closing("webhook connections") { await callbacks.shutdown() },
            Worker("webhooks") { await webhookDelivery.run() },
            Worker("expander") { await expander.run() },
            Worker("push ledger") { await ledger.run() },
            Worker("retention") { await retention.run() },
            Worker("sends to many") { await walker.run() },
            Worker("broadcast publisher") { await broadcastPublisher.run() },
            Worker("fallback planner") { await planner.run() },
            Worker("dispatcher") { await dispatcher.run() },
            Worker("uplink", { await uplink.run() }, stop: { await uplink.stop() }),
        ]
        services.append(try door.application { portInput.yield($0) })
        self.services = services.map {
            // One part that ends takes the whole gateway down in order: a supervisor starts it anew from the archive.
            .init(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        }
    }

    private static func managedBroker(
        _ settings: ServeSettings, directory: DataDirectory, signer: DeviceCredentialSigner, logger: Logger
    ) throws -> ManagedBroker {
        var broker = BrokerSettings(
            folder: directory.brokerPath,
            listeners: [BrokerListener(host: settings.mqtt.host, port: UInt16(clamping: settings.mqtt.port))],
            plugin: BrokerSettings.Plugin(libraryFile: try PluginLibrary.path(), deviceKeySet: signer.jwks))
        broker.webSocketListener = settings.mqttWebSocket.map {
            BrokerListener(host: $0.host, port: UInt16(clamping: $0.port))
        }
        broker.tls = settings.tls
        return try ManagedBroker(settings: broker, logger: logger)
    }

    /// What registration tells a device: the configured public address, else the host it called and our own port.
    private static func brokerAddress(_ settings: ServeSettings, requestHost: String?) -> BrokerAddress {
        let host = settings.mqttPublic?.host ?? settings.publicURL?.host() ?? requestHost ?? settings.mqtt.host
        return BrokerAddress(
            host: host, port: settings.mqttPublic?.port ?? settings.mqtt.port, isTLS: settings.tls != nil,
            websocketPort: settings.mqttWebSocketPublic?.port ?? settings.mqttWebSocket?.port)
    }
}

/// Tells the push queue and the broker's plugin what changed in the registry.
private struct GatewayDeviceChanges: DeviceChanges {
    let queue: PushQueue
    let line: PresenceConnection

    func devicesChanged() async { await queue.devicesChanged() }
    func devicesEnded(_ deviceIDs: [String]) async { await line.end(deviceIDs) }
}
