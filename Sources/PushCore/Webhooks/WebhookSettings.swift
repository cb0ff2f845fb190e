/// Where and how a tenant's service takes part in the message flow (contract, section 9).
public struct WebhookSettings: Sendable, Hashable {
    public enum Format: String, Sendable {
        /// Standard Webhooks 1.0.
        case standard
        /// The callbacks of Tencent's IM.
        case tencent
    }

    public enum OnFailure: String, Sendable { case allow, deny }

    public var url: String
    /// `whsec_…`: signs every request.
    public var secret: String
    /// What is told; nil = everything.
    public var events: Set<WebhookEventType>?
    /// Whether senders wait for the service's word.
    public var beforeSend: Bool
    public var format: Format
    /// Tencent's callback token, which signs `Sign`; nil = unsigned.
    public var token: String?
    /// What becomes of a message whose question has no answer.
    public var onFailure: OnFailure
    /// How many events one request may hold; 1 = the form of Standard Webhooks.
    public var eventsPerRequest: Int

    public init(
        url: String, secret: String, events: Set<WebhookEventType>? = nil, beforeSend: Bool = false,
        format: Format = .standard, token: String? = nil, onFailure: OnFailure = .allow, eventsPerRequest: Int = 1
    ) {
        self.url = url
        self.secret = secret
        self.events = events
        self.beforeSend = beforeSend
        self.format = format
        self.token = token
        self.onFailure = onFailure
        self.eventsPerRequest = eventsPerRequest
    }

    public func wants(_ type: WebhookEventType) -> Bool { events?.contains(type) ?? true }
}
