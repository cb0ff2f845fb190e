import Foundation
import PushCredentials

/// A tenant's webhook and what was told through it (contract, section 9). Scope `settings`.
public struct Webhooks: Sendable {
    private let store: any WebhookStore
    private let catalog: any VendorCatalog
    private let access: any AccessStore
    private let limits: Limits
    private let clock: WallClock

    /// - Parameter catalog: knows which URLs of tenants may be called; those of webhooks are the same.
    public init(
        store: any WebhookStore, catalog: any VendorCatalog, access: any AccessStore, limits: Limits, clock: WallClock
    ) {
        self.store = store
        self.catalog = catalog
        self.access = access
        self.limits = limits
        self.clock = clock
    }

    // MARK: Settings

    private static let none = GatewayError(.notFound, "There is no webhook: PUT /v1/settings/webhook sets one.")

    public func read(as principal: Principal) throws -> RawJSON {
        guard let settings = store.webhook(of: try principal.app(with: .settings).tenant.key) else { throw Self.none }
        return Self.json(settings, made: nil)
    }

    /// Replaces the settings; the secrets stay where none are sent. A secret that was made is in this one answer.
    public func put(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let identity = try principal.app(with: .settings)
        let stored = store.webhook(of: identity.tenant.key)
        let request = try WebhookSettingsRequest(parsing: body)
        let secret = request.secret ?? stored?.secret ?? Self.makeSecret()
        let settings = request.settings(secret: secret, keepingTokenOf: stored)
        let address = RawJSON.object { writer in
            writer.member("url", settings.url)
            writer.member("secret", settings.secret)
        }
        try await catalog.validateAddresses(
            of: try catalog.validate(address, for: .webhook, keeping: nil), for: .webhook)
        try await store.setWebhook(settings, of: identity.tenant.key, at: clock.now)
        try await audit("webhook.set", identity)
        return Self.json(settings, made: request.secret == nil && stored == nil ? secret : nil)
    }

    public func delete(as principal: Principal) async throws {
        let identity = try principal.app(with: .settings)
        guard store.webhook(of: identity.tenant.key) != nil else { return }
        try await store.setWebhook(nil, of: identity.tenant.key, at: clock.now)
        try await audit("webhook.delete", identity)
    }

    private func audit(_ action: String, _ identity: AppIdentity) async throws {
        try await access.audit(
            actor: identity.app.appID, action: action, subject: identity.tenant.tenantNo, at: clock.now)
    }

    /// 32 random bytes, as Standard Webhooks writes a symmetric secret.
    private static func makeSecret() -> String {
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        return "whsec_" + Data(bytes).base64EncodedString()
    }

    /// Without what is secret.
    private static func json(_ settings: WebhookSettings, made secret: String?) -> RawJSON {
        .object { writer in
            writer.member("url", settings.url)
            writer.array("events") { writer in
                for event in settings.events?.map(\.rawValue).sorted() ?? ["*"] { writer.string(event) }
            }
            writer.member("beforeSend", settings.beforeSend)
            writer.member("format", settings.format.rawValue)
            writer.member("onFailure", settings.onFailure.rawValue)
            writer.member("eventsPerRequest", settings.eventsPerRequest)
            writer.member("hasToken", settings.token != nil)
            writer.member("secret", ifPresent: secret)
        }
    }

    // MARK: Events

    /// A page of what happened, oldest first.
    ///
    /// - Parameter type: the name of one type; nil = all.
    public func events(type name: String?, page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let tenant = try principal.app(with: .settings).tenant.key
        let type = name.flatMap(WebhookEventType.init)
        if let name, type == nil { throw GatewayError(.invalidRequest, "There is no event type \(name).") }
        let found = try await store.webhookEvents(
            of: tenant, after: try Self.position(page.cursor), type: type, limit: page.limit + 1)
        let now = clock.now
        return page.answer(found, cursor: \.place) { writer, event in
            writer.object { writer in
                writer.member("cursor", Self.cursor(event.position))
                writer.member("id", event.id)
                writer.member("type", event.type.rawValue)
                writer.member("timestamp", event.timestamp)
                writer.member("data", event.data(now: now))
            }
        }
    }

