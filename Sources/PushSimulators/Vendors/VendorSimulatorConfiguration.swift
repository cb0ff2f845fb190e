import Foundation

extension VendorSimulator {
    /// How a ``VendorSimulator`` is set up. Every default is what the real vendors do.
    public struct Configuration: Sendable {
        /// The loopback address to listen on.
        public var bindAddress = "127.0.0.1"
        /// The host in the URLs of the settings bodies: an address of this machine, or `localhost`. The certificate is
        /// for `localhost`, `127.0.0.1` and `::1`.
        public var host = "127.0.0.1"
        /// Ports; 0 takes a free one.
        public var apnsPort = 0
        public var httpsPort = 0
        public var httpPort = 0
        /// WNS and its token endpoint, which speak HTTP/1.1 only.
        public var wnsPort = 0
        /// Where the certificate authority is written as PEM; nil: a new file in the temporary directory, which is
        /// removed at shutdown.
        public var caFile: String?
        /// Threads that serve connections.
        public var threads = 2

        /// SETTINGS_MAX_CONCURRENT_STREAMS.
        public var maxConcurrentStreams = 1000
        /// APNs: a single stream until the connection's first valid provider token.
        public var oneStreamUntilValidToken = true
        /// APNs: for how long a key has to stay with one provider token, in seconds.
        public var providerTokenUpdateSeconds: Int64 = 20 * 60
        /// APNs: whether a connection on which `ExpiredProviderToken` was answered says so from then on, whatever token
        /// comes. Seen by maintainers of clients, not documented by Apple; off by default.
        public var expiredProviderTokenEndsConnection = false
        /// APNs: the bundle ids of the generated team, the first one in the settings body.
        public var apnsTopics = ["com.example.app"]
        /// FCM, Huawei, HONOR: how long an access token lives, in seconds.
        public var accessTokenSeconds: Int64 = 3600
        /// FCM: the project of the generated service account.
        public var fcmProject = "push-simulator"
        /// Xiaomi: the app's package name.
        public var xiaomiPackageName = "com.example.app"
        /// Xiaomi: whether a notification without `extra.channel_id` is refused, as the newer rules want it.
        public var xiaomiRequiresChannel = false

        /// How many pushes are kept; older ones are forgotten.
        public var keptPushes = 100_000
        /// Of how many requests the time is kept; older ones are forgotten.
        public var keptRequests = 0
        /// Called for each accepted push before its request is answered, in the order of acceptance; blocks the vendors.
        public var accepted: (@Sendable (RecordedPush) -> Void)?
        /// Milliseconds since 1970.
        public var clock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }

        public init() {}
    }
}
