import Foundation

/// Where the HTTP door listens, and how long and how much it takes from one peer.
public struct HTTPConfiguration: Sendable {
    /// PEM files of the certificate chain (leaf first) and its private key.
    public struct TLSFiles: Sendable {
        public var certificatePath: String
        public var keyPath: String

        public init(certificatePath: String, keyPath: String) {
            self.certificatePath = certificatePath
            self.keyPath = keyPath
        }
    }

    public var host: String
    /// 0 takes a free port, see ``HTTPGateway/application(onListening:)``.
    public var port: Int
    /// nil: plain HTTP.
    public var tls: TLSFiles?

    /// A connection on which nothing has happened for this long is closed. It bounds the TLS handshake, a header block
    /// that never ends and keep-alive.
    public var idleTimeout: Duration = .seconds(60)
    /// From the end of a request's header block its body must be there within this, however steadily it drips.
    public var readDeadline: Duration = .seconds(30)
    /// Beyond it new connections wait in the kernel's queue until another one is closed.
    public var connectionsMax: Int = Self.connectionsBelowFileLimit()
    public var attempts = AttemptRates()

    public init(host: String, port: Int, tls: TLSFiles? = nil) {
        self.host = host
        self.port = port
        self.tls = tls
    }

    /// What the process's limit of open files leaves for connections: the database, the broker connection and the
    /// vendors need files too, a quarter of the limit but at least 128 and at most 2048.
    public static func connectionsBelowFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        let files = Int(clamping: limit.rlim_cur)
        return max(16, files - min(max(files / 4, 128), 2048))
    }
}

/// How many attempts one address has (contract details, *Revocation*). They are there at once and come back at this
/// pace. 0 = unlimited.
public struct AttemptRates: Sendable {
    /// Calls without any credential, per second.
    public var anonymousPerSecond: Int = 20
    /// Calls with a bad signature, secret or token, per second. A good one is never held up by bad ones of the same
    /// address, which may be a proxy's.
    public var failedPerSecond: Int = 5

    public init() {}
}
