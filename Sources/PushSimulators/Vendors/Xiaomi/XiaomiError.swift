/// Mi Push's answers: always HTTP 200, the result is in the body.
struct XiaomiError: Error {
    let code: Int64
    let message: String

    init(_ code: Int64, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Every code of the table but 0.
    static let descriptions: [Int64: String] = [
        -1: "unknown error", 1: "error", 10_001: "system error", 10_002: "service unavailable",
        10_003: "remote service error", 10_008: "parameter error", 10_012: "illegal request",
        10_016: "a required parameter is missing", 10_017: "illegal parameter value",
        10_027: "too many requests of this app", 10_029: "illegal device", 10_031: "the app is in the blacklist",
        10_034: "the app's daily volume is used up", 10_036: "forbidden", 10_037: "the request has expired",
        20_209: "illegal content", 20_301: "sending failed", 20_607: "internal error", 21_301: "authentication failed",
        21_302: "authentication of this channel failed", 21_303: "authentication of this app failed",
        21_305: "cacheable parameter error", 22_000: "illegal app", 22_006: "illegal app id",
        22_007: "illegal app key", 22_022: "illegal package name", 22_102: "database error",
        26_003: "message queue busy", 26_004: "sending too fast", 26_006: "the content was not approved",
        27_001: "the channel does not fit", 65_003: "unknown device", 65_009: "illegal message content",
        65_014: "illegal callback", 65_015: "illegal callback parameter", 65_028: "not sent",
        65_029: "temporary failure", 65_036: "illegal field", 65_037: "illegal field value", 65_038: "field too long",
        200_001: "daily volume of the app", 200_002: "rate of the app",
    ]

    static func response(
        _ code: Int64, _ reason: String? = nil, traceId: String, status: Int = 200
    ) -> SimulatorResponse? {
        guard let description = descriptions[code] else { return nil }
        return .json(
            status,
            JSONValue.object([
                "result": "error", "trace_id": .string(traceId), "code": .integer(code),
                "description": .string(description), "reason": .string(reason ?? description),
            ]).text)
    }
}
