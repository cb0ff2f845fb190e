import PushCredentials

/// How events are written for a tenant's service.
public protocol WebhookFormat: Sendable {
    /// Most events of one request.
    func eventsMax(_ settings: WebhookSettings) -> Int

    /// The request that tells of these events, oldest first. nil where this form has nothing to say about them: they
    /// count as delivered. Throws when something could not be read: they are tried again.
    func request(
        for events: [WebhookEvent], settings: WebhookSettings, now: Milliseconds
    ) async throws -> CallbackRequest?
}

/// Standard Webhooks 1.0: one event a request, or for receivers that asked for it many, `{"events": [ … ]}`, each with
/// its `id`.
public struct StandardWebhookFormat: WebhookFormat {
    public init() {}

    public func eventsMax(_ settings: WebhookSettings) -> Int { max(settings.eventsPerRequest, 1) }

    public func request(for events: [WebhookEvent], settings: WebhookSettings, now: Milliseconds) -> CallbackRequest? {
        guard let first = events.first else { return nil }
        let isBatch = eventsMax(settings) > 1
        let id = isBatch ? Self.batchID(events) : first.id
        let body =
            isBatch
            ? JSONWriter.object(reserving: 512 * events.count) { writer in
                writer.array("events") { list in
                    for event in events {
                        list.object { writer in
                            writer.member("id", event.id)
                            Self.write(event, now: now, into: &writer)
                        }
                    }
                }
            } : JSONWriter.object { Self.write(first, now: now, into: &$0) }
        let seconds = now / 1000
        let signature = WebhookSecret(settings.secret)?.signature(id: id, timestampSeconds: seconds, body: body)
        return CallbackRequest(
            url: settings.url,
            fields: [
                ("webhook-id", id), ("webhook-timestamp", String(seconds)), ("webhook-signature", signature ?? ""),
            ], body: body)
    }

    private static func write(_ event: WebhookEvent, now: Milliseconds, into writer: inout JSONWriter) {
        writer.member("type", event.type.rawValue)
        writer.member("timestamp", event.timestamp)
        writer.member("data", event.data(now: now))
    }

    /// Made of what is in it: the first and the last position, and a digest (FNV-1a) of all of them, since the same ends
    /// can hold other events at the next try.
    static func batchID(_ events: [WebhookEvent]) -> String {
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        for event in events {
            for shift in stride(from: 0, to: 64, by: 8) {
                digest ^= UInt64(truncatingIfNeeded: event.position >> shift) & 0xff
                digest &*= 0x100_0000_01b3
            }
        }
        let ends = "\(events.first?.position ?? 0)-\(events.last?.position ?? 0)"
        return "evt_\(ends)-\(String(digest, radix: 16))"
    }
}
