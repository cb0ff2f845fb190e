/// Huawei's answers: `{"code": "<text>", "msg": …, "requestId": …}`.
struct HuaweiError: Error {
    let code: String
    let message: String

    init(_ code: String, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Every code of the table with the HTTP status it comes with: 400 for what is wrong with the request, 401 for
    /// authentication, 500 for what is wrong at Huawei; a call that was carried out in part, or for no token, is 200.
    static let statuses: [String: (status: Int, text: String)] = {
        var table: [String: (Int, String)] = [
            "80000000": (200, "Success"),
            "80100000": (200, "Partial success"),
            "80100001": (400, "Parameter is invalid"),
            "80100002": (400, "The number of tokens must be 1"),
            "80100003": (400, "Illegal payload"),
            "80100004": (400, "The ttl is invalid"),
            "80100013": (400, "The collapse_key is invalid"),
            "80100016": (400, "The message contains sensitive information"),
            "80100017": (400, "A maximum of 100 topic-based messages can be sent at the same time"),
            "80100018": (400, "The signature of the review is invalid"),
            "80200001": (401, "Oauth authentication error"),
            "80200003": (401, "Oauth Token expired"),
            "80300002": (400, "The current app does not have the permission to send messages"),
            "80300007": (200, "All tokens are invalid"),
            "80300008": (400, "The message body size exceeds the default value"),
            "80300010": (400, "The number of tokens in the message body exceeds the default value"),
            "80300011": (400, "You are not authorized to send high-priority notification messages"),
            "80300013": (400, "The receipt address is invalid"),
            "80600003": (500, "Failed to request the OAuth service"),
            "81000001": (500, "An internal error of the system occurred"),
        ]
        for number in 1...13 { table["820000\(number < 10 ? "0" : "")\(number)"] = (400, "Topic error \(number)") }
        return table
    }()

    static func response(_ code: String, _ message: String?, requestId: String) -> SimulatorResponse? {
        guard let row = statuses[code] else { return nil }
        return .json(row.status, body(code, message ?? row.text, requestId: requestId))
    }

    /// - Parameter code: nil: an answer of Huawei's gateway, in front of the push service.
    static func body(_ code: String?, _ message: String, requestId: String) -> String {
        var members: [String: JSONValue] = ["msg": .string(message), "requestId": .string(requestId)]
        members["code"] = code.map { .string($0) }
        return JSONValue.object(members).text
    }

    /// `msg` of a call in which tokens were refused: JSON text inside the JSON.
    static func illegalTokens(_ tokens: [String], of count: Int) -> String {
        let list = JSONValue.array(tokens.map { .string($0) }).text
        return #"{"success":\#(count - tokens.count),"failure":\#(tokens.count),"illegal_tokens":\#(list)}"#
    }
}
