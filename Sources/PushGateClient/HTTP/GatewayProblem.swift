/// What the gateway refused, over HTTP (RFC 9457) or in a reply over MQTT.
public struct GatewayProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// HTTP status; 0 where there was none (MQTT, or an answer that could not be read).
    public let status: Int
    /// Stable and made for programs: `token_expired`, `recipient_not_found`, `overloaded` …
    public let code: String
    /// For people.
    public let detail: String
    /// Name it when asking the operator.
    public let requestID: String?
    /// Seconds to wait, with `rate_limited` and `overloaded`.
    public let retryAfterSeconds: Int?
    /// What in the body was wrong, where.
    public let errors: [Fault]

    public struct Fault: Sendable, Hashable {
        /// JSON Pointer (RFC 6901).
        public let pointer: String
        public let detail: String

        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    public init(
        status: Int, code: String, detail: String, requestID: String? = nil, retryAfterSeconds: Int? = nil,
        errors: [Fault] = []
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.requestID = requestID
        self.retryAfterSeconds = retryAfterSeconds
        self.errors = errors
    }

    /// From a problem document, the `error` of an MQTT reply, or an OAuth error (RFC 6749, 5.2).
    init(status: Int, json: JSONValue, retryAfterSeconds: Int? = nil) {
        self.init(
            status: status,
            code: json["code"]?.string ?? json["error"]?.string ?? "http_\(status)",
            detail: json["detail"]?.string ?? json["error_description"]?.string ?? json["title"]?.string ?? "",
            requestID: json["requestId"]?.string, retryAfterSeconds: retryAfterSeconds,
            errors: (json["errors"]?.array ?? []).map {
                Fault(pointer: $0["pointer"]?.string ?? "", detail: $0["detail"]?.string ?? "")
            })
    }

    static func unreadable(_ detail: String) -> GatewayProblem {
        GatewayProblem(status: 0, code: "unreadable_answer", detail: detail)
    }

    public var description: String {
        let request = requestID.map { " (request \($0))" } ?? ""
        return "\(code)\(status == 0 ? "" : " \(status)"): \(detail)\(request)"
    }
}
