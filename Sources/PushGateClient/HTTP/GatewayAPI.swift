import AsyncHTTPClient
import Foundation
import NIOCore

/// The gateway's HTTP API. A value: `authorized(by:)` gives one that carries a credential.
///
/// ```swift
/// let api = GatewayAPI("https://push.example.com")
/// let device = try await api.register(
///     DeviceRegistration(uniqueCode: installationID, userID: "ann", osType: .android),
///     signature: signatureFromYourServer)
///
/// let app = api.authorized(by: .app(id: "app_…", secret: secret))
/// try await app.send(OutgoingMessage(to: "user:ann", text: "Your parcel has arrived"))
/// ```
///
/// Every call throws ``GatewayProblem`` where the gateway refused, and the HTTP client's errors where it could not be
/// reached. A call that failed that way may have been carried out; all of them may be repeated.
public struct GatewayAPI: Sendable {
    /// Without a slash at its end.
    public let baseURL: String
    /// For connecting and answering.
    public var timeout: Duration = .seconds(10)
    /// Answers above this are refused.
    public var answerBytesMax = 16 * 1024 * 1024
    let authorization: Authorization
    private let client: HTTPClient

    /// Who is calling.
    public struct Authorization: Sendable {
        enum Kind: Sendable {
            case none
            case bearer(String)
            case operatorToken(String, tenantNo: String?)
            case app(AppTokens)
        }
        let kind: Kind

        public static let none = Authorization(kind: .none)
        /// A device credential, a user signature or an access token.
        public static func bearer(_ token: String) -> Authorization { Authorization(kind: .bearer(token)) }
        /// The admin token. With a `tenantNo` the calls of apps can be made too, as that tenant's first app.
        public static func admin(_ token: String, tenantNo: String? = nil) -> Authorization {
            Authorization(kind: .operatorToken(token, tenantNo: tenantNo))
        }
        /// OAuth 2.0 client credentials: access tokens are fetched and renewed when needed, and shared by all copies.
        public static func app(id: String, secret: String) -> Authorization {
            Authorization(kind: .app(AppTokens(appID: id, secret: secret)))
        }
    }

    public init(_ baseURL: String, authorization: Authorization = .none, client: HTTPClient = .shared) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.authorization = authorization
        self.client = client
    }

    public func authorized(by authorization: Authorization) -> GatewayAPI {
        var copy = GatewayAPI(baseURL, authorization: authorization, client: client)
        copy.timeout = timeout
        copy.answerBytesMax = answerBytesMax
        return copy
    }

    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    public struct Answer: Sendable {
        public let status: Int
        /// The body as it came.
        public let bytes: [UInt8]

        /// The body; null where there is none.
        /// - Throws: ``JSONFault``.
        public func json() throws -> JSONValue { bytes.isEmpty ? .null : try JSONValue(parsing: bytes) }
    }

    /// Any call of the API. The typed ones are built on it.
    /// - Parameters:
    ///   - path: segments, escaped here: `["v1", "groups", id]`.
    ///   - query: what has no value is left out.
    public func call(
        _ method: Method, _ path: [String], query: KeyValuePairs<String, String?> = [:], body: JSONValue? = nil
    ) async throws -> Answer {
        do {
            return try await attempt(method, path, query, body)
        } catch let problem as GatewayProblem where problem.status == 401 {
            // An access token that ended early (rotated secret, restarted gateway) is worth one new one.
            guard case .app(let tokens) = authorization.kind else { throw problem }
            await tokens.forget()
            return try await attempt(method, path, query, body)
        }
    }

    private func attempt(
        _ method: Method, _ path: [String], _ query: KeyValuePairs<String, String?>, _ body: JSONValue?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: baseURL + Self.target(path, query))
        request.method = .RAW(value: method.rawValue)
        switch authorization.kind {
        case .none: break
        case .bearer(let token): request.headers.add(name: "authorization", value: "Bearer \(token)")
        case .operatorToken(let token, let tenantNo):
            request.headers.add(name: "authorization", value: "Bearer \(token)")
            if let tenantNo { request.headers.add(name: "x-tenant", value: tenantNo) }
        case .app(let tokens):
            let token = try await tokens.current(from: authorized(by: .none))
            request.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        let response = try await client.execute(request, timeout: TimeAmount(timeout))
        let status = Int(response.status.code)
        let bytes = Array((try await response.body.collect(upTo: answerBytesMax)).readableBytesView)
        guard (200..<300).contains(status) else {
            throw GatewayProblem(
                status: status, json: (try? JSONValue(parsing: bytes)) ?? .null,  // a proxy may answer without JSON
                retryAfterSeconds: response.headers.first(name: "retry-after").flatMap { Int($0) })
        }
        return Answer(status: status, bytes: bytes)
    }

    static func target(_ path: [String], _ query: KeyValuePairs<String, String?>) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(escaped($0))" } }
        let path = path.map { "/" + escaped($0) }.joined()
        return pairs.isEmpty ? path : path + "?" + pairs.joined(separator: "&")
    }

    /// Escapes all but the unreserved characters of RFC 3986, 2.3.
    static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(UnicodeScalar(byte))
            default: result += String(format: "%%%02X", byte)
            }
        }
        return result
    }
}
