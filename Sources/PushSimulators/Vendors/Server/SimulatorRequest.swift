import NIOCore
import NIOHPACK

/// One request, whole, in the same form for HTTP/1.1 and HTTP/2.
struct SimulatorRequest {
    let method: String
    /// Without the query.
    let path: String
    let query: String
    /// Regular header fields only, names in lower case.
    let headers: HPACKHeaders
    let body: ByteBuffer

    init(method: String, target: String, headers: HPACKHeaders, body: ByteBuffer) {
        self.method = method
        if let mark = target.firstIndex(of: "?") {
            path = String(target[..<mark])
            query = String(target[target.index(after: mark)...])
        } else {
            path = target
            query = ""
        }
        self.headers = headers
        self.body = body
    }

    /// The media type without its parameters, in lower case.
    var contentType: String? {
        headers.first(name: "content-type")?.split(separator: ";").first.map {
            $0.lowercased().filter { $0 != " " }
        }
    }

    /// The token of `Authorization: Bearer …`; nil when the header is absent or of another scheme.
    var bearerToken: Substring? {
        guard let value = headers.first(name: "authorization"), value.utf8.count > 7,
            value.prefix(7).lowercased() == "bearer "
        else { return nil }
        return value.dropFirst(7)
    }
}

/// An answer. `refusal` is never sent: it says on the control page which rule the request broke.
struct SimulatorResponse {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body = ""
    var refusal: String?

    static func json(_ status: Int, _ body: String, refusal: String? = nil) -> SimulatorResponse {
        SimulatorResponse(
            status: status, headers: [("content-type", "application/json; charset=UTF-8")], body: body,
            refusal: refusal)
    }

    func adding(_ name: String, _ value: String?) -> SimulatorResponse {
        guard let value else { return self }
        var response = self
        response.headers.append((name, value))
        return response
    }
}

/// What a server remembers of one connection. Used on the connection's event loop only.
final class SimulatorConnection {
    /// The signing identity this connection is bound to, after its first valid provider token (APNs).
    var providerToken: ProviderToken?
    /// The raw text of `providerToken`, so that the same header is checked by comparing it.
    var providerTokenText: String?
    /// Set when an expired provider token made the connection unusable (APNs).
    var isRefused = false
    /// Called once, when the first valid provider token came (APNs: opens the connection for more streams).
    var onFirstValidToken: (() -> Void)?
}
