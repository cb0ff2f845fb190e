/// A push service of a phone maker, browser or operating system, or a tenant's own receiver.
public enum Vendor: String, Sendable, CaseIterable, Codable {
    case apns, fcm, webpush, huawei, honor, xiaomi, oppo, vivo, meizu, wns, webhook
}

/// Where a vendor reaches one installation of an app.
public struct PushToken: Sendable, Hashable {
    public enum Kind: String, Sendable, Codable { case alert, voip }

    /// Which of the vendor's two worlds the token belongs to. Only APNs has two.
    public enum Environment: String, Sendable, Codable { case production, sandbox }

    public let vendor: Vendor
    /// The vendor's text, opaque. A secret: log ``fingerprint``, never this.
    public let token: String
    public let kind: Kind
    public let environment: Environment

    /// Longest token that is accepted. A browser's PushSubscription as JSON is the longest there is.
    public static let bytesMax = 4096

    public init(vendor: Vendor, token: String, kind: Kind = .alert, environment: Environment = .production) {
        self.vendor = vendor
        self.token = token
        self.kind = kind
        self.environment = environment
    }

    /// What may be shown and logged: the last four characters.
    public var fingerprint: String { "…" + token.suffix(4) }
}
