import AsyncHTTPClient
import NIOSSL
import PushGateClient
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

extension GatewayAPI {
    private static let pageItems = "500"

    /// A paged list from its first page to its last, as one.
    ///
    /// - Parameter tenantNo: only what is this tenant's, where the list knows of tenants.
    func whole(_ path: [String], tenantNo: String? = nil) async throws -> JSONValue {
        var items: [JSONValue] = []
        var cursor: String?
        repeat {
            let page = try await call(
                .get, path, query: ["tenantNo": tenantNo, "limit": Self.pageItems, "cursor": cursor]
            ).json()
            items += page["items"]?.array ?? []
            cursor = page["nextCursor"]?.string
        } while cursor != nil
        return ["items": .array(items), "nextCursor": .null]
    }
}
