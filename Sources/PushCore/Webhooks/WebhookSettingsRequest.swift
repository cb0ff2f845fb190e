import Foundation

/// The body of `PUT /v1/settings/webhook`, checked as far as it can be without asking for its host.
struct WebhookSettingsRequest {
    private let draft: WebhookSettings
    let secret: String?
    /// As sent: empty takes the stored one away.
    private let token: String?

    private static let tokenBytesMax = 128

    /// That form adds its parameters, some 300 bytes.
    static let tencentURLBytesMax = 1700

    init(parsing body: RawJSON) throws(GatewayError) {
        var reader = try BodyReader(parsing: body)
        let url = reader.required("url", reader.string("url"))
        secret = reader.value("secret", expected: "whsec_ and 24 to 64 bytes in base64") {
            $0.string.flatMap { Self.isSecret($0) ? $0 : nil }
        }
        var draft = WebhookSettings(url: url ?? "", secret: "")
        draft.events = Self.readEvents(&reader)
        draft.beforeSend = reader.bool("beforeSend") ?? false
        draft.format =
            reader.value("format", expected: "standard or tencent") {
                $0.string.flatMap(WebhookSettings.Format.init)
            } ?? .standard
        draft.onFailure =
            reader.value("onFailure", expected: "allow or deny") {
                $0.string.flatMap(WebhookSettings.OnFailure.init)
            } ?? .allow
        if draft.format == .tencent, draft.url.utf8.count > Self.tencentURLBytesMax {
            reader.fault("url", "With format tencent at most \(Self.tencentURLBytesMax) bytes.")
        }
        draft.eventsPerRequest = Int(reader.integer("eventsPerRequest", in: 1...500) ?? 1)
        self.draft = draft
        token = reader.string("token") { $0.utf8.count <= Self.tokenBytesMax }
        try reader.finish()
    }

    func settings(secret: String, keepingTokenOf stored: WebhookSettings?) -> WebhookSettings {
        var settings = draft
        settings.secret = secret
        if let token { settings.token = token.isEmpty ? nil : token } else { settings.token = stored?.token }
        return settings
    }

    /// nil = everything: `["*"]`, or not given.
    private static func readEvents(_ reader: inout BodyReader) -> Set<WebhookEventType>? {
        let names = reader.strings("events", max: 100)
        guard let names else { return nil }
        var types: Set<WebhookEventType> = []
        for (index, name) in names.enumerated() where name != "*" {
            if let type = WebhookEventType(rawValue: name) {
                types.insert(type)
            } else {
                reader.fault("events/\(index)", "There is no such event.")
            }
        }
        return names.contains("*") ? nil : types
    }

    private static func isSecret(_ text: String) -> Bool {
        guard text.hasPrefix("whsec_"), let bytes = Data(base64Encoded: String(text.dropFirst(6))) else { return false }
        return (24...64).contains(bytes.count)
    }
}
