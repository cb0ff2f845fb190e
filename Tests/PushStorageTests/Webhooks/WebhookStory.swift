import GRDB
import PushCore
import Testing

@testable import PushStorage

/// People in a store whose tenant has a webhook, and what that is told, in one line per event.
struct WebhookStory {
    let people: ChangeStory

    var store: TestStore { people.store }
    var storage: Storage { store.storage }
    var tenant: TenantKey { store.tenant.key }

    static let settings = WebhookSettings(url: "https://hooks.example.com/in", secret: "whsec_c2VjcmV0")

    static func begin(limits: Limits = Limits(), settings: WebhookSettings? = settings) async throws -> WebhookStory {
        let people = try await ChangeStory.begin(limits: limits)
        try await people.storage.setWebhook(settings, of: people.store.tenant.key, at: people.store.clock.now)
        return WebhookStory(people: people)
    }

    func events(after position: Int64 = 0, type: WebhookEventType? = nil, in storage: Storage? = nil) async throws
        -> [WebhookEvent]
    {
        try await (storage ?? self.storage).webhookEvents(of: tenant, after: position, type: type, limit: 500)
    }

    /// Type and data, accounts as their users' names.
    func told(in storage: Storage? = nil) async throws -> [String] {
        try await events(in: storage).map { "\($0.type.rawValue) \(named($0.data(now: store.clock.now).text))" }
    }

    func types() async throws -> [WebhookEventType] { try await events().map(\.type) }

    private func named(_ text: String) -> String {
        [(people.ann, "ann"), (people.bob, "bob"), (people.cat, "cat")].reduce(text) { text, person in
            text.replacing(person.0.account.id, with: "@\(person.1)").replacing(
                person.0.deviceID, with: "dev_\(person.1)")
        }
    }

    func put(_ settings: WebhookSettings?) async throws {
        try await storage.setWebhook(settings, of: tenant, at: store.clock.now)
    }

    func settle(_ change: (inout WebhookSettlement) -> Void) async throws {
        var outcome = WebhookSettlement()
        change(&outcome)
        try await storage.settle(outcome, of: tenant)
    }

    func count(_ table: String) async throws -> Int {
        try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? 0 }
    }
}
