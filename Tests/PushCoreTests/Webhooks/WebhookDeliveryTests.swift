import Logging
import PushCore
import PushCredentials
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

struct WebhookDeliveryTests {
    /// Services behind URLs: each takes, refuses or says nothing.
    private final class Services: CallbackCaller {
        enum Mode: Sendable { case takes, refuses, hangs }

        private struct State {
            var modes: [String: Mode] = [:]
            var bodies: [String: [[UInt8]]] = [:]
            var requests: [CallbackRequest] = []
            var underWay = 0
        }

        private let state = Mutex(State())
        private let gate = Gate()

        func set(_ url: String, _ mode: Mode) { state.withLock { $0.modes[url] = mode } }
        func bodies(_ url: String) -> [[UInt8]] { state.withLock { $0.bodies[url] ?? [] } }
        var requests: [CallbackRequest] { state.withLock { $0.requests } }
        var underWay: Int { state.withLock { $0.underWay } }
        func release() { gate.open() }

        func check(url: String) throws(GatewayError) {}

        func post(_ request: CallbackRequest, within timeout: Duration) async -> CallbackAnswer {
            let mode = state.withLock { state in
                state.requests.append(request)
                state.underWay += 1
                let mode = state.modes[request.url] ?? .takes
                if mode == .takes { state.bodies[request.url, default: []].append(request.body) }
                return mode
            }
            if mode == .hangs { await gate.waitUntilOpen() }
            state.withLock { $0.underWay -= 1 }
            switch mode {
            case .takes: return .answered(status: 200, body: [], retryAfterSeconds: nil)
            case .refuses: return .answered(status: 500, body: [], retryAfterSeconds: nil)
            case .hangs: return .failed(reason: "timeout")
            }
        }
    }

    private struct Scene {
        let store = WebhookQueueInMemory()
        let services = Services()
        let signal = WakeSignal()
        let delivery: WebhookDelivery

        init() {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            delivery = WebhookDelivery(
                store: store, caller: services, format: { _ in StandardWebhookFormat() }, signal: signal,
                clock: .system, logger: logger)
        }

        static func url(_ tenant: Int64) -> String { "http://service/\(tenant)" }

        func add(_ tenant: Int64, events: Int, eventsPerRequest: Int = 1) {
            store.put(
                WebhookSettings(
                    url: Self.url(tenant), secret: WebhookSecret().text, eventsPerRequest: eventsPerRequest),
                for: TenantKey(rawValue: tenant))
            for number in 0..<events { store.record(tenant: tenant, account: Int64(number % 7) + 1) }
            signal.wake()
        }

        func running(_ body: () async throws -> Void) async throws {
            let task = Task { await delivery.run() }
            do {
                try await body()
            } catch {
                services.release()
                task.cancel()
                await task.value
                throw error
            }
            services.release()
            task.cancel()
            await task.value
        }
    }

    @Test func `a tenant whose service hangs holds up nobody`() async throws {
        let scene = Scene()
        scene.services.set(Scene.url(1), .hangs)
        scene.add(1, events: 50)
        try await scene.running {
            try await eventually("seven requests are under way") { scene.services.underWay == 7 }
            scene.add(2, events: 200)
            try await eventually("the second tenant's events are through") { scene.store.isDone(2) }
            #expect(scene.services.bodies(Scene.url(2)).count == 200)
            #expect(!scene.store.isDone(1))
        }
    }

    @Test func `more tenants than there are places all get their turn`() async throws {
        let scene = Scene()
        for tenant in 1...150 as ClosedRange<Int64> { scene.add(tenant, events: 3) }
        try await scene.running {
            try await eventually("every tenant's events are through") {
                (1...150 as ClosedRange<Int64>).allSatisfy { scene.store.isDone($0) }
            }
        }
        #expect(scene.services.requests.count == 450)
    }

