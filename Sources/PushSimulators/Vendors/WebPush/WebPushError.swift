/// The error answers, in the form of Mozilla's push service: a status, and an `errno` that says more.
enum WebPushError {
    private static let rows: [Int: (status: Int, message: String)] = [
        101: (400, "Missing necessary crypto keys"), 102: (404, "Invalid URL endpoint"),
        103: (410, "Expired URL endpoint"), 104: (413, "Data payload too large"),
        105: (410, "Endpoint became unavailable during request"), 106: (410, "Invalid subscription"),
        108: (400, "Router type is invalid"), 109: (401, "Invalid authentication"),
        110: (400, "Invalid crypto parameters"), 111: (400, "Missing TTL header"), 112: (400, "Invalid TTL header"),
        113: (400, "Invalid Topic header"), 201: (503, "Use exponential back-off for retries"),
        202: (503, "Immediate retry ok"), 900: (502, "Internal bridge misconfiguration"),
        901: (502, "Invalid bridge authentication"), 902: (502, "Bridge connection timeout"),
        903: (502, "Bridge connection failure"), 999: (500, "Unknown error"),
    ]

    static func response(errno: Int, refusal: String? = nil) -> SimulatorResponse? {
        guard let row = rows[errno] else { return nil }
        return response(row.status, errno: errno, row.message, refusal: refusal)
    }

    /// - Parameter errno: nil where Mozilla has none.
    static func response(
        _ status: Int, errno: Int? = nil, _ message: String, refusal: String? = nil
    ) -> SimulatorResponse {
        var members: [String: JSONValue] = [
            "code": .integer(Int64(status)), "error": .string(text(status)),
            "message": .string(refusal ?? message),
            "more_info": "https://autopush.readthedocs.io/en/latest/http.html#error-codes",
        ]
        members["errno"] = errno.map { .integer(Int64($0)) }
        return .json(
            status, JSONValue.object(members).text,
            refusal: refusal.map { "\(status)\(errno.map { " errno \($0)" } ?? ""): \($0)" })
    }

    private static func text(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 410: "Gone"
        case 413: "Payload Too Large"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }

    /// A code is an `errno` of Mozilla's, an HTTP status, or `BadJwtToken`, which is Apple's 403.
    static func response(code: String) -> SimulatorResponse? {
        if code == "BadJwtToken" { return .json(403, #"{"reason":"BadJwtToken"}"#) }
        guard let number = Int(code) else { return nil }
        if let response = response(errno: number) { return response }
        switch number {
        case 401, 403: return response(number, errno: 109, "Invalid authentication")
        case 404: return response(number, errno: 102, "Invalid URL endpoint")
        case 410: return response(number, errno: 106, "Invalid subscription")
        case 413: return response(number, errno: 104, "Data payload too large")
        case 400, 405, 429, 500, 502, 503: return response(number, "as asked for")
        default: return nil
        }
    }
}
