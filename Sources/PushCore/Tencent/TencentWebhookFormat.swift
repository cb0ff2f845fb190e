/// Events as Tencent's callbacks: one a request, unsigned but for `Sign`.
public struct TencentWebhookFormat: WebhookFormat {
    private let form: TencentEventForm

    public init(form: TencentEventForm) { self.form = form }

    public func eventsMax(_ settings: WebhookSettings) -> Int { 1 }

    public func request(
        for events: [WebhookEvent], settings: WebhookSettings, now: Milliseconds
    ) async throws -> CallbackRequest? {
        guard let event = events.first else { return nil }
        return try await form.request(for: event, settings: settings, now: now)
    }
}
