import HTTPTypes
import NIOCore
import PushCore

/// Errors as answers (RFC 9457).
enum Problem {
    /// - Parameters:
    ///   - showedCredential: the caller sent an `Authorization` field: RFC 6750, 3.1 names an error only then.
    ///   - missing: an extra member, the names of what is not ready.
    static func answer(
        to error: GatewayError, requestID: String, showedCredential: Bool = false, missing: [String]? = nil
    ) -> Answer {
        let code = error.code
        let body = JSONWriter.object { writer in
            writer.member("type", "urn:pushgate:problem:\(code.rawValue)")
            writer.member("title", code.title)
            writer.member("status", code.status)
            writer.member("detail", error.detail)
            writer.member("code", error.publicCode)
            writer.member("requestId", requestID)
            if !error.errors.isEmpty {
                writer.array("errors") { writer in
                    for fault in error.errors {
                        writer.object { writer in
                            writer.member("pointer", fault.pointer)
                            writer.member("detail", fault.detail)
                        }
                    }
                }
            }
            if let missing { writer.array("missing") { for name in missing { $0.string(name) } } }
        }
        var answer = Answer(
            status: HTTPResponse.Status(code: code.status), fields: FieldSets.problem, body: ByteBuffer(bytes: body))
        switch code {
        case .rateLimited, .overloaded:
            answer.fields[.retryAfter] = String(max(1, error.retryAfterSeconds ?? 1))
        case .unauthenticated, .tokenExpired, .tokenRevoked:
            answer.fields[.wwwAuthenticate] =
                showedCredential ? #"Bearer realm="pushgate", error="invalid_token""# : #"Bearer realm="pushgate""#
        case .tooLarge:
            // The rest of the body is still to come.
            answer.fields[.connection] = "close"
        default: break
        }
        return answer
    }
}
