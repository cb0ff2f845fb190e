import AsyncHTTPClient
import Crypto
import Foundation
import JWTKit
import NIOCore
import NIOHTTP1
import NIOSSL
import PushSimulators

/// A simulator and an HTTP client that trusts it. The client and its JWTs are other people's code, so that the
/// simulator is not tried against its own idea of the protocols.
struct SimulatorClient: Sendable {
    let simulator: VendorSimulator
    let http: HTTPClient

    struct Reply: Sendable {
        let status: Int
        let version: HTTPVersion
        let headers: HTTPHeaders
        let body: String

        /// The body as a JSON object.
        var json: [String: any Sendable] {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: any Sendable]) ?? [:]
        }

        var reason: String? { json["reason"] as? String }
    }

    /// Runs `body` with a fresh simulator and stops everything afterwards.
    static func run<Result>(
        _ configure: (inout VendorSimulator.Configuration) -> Void = { _ in }, http1Only: Bool = false,
        _ body: (SimulatorClient) async throws -> Result
    ) async throws -> Result {
        var configuration = VendorSimulator.Configuration()
        configure(&configuration)
        let simulator = try await VendorSimulator.start(configuration: configuration)
        let http = httpClient(trusting: simulator, http1Only: http1Only)
        do {
            let result = try await body(SimulatorClient(simulator: simulator, http: http))
            try await http.shutdown()
            try await simulator.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            try? await simulator.shutdown()
            throw error
        }
    }

    private static func httpClient(trusting simulator: VendorSimulator, http1Only: Bool = false) -> HTTPClient {
        var settings = HTTPClient.Configuration()
        settings.tlsConfiguration = .makeClientConfiguration()
        settings.tlsConfiguration?.trustRoots = .file(simulator.caFile)
        settings.httpVersion = http1Only ? .http1Only : .automatic
        settings.timeout = .init(connect: .seconds(5), read: .seconds(5))
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// The same simulator over a connection of its own. Where the last connection was broken on purpose, a client may
    /// take it once more before it has noticed, and then the request never arrives.
    func apart<Result>(_ body: (SimulatorClient) async throws -> Result) async throws -> Result {
        let http = Self.httpClient(trusting: simulator)
        do {
            let result = try await body(SimulatorClient(simulator: simulator, http: http))
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    func request(
        _ method: HTTPMethod, _ url: String, headers: [(String, String)] = [], body: String? = nil,
        timeout: TimeAmount = .seconds(10)
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await http.execute(request, timeout: timeout)
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return Reply(
            status: Int(response.status.code), version: response.version, headers: response.headers,
            body: String(buffer: bytes))
    }

    // MARK: APNs

    static let deviceToken = String(repeating: "ab01", count: 16)
    static let alertPayload = #"{"aps":{"alert":{"title":"Hi","body":"There"}},"messageId":"m1"}"#

    struct ProviderClaims: JWTPayload {
        var iss: String
        var iat: Int

        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    /// - Parameter age: seconds since it was issued.
    func providerToken(age: Int = 0, keyId: String? = nil, teamId: String? = nil, pem: String? = nil) async throws
        -> String
    {
        let credentials = simulator.credentials
        let keys = JWTKeyCollection()
        let id = JWKIdentifier(string: keyId ?? credentials.apnsKeyId)
        await keys.add(ecdsa: try ES256PrivateKey(pem: pem ?? credentials.apnsPrivateKey), kid: id)
        let claims = ProviderClaims(
            iss: teamId ?? credentials.apnsTeamId, iat: Int(Date().timeIntervalSince1970) - age)
        return try await keys.sign(claims, kid: id)
    }

    /// Sends a good push, but for what is given. A header that is nil is left out.
    func push(
        token: String = deviceToken, path: String? = nil, method: HTTPMethod = .POST,
        headers changed: [String: String?] = [:], jwt: String?, payload: String = alertPayload, twice: String? = nil,
        timeout: TimeAmount = .seconds(10)
    ) async throws -> Reply {
        var headers: [String: String?] = [
            "apns-topic": simulator.credentials.apnsTopic, "apns-push-type": "alert", "apns-priority": "10",
            "authorization": jwt.map { "bearer \($0)" },
        ]
        for (name, value) in changed { headers[name] = value }
        var fields = headers.compactMap { name, value in value.map { (name, $0) } }
        if let twice { fields += fields.filter { $0.0 == twice } }
        return try await request(
            method, "https://127.0.0.1:\(simulator.apnsPort)" + (path ?? "/3/device/\(token)"), headers: fields,
            body: payload.isEmpty ? nil : payload, timeout: timeout)
    }

    // MARK: FCM

    struct ServiceAccount: Decodable {
        let clientEmail: String
        let privateKey: String
        let privateKeyId: String
        let projectId: String
        let tokenUri: String
    }

    var serviceAccount: ServiceAccount {
        get throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(ServiceAccount.self, from: Data(simulator.credentials.fcmServiceAccount.utf8))
        }
    }

    struct AssertionClaims: JWTPayload {
        var iss: String
        var scope: String?
        var aud: String
        var iat: Int
        var exp: Int

        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    func login(
        grantType: String = "urn:ietf:params:oauth:grant-type:jwt-bearer",
        _ change: (inout AssertionClaims) -> Void = { _ in }, pem: String? = nil
    ) async throws -> Reply {
        let account = try serviceAccount
        let now = Int(Date().timeIntervalSince1970)
        var claims = AssertionClaims(
            iss: account.clientEmail, scope: "https://www.googleapis.com/auth/firebase.messaging",
            aud: account.tokenUri, iat: now, exp: now + 3600)
        change(&claims)
        let keys = JWTKeyCollection()
        let id = JWKIdentifier(string: account.privateKeyId)
        await keys.add(
            rsa: try Insecure.RSA.PrivateKey(pem: pem ?? account.privateKey), digestAlgorithm: .sha256, kid: id)
        let assertion = try await keys.sign(claims, kid: id)
        let type = grantType.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await request(
            .POST, account.tokenUri, headers: [("content-type", "application/x-www-form-urlencoded")],
            body: "grant_type=\(type)&assertion=\(assertion)")
    }

    func accessToken() async throws -> String { try await login().json["access_token"] as? String ?? "" }

    func sendFCM(
        _ body: String, access: String, project: String? = nil, base: String? = nil
    ) async throws -> Reply {
        let account = try serviceAccount
        return try await request(
            .POST,
            (base ?? "https://127.0.0.1:\(simulator.httpsPort)")
                + "/v1/projects/\(project ?? account.projectId)/messages:send",
            headers: [("authorization", "Bearer \(access)"), ("content-type", "application/json")], body: body)
    }

    // MARK: Webhook

    static let webhookBody = """
        {"type":"push.message","timestamp":"2026-01-02T03:04:05.678Z","data":{"messageId":"m1","token":"t1",\
        "account":"acct_1","userId":"u1","deviceId":"dev_1","title":"Hi","body":"There","collapseId":"m1","ttl":60,\
        "priority":"high","data":{},"silent":false}}
        """

    func sendWebhook(
        _ body: String = webhookBody, id: String = "evt_1", age: Int = 0, secret: String? = nil,
        timeout: TimeAmount = .seconds(10)
    ) async throws -> Reply {
        let encoded = (secret ?? simulator.credentials.webhookSecret).dropFirst("whsec_".count)
        let key = SymmetricKey(data: Data(base64Encoded: String(encoded)) ?? Data())
        let timestamp = String(Int(Date().timeIntervalSince1970) - age)
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(id).\(timestamp).\(body)".utf8), using: key)
        return try await request(
            .POST, "https://127.0.0.1:\(simulator.httpsPort)/webhook/push",
            headers: [
                ("content-type", "application/json"), ("webhook-id", id), ("webhook-timestamp", timestamp),
                ("webhook-signature", "v1,\(Data(code).base64EncodedString())"),
            ], body: body, timeout: timeout)
    }
}
