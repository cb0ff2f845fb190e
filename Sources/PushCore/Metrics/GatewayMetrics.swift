import Synchronization

/// What the vendor push has done since the start, and how its credentials are.
public struct PushFigures: Sendable {
    /// Answers by vendor and by what they meant.
    public var outcomes: [Vendor: [String: Int]] = [:]
    /// Credentials by vendor and state.
    public var credentials: [Vendor: [String: Int]] = [:]
    /// From the time a push was due to the beginning of its vendor request.
    public var latency: [Vendor: LatencyHistogram] = [:]
    /// What vendors reported afterwards.
    public var receipts = VendorReceiptCounts()

    public init() {}

    /// What a queue counts, and how its credentials are now.
    public init(_ queue: PushQueue, receipts: VendorReceiptCounts = VendorReceiptCounts()) {
        self.receipts = receipts
        let counters = queue.counters()
        latency = counters.latency
        for (vendor, answers) in counters.answers {
            outcomes[vendor] = Dictionary(uniqueKeysWithValues: answers.map { ($0.key.rawValue, Int($0.value)) })
        }
        for status in queue.credentials() {
            credentials[status.vendor, default: [:]][status.state.rawValue, default: 0] += 1
        }
    }
}

/// The gateway in figures, for a monitoring system. Nothing in it names a tenant, a person or a device: anybody who
/// reaches the port may read it.
public final class GatewayMetrics: Sendable {
    private struct Stored {
        let readAt: ContinuousClock.Instant
        let statistics: StoreStatistics
        let waiting: [Vendor: Int64]
        let webhooks: WebhookFigures
    }

    private let store: any StatisticsStore
    private let presence: PresenceBook
    private let pushes: @Sendable () -> PushFigures
    private let stops: @Sendable () -> Int
    private let webhooks: @Sendable () async throws -> WebhookFigures
    private let questions: @Sendable () -> BeforeSendFigures
    private let now: @Sendable () -> ContinuousClock.Instant
    private let stored = Mutex<Stored?>(nil)
    /// The reading that others wait for: many who ask at once cost one.
    private let reading = Mutex<Task<Stored, any Error>?>(nil)

    private static let storedFor: Duration = .seconds(5)

    /// - Parameters:
    ///   - pushes: what the push queue counts.
    ///   - stops: credentials that were stopped because too many of their tokens died.
    ///   - questions: what is asked before sending.
    ///   - webhooks: what delivery to tenants' services counts.
    public init(
        store: any StatisticsStore, presence: PresenceBook, pushes: @escaping @Sendable () -> PushFigures,
        stops: @escaping @Sendable () -> Int,
        webhooks: @escaping @Sendable () async throws -> WebhookFigures = { WebhookFigures() },
        questions: @escaping @Sendable () -> BeforeSendFigures = { BeforeSendFigures() },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.store = store
        self.presence = presence
        self.pushes = pushes
        self.stops = stops
        self.webhooks = webhooks
        self.questions = questions
        self.now = now
    }

    /// Everything, in a fixed order. What only the store knows may be some seconds old.
    public func read() async throws -> [MetricFamily] {
        let stored = try await figures()
        let found = stored.statistics
        let pushes = pushes()
        let families: [MetricFamily] = [
            MetricFamily("pushgate_tenants", .gauge, "Tenants.", value: found.tenants),
            MetricFamily("pushgate_accounts", .gauge, "Accounts.", value: found.accounts),
            MetricFamily(
                "pushgate_devices", .gauge, "Devices by status.",
                [
                    .init([.init("status", "active")], found.devices.active),
                    .init([.init("status", "deregistered")], found.devices.deregistered),
                    .init([.init("status", "moved")], found.devices.moved),
                ]),
            MetricFamily(
                "pushgate_devices_connected", .gauge, "Devices connected to the broker.",
                value: presence.connectedCount),
            MetricFamily("pushgate_messages", .gauge, "Archived originals, events among them.", value: found.messages),
            MetricFamily(
                "pushgate_archive_head", .gauge, "Position of the newest entry of the archive.", value: found.entries),
            MetricFamily(
                "pushgate_store_waiting_commands", .gauge, "Commands that wait for the archive's writer.",
                value: found.writer.waiting),
            MetricFamily(
                "pushgate_store_transactions_total", .counter, "Transactions of the archive since the start.",
                value: found.writer.transactions),
            MetricFamily(
                "pushgate_store_commands_total", .counter, "Commands of the archive since the start.",
                value: found.writer.commands),
            MetricFamily(
                "pushgate_store_failures_total", .counter, "Transactions that could not be committed.",
                value: found.writer.failures),
            MetricFamily(
                "pushgate_pushes_waiting", .gauge, "Vendor pushes that wait, by vendor.",
                stored.waiting.sorted { $0.key.rawValue < $1.key.rawValue }
                    .map { .init([.init("vendor", $0.key.rawValue)], $0.value) }),
            MetricFamily(
                "pushgate_pushes_total", .counter, "What came of pushes handed to vendors since the start.",
                Self.samples(pushes.outcomes, label: "outcome")),
            MetricFamily(
                "pushgate_push_credentials", .gauge, "Vendor credentials by state.",
                Self.samples(pushes.credentials, label: "state")),
            MetricFamily(
                "pushgate_push_latency_milliseconds", .histogram,
                "From the time a vendor push was due to the beginning of its request.",
                Self.histogram(pushes.latency)),
            MetricFamily(
                "pushgate_push_receipts_total", .counter, "What vendors reported of accepted pushes since the start.",
                [
                    .init([.init("result", "recorded")], Int64(pushes.receipts.recorded)),
                    .init([.init("result", "repeated")], Int64(pushes.receipts.repeated)),
                    .init([.init("result", "unknown")], Int64(pushes.receipts.unknown)),
                ]),
            MetricFamily(
                "pushgate_push_brakes_total", .counter,
                "Credentials that were stopped because too many of their tokens died.", value: stops()),
        ]
        return families + Self.families(stored.webhooks) + Self.families(questions())
    }

