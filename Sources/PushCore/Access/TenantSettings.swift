/// What the operator or an app has set for a tenant. Kept as one JSON object and read with the tenant.
public struct TenantSettings: Sendable, Hashable {
    /// Whether senders are told that their message was read (contract details, *Events*).
    public var readReceipts = true
    /// Seconds after which content is erased; the message stays as a stub. nil = never.
    public var retentionSeconds: Int64?
    /// Bytes of content that are kept; the oldest is erased first. nil = all.
    public var retentionBytes: Int64?
    /// Seconds from `serverTime` within which a device may revoke; nil = for ever.
    public var revokeWithinSeconds: Int64?
    /// What notifications show of messages.
    public var pushPreviews = PushPreviews.full
    /// The language of notifications for devices whose own has no words; nil = English.
    public var language: String?
    /// What callers of this tenant may ask for at most.
    public var limits = TenantLimits()

    public init() {}

    /// Settings read back from the store; what is missing has its default.
    public init(stored: RawJSON) {
        let object = stored.object
        readReceipts = object?["readReceipts"]?.bool ?? true
        retentionSeconds = object?["retentionSeconds"]?.integer
        retentionBytes = object?["retentionBytes"]?.integer
        revokeWithinSeconds = object?["revokeWithinSeconds"]?.integer
        pushPreviews = object?["pushPreviews"]?.string.flatMap(PushPreviews.init) ?? .full
        language = object?["language"]?.string
        if let stored = object?["limits"] { limits = TenantLimits(stored: stored) }
    }

    /// For the store, and for the operator.
    public var json: RawJSON {
        .object { writer in
            write(into: &writer)
            writer.member("limits", limits.json)
        }
    }

    /// The members that the operator sees and sets.
    func write(into writer: inout JSONWriter) {
        writer.member("readReceipts", readReceipts)
        writer.member("retentionSeconds", ifPresent: retentionSeconds)
        writer.member("retentionBytes", ifPresent: retentionBytes)
        writer.member("revokeWithinSeconds", ifPresent: revokeWithinSeconds)
        writer.member("pushPreviews", pushPreviews.rawValue)
        writer.member("language", ifPresent: language)
    }

    /// Takes over what a body names; 0 takes a bound away, and an empty text the language.
    mutating func merge(_ reader: inout BodyReader) {
        pushPreviews =
            reader.value("pushPreviews", expected: "full or hidden") { $0.string.flatMap(PushPreviews.init) }
            ?? pushPreviews
        if let tag = reader.string("language", where: { $0.isEmpty || LanguageTag.isValid($0) }) {
            language = tag.isEmpty ? nil : tag
        }
        readReceipts = reader.bool("readReceipts") ?? readReceipts
        for (name, path) in Self.bounds {
            if let value = reader.integer(name, in: 0...9_007_199_254_740_991) {
                self[keyPath: path] = value == 0 ? nil : value
            }
        }
    }

    private static var bounds: [(String, WritableKeyPath<TenantSettings, Int64?>)] {
        [
            ("retentionSeconds", \.retentionSeconds), ("retentionBytes", \.retentionBytes),
            ("revokeWithinSeconds", \.revokeWithinSeconds),
        ]
    }
}

/// How much of a message its notification shows.
public enum PushPreviews: String, Sendable {
    /// The sender's name and texts, and what the sender added.
    case full
    /// That there is a message, in the tenant's name, and nothing else of it but its id.
    case hidden
}

/// `/v1/settings/limits` (contract details, to section 4): per tenant, 0 = none.
public struct TenantLimits: Sendable, Hashable {
    public var deviceRequestsPerSecond: Int64 = 50
    public var deviceBurst: Int64 = 200
    public var appRequestsPerSecond: Int64 = 0
    /// nil = the gateway's own limit, which is also the most there may be.
    public var contentBytes: Int64?
    public var requestBytes: Int64?
    public var batchMessages: Int64?

    public init() {}

    public init(stored: RawJSON) {
        let object = stored.object
        deviceRequestsPerSecond = object?["deviceRequestsPerSecond"]?.integer ?? deviceRequestsPerSecond
        deviceBurst = object?["deviceBurst"]?.integer ?? deviceBurst
        appRequestsPerSecond = object?["appRequestsPerSecond"]?.integer ?? appRequestsPerSecond
        contentBytes = object?["contentBytes"]?.integer
        requestBytes = object?["requestBytes"]?.integer
        batchMessages = object?["batchMessages"]?.integer
    }

    public var json: RawJSON {
        .object { writer in
            writer.member("deviceRequestsPerSecond", deviceRequestsPerSecond)
            writer.member("deviceBurst", deviceBurst)
            writer.member("appRequestsPerSecond", appRequestsPerSecond)
            writer.member("contentBytes", ifPresent: contentBytes)
            writer.member("requestBytes", ifPresent: requestBytes)
            writer.member("batchMessages", ifPresent: batchMessages)
        }
    }
}
