/// Something in a message that FCM refuses, with the field it is about.
struct FCMViolation: Error {
    let field: String
    let description: String
    /// True when the message could not even be read; such answers have no FcmError detail.
    let isUnreadable: Bool

    static func wrongType(_ value: JSONValue, at path: String, _ type: String) -> FCMViolation {
        FCMViolation(
            field: path, description: "Invalid value at '\(path)' (\(type)), \(value.text)", isUnreadable: true)
    }

    static func unknownName(_ name: String, at path: String) -> FCMViolation {
        FCMViolation(
            field: path,
            description: "Invalid JSON payload received. Unknown name \"\(name)\""
                + (path.isEmpty ? "" : " at '\(path)'") + ": Cannot find field.",
            isUnreadable: true)
    }

    static func refused(_ field: String, _ description: String) -> FCMViolation {
        FCMViolation(field: field, description: description, isUnreadable: false)
    }
}

/// The error answers of the v1 API: `google.rpc.Status` as JSON, with its details.
enum FCMError {
    private static let fcmType = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

    static func response(
        _ status: Int, _ canonical: String, _ message: String, errorCode: String? = nil, details: [JSONValue] = []
    ) -> SimulatorResponse {
        var details = details
        if let errorCode {
            details.insert(["@type": .string(fcmType), "errorCode": .string(errorCode)], at: 0)
        }
        var error: [String: JSONValue] = [
            "code": .integer(Int64(status)), "message": .string(message), "status": .string(canonical),
        ]
        if !details.isEmpty { error["details"] = .array(details) }
        return .json(status, JSONValue.object(["error": .object(error)]).text)
    }

    static func violation(_ violation: FCMViolation) -> SimulatorResponse {
        let badRequest: JSONValue = [
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [["field": .string(violation.field), "description": .string(violation.description)]],
        ]
        return response(
            400, "INVALID_ARGUMENT", violation.description,
            errorCode: violation.isUnreadable ? nil : "INVALID_ARGUMENT", details: [badRequest])
    }

    /// The one INVALID_ARGUMENT that is about the token itself.
    static var invalidToken: SimulatorResponse {
        response(
            400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token",
            errorCode: "INVALID_ARGUMENT")
    }

    /// The access token is absent, unknown or has expired.
    static var unauthenticated: SimulatorResponse {
        response(
            401, "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                + "valid authentication credential."
        ).adding("www-authenticate", "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"")
    }

    static func quotaExceeded(retryAfter: String?) -> SimulatorResponse {
        response(
            429, "RESOURCE_EXHAUSTED", "Quota exceeded for the project's message sending limit.",
            errorCode: "QUOTA_EXCEEDED",
            details: [
                [
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [
                        ["subject": "project", "description": "Message sending limit per minute exceeded"]
                    ],
                ]
            ]
        ).adding("retry-after", retryAfter)
    }

    static func server(status: Int, retryAfter: String?) -> SimulatorResponse {
        let response =
            status == 503
            ? Self.response(503, "UNAVAILABLE", "The service is currently unavailable.", errorCode: "UNAVAILABLE")
            : Self.response(status, "INTERNAL", "Internal error encountered.", errorCode: "INTERNAL")
        return response.adding("retry-after", retryAfter)
    }

    /// The answer with one of FCM's error codes, or with a canonical status where the code is absent in the answer.
    static func response(code: String) -> SimulatorResponse? {
        switch code {
        case "UNREGISTERED":
            response(404, "NOT_FOUND", "Requested entity was not found.", errorCode: code)
        case "INVALID_ARGUMENT": invalidToken
        case "SENDER_ID_MISMATCH": response(403, "PERMISSION_DENIED", "SenderId mismatch", errorCode: code)
        case "QUOTA_EXCEEDED": quotaExceeded(retryAfter: nil)
        case "UNAVAILABLE": server(status: 503, retryAfter: nil)
        case "INTERNAL": server(status: 500, retryAfter: nil)
        case "THIRD_PARTY_AUTH_ERROR":
            response(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", errorCode: code)
        case "UNSPECIFIED_ERROR": response(500, "UNKNOWN", "Unknown error.", errorCode: code)
        case "UNAUTHENTICATED": unauthenticated
        case "PERMISSION_DENIED":
            response(403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied on the project.")
        case "NOT_FOUND": response(404, "NOT_FOUND", "Requested entity was not found.")
        default: nil
        }
    }
}