    @Test func `a batch holds each event with its id, and is signed`() async throws {
        let scene = Scene()
        scene.add(1, events: 40, eventsPerRequest: 500)
        try await scene.running {
            try await eventually("the first tenant's events are through") { scene.store.isDone(1) }
        }
        let request = try #require(scene.services.requests.first)
        let fields = Dictionary(uniqueKeysWithValues: request.fields.map { ($0.name, $0.value) })
        let id = try #require(fields["webhook-id"])
        #expect(id.hasPrefix("evt_1-40-"))
        let secret = try #require(scene.store.webhook(of: TenantKey(rawValue: 1)).flatMap { WebhookSecret($0.secret) })
        let seconds = try #require(fields["webhook-timestamp"].flatMap { Int64($0) })
        #expect(
            fields["webhook-signature"] == secret.signature(id: id, timestampSeconds: seconds, body: request.body))
        let events = try #require(try RawJSON(parsing: request.body).object?["events"]?.array)
        #expect(events.compactMap { $0.object?["id"]?.string } == (1...40).map { "evt_\($0)" })
        #expect(events.allSatisfy { $0.object?["type"]?.string == "device.online" })
        #expect(events.allSatisfy { $0.object?["data"]?.kind == .object })
    }

    @Test func `what could not be written is written later, and nothing is told twice for it`() async throws {
        let scene = Scene()
        scene.store.refuseSettling(times: 2)
        scene.add(1, events: 3)
        try await scene.running {
            try await eventually("the first tenant's events are through") { scene.store.isDone(1) }
        }
        #expect(scene.services.requests.count == 3)
    }

    @Test func `a webhook that is taken away is told nothing more`() async throws {
        let scene = Scene()
        scene.services.set(Scene.url(1), .hangs)
        scene.add(1, events: 50)
        try await scene.running {
            try await eventually("seven requests are under way") { scene.services.underWay == 7 }
            scene.store.put(nil, for: TenantKey(rawValue: 1))
            scene.signal.wake()
            scene.services.release()
            try await eventually("no request is under way") { scene.services.underWay == 0 }
            scene.add(2, events: 5)
            try await eventually("the second tenant's events are through") { scene.store.isDone(2) }
        }
        #expect(scene.services.requests.filter { $0.url == Scene.url(1) }.count == 7)
    }

    @Test func `what is not wanted any more when its turn comes is not told`() async throws {
        let scene = Scene()
        scene.services.set(Scene.url(1), .hangs)
        scene.add(1, events: 14)
        try await scene.running {
            try await eventually("seven requests are under way") { scene.services.underWay == 7 }
            var settings = try #require(scene.store.webhook(of: TenantKey(rawValue: 1)))
            settings.events = [.messageSent]
            scene.store.put(settings, for: TenantKey(rawValue: 1))
            scene.services.set(Scene.url(1), .takes)
            scene.services.release()
            try await eventually("the first tenant's events are through") { scene.store.isDone(1) }
        }
        // Seven were under way; nothing of the rest went out.
        #expect(scene.services.requests.filter { $0.url == Scene.url(1) }.count == 7)
    }

    @Test func `the log says what came of each request`() async throws {
        let scene = Scene()
        scene.services.set(Scene.url(1), .refuses)
        scene.add(1, events: 1)
        scene.add(2, events: 1)
        try await scene.running {
            try await eventually("both tenants have tries") {
                scene.store.log(2).count == 1 && !scene.store.log(1).isEmpty
            }
        }
        let refused = try #require(scene.store.log(1).first)
        #expect((refused.firstPosition, refused.lastPosition, refused.events, refused.attempt) == (1, 1, 1, 1))
        #expect(refused.status == 500)
        #expect(scene.store.log(2).first?.status == 200)
        let figures = try await scene.delivery.figures()
        #expect(figures.requests["delivered"] == 1)
        #expect(figures.requests["refused"] == 1)
        #expect(figures.delivered == 1)
        #expect(figures.waiting == 1)
    }

    @Test func `an endpoint that fails is down until it answers`() async throws {
        let scene = Scene()
        scene.services.set(Scene.url(1), .refuses)
        scene.add(1, events: 20)
        try await scene.running {
            try await eventually("the endpoint is down") { scene.delivery.isDown(TenantKey(rawValue: 1)) }
            scene.services.set(Scene.url(1), .takes)
            try await eventually("the first tenant's events are through") { scene.store.isDone(1) }
            try await eventually("it is up again") { !scene.delivery.isDown(TenantKey(rawValue: 1)) }
        }
    }
}