    private static func families(_ questions: BeforeSendFigures) -> [MetricFamily] {
        [
            MetricFamily(
                "pushgate_before_send_total", .counter,
                "Messages that tenants' services were to be asked about since the start, by outcome.",
                BeforeSendFigures.outcomeNames.map {
                    .init([.init("outcome", $0)], Int64(questions.outcomes[$0] ?? 0))
                }),
            MetricFamily(
                "pushgate_before_send_open", .gauge, "Questions to tenants' services under way.",
                value: questions.open),
            MetricFamily(
                "pushgate_before_send_broken", .gauge,
                "Tenants whose before-send service is left alone because it does not answer.",
                value: questions.broken),
        ]
    }

    private static func families(_ webhooks: WebhookFigures) -> [MetricFamily] {
        [
            MetricFamily(
                "pushgate_webhook_events_waiting", .gauge, "Events that wait for delivery to tenants' services.",
                value: webhooks.waiting),
            MetricFamily(
                "pushgate_webhook_events_aside", .gauge, "Events that were given up after a day.",
                value: webhooks.aside),
            MetricFamily(
                "pushgate_webhook_events_delivered_total", .counter,
                "Events that tenants' services took since the start.", value: webhooks.delivered),
            MetricFamily(
                "pushgate_webhook_requests_total", .counter, "Requests with events since the start, by outcome.",
                ["delivered", "refused", "failed"].map {
                    .init([.init("outcome", $0)], Int64(webhooks.requests[$0] ?? 0))
                }),
            MetricFamily(
                "pushgate_webhook_endpoints_down", .gauge, "Tenants whose endpoint fails just now.",
                value: webhooks.down),
        ]
    }

    private static func samples(_ counts: [Vendor: [String: Int]], label: String) -> [MetricFamily.Sample] {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { vendor, counts in
            counts.sorted { $0.key < $1.key }.map { name, count in
                .init([.init("vendor", vendor.rawValue), .init(label, name)], Int64(count))
            }
        }
    }

    /// Buckets count what is at most as long as their bound, each with all shorter ones.
    private static func histogram(_ found: [Vendor: LatencyHistogram]) -> [MetricFamily.Sample] {
        found.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { vendor, histogram in
            let label = MetricFamily.Label("vendor", vendor.rawValue)
            var total: Int64 = 0
            var samples = zip(LatencyHistogram.bounds, histogram.buckets).map { bound, count in
                total += count
                return MetricFamily.Sample([label, .init("le", String(bound))], total, suffix: "_bucket")
            }
            samples.append(.init([label, .init("le", "+Inf")], histogram.count, suffix: "_bucket"))
            samples.append(.init([label], histogram.sumMilliseconds, suffix: "_sum"))
            samples.append(.init([label], histogram.count, suffix: "_count"))
            return samples
        }
    }

    private func figures() async throws -> Stored {
        let now = now()
        if let known = stored.withLock({ $0 }), now - known.readAt < Self.storedFor { return known }
        let task = reading.withLock { reading in
            if let reading { return reading }
            let task = Task { [store, webhooks] in
                Stored(
                    readAt: now, statistics: try await store.statistics(), waiting: try await store.waitingPushes(),
                    webhooks: try await webhooks())
            }
            reading = task
            return task
        }
        let result = await task.result
        reading.withLock { if $0 == task { $0 = nil } }
        let found = try result.get()
        stored.withLock { $0 = found }
        return found
    }
}
