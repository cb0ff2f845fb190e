import HTTPTypes
import Hummingbird
import NIOCore
import PushCore

/// `POST /oauth/token`: OAuth 2.0 client credentials (RFC 6749, 4.4) for apps.
struct TokenEndpoint: Sendable {
    let authenticator: Authenticator
    let callers: Callers
    let limits: Limits

    func post(_ call: Call) async throws -> Answer {
        do throws(OAuthError) {
            return try await answer(call)
        } catch {
            switch error {
            case .refused(let code, let detail, let usedBasic): return Self.refusal(code, detail, usedBasic: usedBasic)
            // Not of the protocol but of the transport: size, rate, a broken body.
            case .other(let error): throw error
            }
        }
    }

    private func answer(_ call: Call) async throws(OAuthError) -> Answer {
        let parameters: TokenRequest
        do {
            parameters = try TokenRequest(contentType: call.request.headers[.contentType], try await call.bodyBytes())
        } catch {
            throw OAuthError(error)
        }
        let client = try ClientCredentials(
            authorization: call.request.headers[.authorization], id: parameters.clientID,
            secret: parameters.clientSecret)
        guard let client else {
            do { try callers.admitAnonymous(call) } catch { throw .other(error) }
            throw .refused(.invalidClient, "Client authentication is required.", usedBasic: false)
        }
        guard let grant = parameters.grantType else { throw .refused(.invalidRequest, "grant_type is required.") }
        guard grant == "client_credentials" else {
            throw .refused(.unsupportedGrantType, "Only client_credentials is supported.")
        }
        let outcome: Authenticator.AppTokenAnswer
        do {
            outcome = try authenticator.accessToken(
                appID: client.id, secret: client.secret, scope: parameters.scope, limits: limits)
        } catch { throw .other(error) }
        switch outcome {
        case .invalidScope: throw .refused(.invalidScope, "The app does not have this scope.")
        case .invalidClient:
            do { try callers.countFailure(call) } catch { throw .other(error) }
            throw .refused(.invalidClient, "The client or its secret is not known.", usedBasic: client.isBasic)
        case .token(let token, let scope, let expiresIn):
            var answer = Answer.json(
                .object { writer in
                    writer.member("access_token", token)
                    writer.member("token_type", "Bearer")
                    writer.member("expires_in", expiresIn)
                    writer.member("scope", scope)
                })
            Self.addPragma(to: &answer)
            return answer
        }
    }

    /// RFC 6749, 5.1 asks for it beside `Cache-Control`.
    private static func addPragma(to answer: inout Answer) {
        if let name = FieldNames.pragma { answer.fields[name] = "no-cache" }
    }

    /// RFC 6749, 5.2.
    private static func refusal(_ code: OAuthError.Code, _ detail: String, usedBasic: Bool) -> Answer {
        var answer = Answer.json(
            .object { writer in
                writer.member("error", code.rawValue)
                writer.member("error_description", detail)
            }, status: code == .invalidClient ? .unauthorized : .badRequest)
        addPragma(to: &answer)
        // Required where the client came with an Authorization field; with others it only names the way to go.
        if code == .invalidClient, usedBasic {
            answer.fields[.wwwAuthenticate] = #"Basic realm="pushgate", charset="UTF-8""#
        }
        return answer
    }
}

/// What `/oauth/token` refuses in the words of RFC 6749, and what goes through as any other error.
enum OAuthError: Error {
    enum Code: String {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case invalidScope = "invalid_scope"
        case unsupportedGrantType = "unsupported_grant_type"
    }

    case refused(Code, String, usedBasic: Bool)
    case other(any Error)

    static func refused(_ code: Code, _ detail: String) -> OAuthError { .refused(code, detail, usedBasic: false) }

    /// `invalid_request` of a body becomes that of OAuth.
    init(_ error: any Error) {
        switch error {
        case let error as OAuthError: self = error
        case let error as GatewayError where error.code == .invalidRequest:
            self = .refused(.invalidRequest, error.detail)
        default: self = .other(error)
        }
    }
}