    /// Tells again what happened after a cursor (`after`), or from a time on (`since`, milliseconds).
    public func replay(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let tenant = try principal.app(with: .settings).tenant.key
        var reader = try BodyReader(parsing: body)
        let cursor = reader.string("after")
        let since = reader.integer("since", in: 0...9_007_199_254_740_991)
        if reader.faults.isEmpty, (cursor == nil) == (since == nil) {
            reader.fault("after", "Give either after or since.")
        }
        try reader.finish()
        guard store.webhook(of: tenant) != nil else { throw GatewayError(.conflict, Self.none.detail) }
        var after: Int64?
        if let cursor {
            after = try Self.position(PageRequest(limit: nil, cursor: cursor, limits: limits).cursor)
        } else if let since {
            after = try await store.webhookPosition(of: tenant, at: since).map { $0 - 1 }
        }
        var queued = 0
        if let after { queued = try await store.replayWebhookEvents(of: tenant, after: after, at: clock.now) }
        return .object { $0.member("queued", queued) }
    }

    private static func cursor(_ position: Int64) -> String { Base64URL.encode("\(position)".utf8) }

    /// What a cursor says; 0 = from the start.
    private static func position(_ cursor: String?) throws(GatewayError) -> Int64 {
        guard let cursor else { return 0 }
        guard let position = Int64(cursor), position >= 0 else { throw PageRequest.unknownCursor }
        return position
    }

    // MARK: Deliveries

    /// A page of the delivery log, newest first.
    public func requests(page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let tenant = try principal.app(with: .settings).tenant.key
        let before = try page.cursor.map { try Self.position($0) }
        let found = try await store.webhookRequests(of: tenant, before: before, limit: page.limit + 1)
        return page.answer(found, cursor: \.place) { writer, request in
            writer.object { writer in
                writer.member("at", request.at)
                writer.member("firstId", WebhookEvent.id(at: request.firstPosition))
                writer.member("lastId", WebhookEvent.id(at: request.lastPosition))
                writer.member("events", request.events)
                writer.member("attempt", request.attempt)
                writer.member("status", ifPresent: request.status)
                writer.member("milliseconds", request.milliseconds)
                writer.member("reason", ifPresent: request.reason)
            }
        }
    }

    /// A page of the events that wait for another try, or of those that were given up, oldest first.
    ///
    /// - Parameter aside: `true` for those that were given up.
    public func retries(aside: String?, page: PageRequest, as principal: Principal) async throws -> RawJSON {
        let tenant = try principal.app(with: .settings).tenant.key
        guard let isAside = Bool(aside ?? "false") else {
            throw GatewayError(.invalidRequest, "aside must be true or false.")
        }
        let found = try await store.webhookRetries(
            of: tenant, aside: isAside, after: try Self.position(page.cursor), limit: page.limit + 1)
        return page.answer(found, cursor: \.place) { writer, retry in
            writer.object { writer in
                writer.member("cursor", Self.cursor(retry.position))
                writer.member("id", WebhookEvent.id(at: retry.position))
                writer.member("attempts", retry.attempts)
                // One in line waits for no time: it is tried as soon as the endpoint is.
                if !retry.isAside, retry.notBefore > 0 { writer.member("nextTryAt", retry.notBefore) }
                writer.member("status", ifPresent: retry.status)
                writer.member("reason", ifPresent: retry.reason)
            }
        }
    }
}

// What a page's cursor holds.
extension WebhookEvent { fileprivate var place: String { "\(position)" } }
extension WebhookRetry { fileprivate var place: String { "\(position)" } }
extension WebhookRequest { fileprivate var place: String { "\(key)" } }
