import Foundation
import GRDB
import PushCore
import Synchronization

/// The webhooks of all tenants: every message asks whether its tenant has one. Replaced after COMMIT.
final class WebhookMemory: Sendable {
    private let webhooks = Mutex<[TenantKey: WebhookSettings]>([:])
    /// Rows of the delivery log since it was last trimmed.
    private let requests = Mutex<[TenantKey: Int]>([:])
    /// Called after a transaction that recorded events.
    private let recorded: @Sendable () -> Void

    init(recorded: @escaping @Sendable () -> Void) { self.recorded = recorded }

    func settings(of tenant: TenantKey) -> WebhookSettings? { webhooks.withLock { $0[tenant] } }
    var all: [TenantKey: WebhookSettings] { webhooks.withLock { $0 } }
    var isEmpty: Bool { webhooks.withLock { $0.isEmpty } }

    func put(_ settings: WebhookSettings?, for tenant: TenantKey) { webhooks.withLock { $0[tenant] = settings } }

    /// Counts new rows of the delivery log. True when there are so many that it is to be trimmed, also at the first.
    func countRequests(_ count: Int, of tenant: TenantKey, upTo most: Int) -> Bool {
        requests.withLock { requests in
            let isDue = requests[tenant].map { $0 + count >= most } ?? true
            requests[tenant] = isDue ? 0 : requests[tenant, default: 0] + count
            return isDue
        }
    }

    func noteRecorded(in writer: Writer) {
        guard !writer.hasRecordedEvents else { return }
        writer.hasRecordedEvents = true
        writer.afterCommit { [recorded] in recorded() }
    }

    func reload(_ db: Database, secrets: SecretBox) throws {
        var found: [TenantKey: WebhookSettings] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT tenant, settings FROM webhook") {
            let tenant = TenantKey(rawValue: row[0])
            let stored = RawJSON(archived: [UInt8](try secrets.open(row[1], for: WebhookRows.sealedRow(tenant))))
            found[tenant] = WebhookRows.settings(stored: stored)
        }
        webhooks.withLock { [found] in $0 = found }
    }
}

/// Webhook settings as they are kept.
enum WebhookRows {
    /// The identity the settings are encrypted for.
    static func sealedRow(_ tenant: TenantKey) -> String { "webhook/\(tenant.rawValue)" }

    static func settings(stored: RawJSON) -> WebhookSettings? {
        guard let object = stored.object, let url = object["url"]?.string, let secret = object["secret"]?.string else {
            return nil
        }
        return WebhookSettings(
            url: url, secret: secret,
            events: object["events"]?.array.map { Set($0.compactMap(\.string).compactMap(WebhookEventType.init)) },
            beforeSend: object["beforeSend"]?.bool ?? false,
            format: object["format"]?.string.flatMap(WebhookSettings.Format.init) ?? .standard,
            token: object["token"]?.string,
            onFailure: object["onFailure"]?.string.flatMap(WebhookSettings.OnFailure.init) ?? .allow,
            eventsPerRequest: object["eventsPerRequest"]?.integer.map { Int(clamping: $0) } ?? 1)
    }

    static func json(_ settings: WebhookSettings) -> RawJSON {
        .object { writer in
            writer.member("url", settings.url)
            writer.member("secret", settings.secret)
            if let events = settings.events {
                writer.array("events") { for event in events.map(\.rawValue).sorted() { $0.string(event) } }
            }
            writer.member("beforeSend", settings.beforeSend)
            writer.member("format", settings.format.rawValue)
            writer.member("token", ifPresent: settings.token)
            writer.member("onFailure", settings.onFailure.rawValue)
            writer.member("eventsPerRequest", settings.eventsPerRequest)
        }
    }
}
