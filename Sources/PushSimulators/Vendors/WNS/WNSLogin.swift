import Foundation

/// An app registration of Microsoft Entra ID.
struct WNSCredentials: Sendable {
    let tenantId = UUID().uuidString.lowercased()
    let clientId = UUID().uuidString.lowercased()
    let clientSecret = LoginTokens.random(bytes: 20)

    func settings(endpoint: String) -> JSONValue {
        [
            "tenantId": .string(tenantId), "clientId": .string(clientId), "clientSecret": .string(clientSecret),
            "endpoint": .string(endpoint),
        ]
    }
}

/// `POST /{tenantId}/oauth2/v2.0/token`: OAuth 2.0 client credentials. `expires_in` is text, as it may be.
struct WNSLogin: Sendable {
    static let pathEnd = "/oauth2/v2.0/token"
    private static let scope = "https://wns.windows.com/.default"
    private static let tokenSeconds: Int64 = 86_399
    private let credentials: WNSCredentials
    private let tokens: LoginTokens

    init(credentials: WNSCredentials, clock: @escaping @Sendable () -> Int64) {
        self.credentials = credentials
        tokens = LoginTokens(lifetimeSeconds: Self.tokenSeconds, clock: clock)
    }

    func isValid(_ token: some StringProtocol) -> Bool { tokens.isValid(token) }

    func answer(_ request: SimulatorRequest) -> SimulatorResponse {
        guard request.method == "POST" else {
            return Self.error(405, "invalid_request", "AADSTS900561: The endpoint only accepts POST requests.")
        }
        guard let form = FormFields(request) else {
            return Self.error(400, "invalid_request", "AADSTS900144: The request body must be a form.")
        }
        guard request.path == "/\(credentials.tenantId)\(Self.pathEnd)" else {
            return Self.error(400, "invalid_request", "AADSTS90002: Tenant not found.")
        }
        guard form["grant_type"] == "client_credentials" else {
            return Self.error(400, "unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        }
        guard form["client_id"] == credentials.clientId else {
            return Self.error(400, "unauthorized_client", "AADSTS700016: The application was not found.")
        }
        guard form["client_secret"] == credentials.clientSecret else {
            return Self.error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        }
        guard form["scope"] == Self.scope else {
            return Self.error(400, "invalid_scope", "AADSTS70011: The scope is not valid.")
        }
        return .json(
            200,
            """
            {"token_type":"Bearer","expires_in":"\(Self.tokenSeconds)","ext_expires_in":"\(Self.tokenSeconds)",\
            "access_token":"\(tokens.issue())"}
            """)
    }

    static func error(_ status: Int, _ code: String, _ description: String) -> SimulatorResponse {
        .json(
            status, JSONValue.object(["error": .string(code), "error_description": .string(description)]).text,
            refusal: "\(code): \(description)")
    }

    /// The answer with one of OAuth's error codes, without an entry among the refusals.
    static func response(code: String) -> SimulatorResponse? {
        let status: Int
        switch code {
        case "invalid_client": status = 401
        case "invalid_request", "invalid_scope", "unauthorized_client", "unsupported_grant_type", "invalid_grant":
            status = 400
        case "temporarily_unavailable": status = 503
        default: return nil
        }
        var response = error(status, code, "as asked for")
        response.refusal = nil
        return response
    }
}
