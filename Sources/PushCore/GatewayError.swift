/// What a caller is told when an operation is refused, whichever door it came through.
///
/// `code` is public and stable (contract, section 4): it is documented, programmed against and never reused.
public struct GatewayError: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        case invalidRequest = "invalid_request"
        case unauthenticated
        case tokenExpired = "token_expired"
        case tokenRevoked = "token_revoked"
        case forbidden
        case notSender = "not_sender"
        case notRecipient = "not_recipient"
        case notAMember = "not_a_member"
        case tenantMismatch = "tenant_mismatch"
        case denied
        case notFound = "not_found"
        case recipientNotFound = "recipient_not_found"
        case methodNotAllowed = "method_not_allowed"
        case messageIDConflict = "message_id_conflict"
        case conflict
        case messageRevoked = "message_revoked"
        case messageBurned = "message_burned"
        case tooLarge = "too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case notBurnable = "not_burnable"
        case rateLimited = "rate_limited"
        case overloaded
        case internalError = "internal_error"

        /// The HTTP status of this code. It stands here and not in the HTTP room because a batch over MQTT reports
        /// it too ("the HTTP status it would have had alone").
        public var status: Int {
            switch self {
            case .invalidRequest: 400
            case .unauthenticated, .tokenExpired, .tokenRevoked: 401
            case .forbidden, .notSender, .notRecipient, .notAMember, .tenantMismatch, .denied: 403
            case .notFound, .recipientNotFound: 404
            case .methodNotAllowed: 405
            case .messageIDConflict, .conflict: 409
            case .messageRevoked, .messageBurned: 410
            case .tooLarge: 413
            case .unsupportedMediaType: 415
            case .notBurnable: 422
            case .rateLimited: 429
            case .internalError: 500
            case .overloaded: 503
            }
        }

        /// A short sentence that is the same for every occurrence (RFC 9457 `title`).
        public var title: String {
            switch self {
            case .invalidRequest: "The request is not valid"
            case .unauthenticated: "A valid credential is required"
            case .tokenExpired: "The credential has expired"
            case .tokenRevoked: "The credential has been revoked"
            case .forbidden: "This credential may not do that"
            case .notSender: "Only the sender may do that"
            case .notRecipient: "Only a receiver may do that"
            case .notAMember: "The sender is not a member of the group"
            case .tenantMismatch: "The credential belongs to another tenant"
            case .denied: "The message was denied by the tenant's service"
            case .notFound: "There is no such thing"
            case .recipientNotFound: "There is no such recipient"
            case .methodNotAllowed: "This method is not allowed here"
            case .messageIDConflict: "This message id is taken by another message"
            case .conflict: "That is already there"
            case .messageRevoked: "The message has been revoked"
            case .messageBurned: "The message has been burned"
            case .tooLarge: "That is too large"
            case .unsupportedMediaType: "The body must be application/json"
            case .notBurnable: "This message cannot be burned"
            case .rateLimited: "Too many requests"
            case .internalError: "The gateway failed"
            case .overloaded: "The gateway is busy"
            }
        }
    }

    /// One fault in a body. `pointer` is an RFC 6901 JSON pointer.
    public struct FieldFault: Sendable, Equatable {
        public let pointer: String
        public let detail: String

        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    public let code: Code
    public let detail: String
    public let errors: [FieldFault]
    /// Seconds after which a repeat may succeed; sent as `Retry-After`.
    public let retryAfterSeconds: Int?
    /// How a tenant's service has refused a message, where ``code`` is `denied`.
    public let denial: Denial?

    /// A refusal in the words of a tenant's service.
    public struct Denial: Sendable, Equatable {
        /// In place of the code's own name; nil where the service gave none.
        public let code: String?
        /// What the Tencent-compatible API answers; nil = the service's own number for it.
        public let number: Int?

        public init(code: String?, number: Int? = nil) {
            self.code = code
            self.number = number
        }
    }

    /// What a caller reads as `code`.
    public var publicCode: String { denial?.code ?? code.rawValue }

    public init(
        _ code: Code, _ detail: String, errors: [FieldFault] = [], retryAfterSeconds: Int? = nil,
        denial: Denial? = nil
    ) {
        self.denial = denial
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// `invalid_request` that points at one member of the body.
    public static func invalid(_ pointer: String, _ detail: String) -> GatewayError {
        GatewayError(.invalidRequest, detail, errors: [FieldFault(pointer: pointer, detail: detail)])
    }
}
