import AsyncHTTPClient
import NIOSSL
import Synchronization

/// The HTTP client of commands: where nobody listens it says so at once instead of trying for ten seconds.
enum CommandLineClient {
    /// By the file with additional certificates. They live as long as the process.
    private static let clients = Mutex<[String: HTTPClient]>([:])

    static var shared: HTTPClient { trusting(nil) }

    /// - Parameter caFile: PEM bundle added to the system's roots.
    static func trusting(_ caFile: String?) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[caFile ?? ""] { return client }
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.retryConnectionEstablishment = false
            if let caFile {
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.additionalTrustRoots = [.file(caFile)]
                configuration.tlsConfiguration = tls
            }
            let client = HTTPClient(configuration: configuration)
            clients[caFile ?? ""] = client
            return client
        }
    }
}
