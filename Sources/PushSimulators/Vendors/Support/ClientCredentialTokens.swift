import Crypto
import Foundation
import Synchronization

/// A token endpoint for the client credentials grant (RFC 6749 section 4.4), as Huawei and HONOR have it.
final class ClientCredentialTokens: Sendable {
    /// What an access token is worth.
    enum State: Equatable {
        case unknown
        case expired
        case valid(clientId: String)
    }

    private struct Issued {
        let clientId: String
        let expiresAt: Int64
    }

    private static let mostTokens = 10_000
    private let lifetimeSeconds: Int64
    private let clock: @Sendable () -> Int64
    private let secrets: [String: String]
    private let issued = Mutex<[String: Issued]>([:])

    /// - Parameter secrets: client secret by client id.
    init(secrets: [String: String], lifetimeSeconds: Int64, clock: @escaping @Sendable () -> Int64) {
        self.secrets = secrets
        self.lifetimeSeconds = lifetimeSeconds
        self.clock = clock
    }

    func state(of token: some StringProtocol) -> State {
        let now = clock()
        return issued.withLock { issued in
            guard let found = issued[String(token)] else { return .unknown }
            return found.expiresAt > now ? .valid(clientId: found.clientId) : .expired
        }
    }

    func revokeAll() { issued.withLock { $0 = [:] } }

    /// Why a login is refused.
    struct Refused: Error {
        let status: Int
        /// RFC 6749 section 5.2.
        let code: String
        let description: String
    }

    /// - Returns: the JSON answer with the token.
    func exchange(_ request: SimulatorRequest) throws(Refused) -> SimulatorResponse {
        guard request.method == "POST" else {
            throw Refused(status: 405, code: "invalid_request", description: "use POST")
        }
        guard request.contentType == "application/x-www-form-urlencoded", let form = FormFields(request.body),
            form.repeated == nil
        else { throw Refused(status: 400, code: "invalid_request", description: "the body must be a form") }
        guard form["grant_type"] == "client_credentials" else {
            throw Refused(status: 400, code: "unsupported_grant_type", description: "grant_type")
        }
        guard let id = form["client_id"], let secret = form["client_secret"], secrets[id] == secret else {
            throw Refused(status: 401, code: "invalid_client", description: "client_id or client_secret is wrong")
        }
        let token = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }.base64EncodedString()
        let now = clock()
        issued.withLock { issued in
            // Expired ones are kept for as long as there is room, so that they are told from unknown ones.
            if issued.count >= Self.mostTokens { issued = issued.filter { $0.value.expiresAt > now } }
            if issued.count >= Self.mostTokens { issued = [:] }
            issued[token] = Issued(clientId: id, expiresAt: now + lifetimeSeconds * 1000)
        }
        return .json(
            200, #"{"access_token":"\#(token)","expires_in":\#(lifetimeSeconds),"token_type":"Bearer"}"#)
    }
}
