/// The result codes of vivo's server API, as far as they are known.
enum VivoResult {
    static let success = 0
    static let authorizationFailed = 10000
    static let missingTarget = 10050
    static let notifyType = 10054
    static let emptyTitle = 10055
    static let longTitle = 10056
    static let otherApp = 10094
    static let category = 10096
    static let classification = 10097
    static let tooManySends = 10072
    static let tooManyLogins = 10093
    static let illegalRegId = 10302
    // Which of 10200 to 10207 is for which parameter is not documented; the simulator keeps them apart in this way.
    static let parameters = 10200
    static let content = 10201
    static let timeToLive = 10202
    static let skip = 10203
    static let customMap = 10204
    static let requestId = 10205
    static let recipients = 10206
    static let task = 10207

    /// Every code that can be asked for.
    static let texts: [Int: String] = {
        var texts = [
            0: "success", 10000: "authorization failed", 10040: "resource has reached its limit, try later",
            10043: "refused", 10045: "refused", 10050: "alias and regId are both empty",
            10051: "unsupported push type", 10054: "illegal notifyType", 10055: "title must not be empty",
            10056: "title is too long", 10070: "the day's operational messages are used up",
            10071: "outside of the hours for operational messages", 10072: "too many requests in a second",
            10073: "the day's system messages are used up", 10085: "illegal content", 10093: "too many logins",
            10094: "appId is not the authToken's", 10096: "illegal category",
            10097: "category does not match classification", 10104: "illegal content: test wording",
            10252: "the day's list messages are used up", 10254: "the day's full pushes are used up",
            10302: "illegal regId",
        ]
        for code in 10200...10207 { texts[code] = "illegal parameter" }
        return texts
    }()

    static func members(_ result: Int, _ detail: String? = nil) -> [String: JSONValue] {
        ["result": .integer(Int64(result)), "desc": .string(detail ?? texts[result] ?? "refused")]
    }

    /// vivo answers 200 and says in the body what it thinks.
    static func response(
        _ result: Int, status: Int = 200, refusal: String? = nil
    ) -> SimulatorResponse {
        .json(
            status, JSONValue.object(members(result, refusal)).text, refusal: refusal.map { "\(result): \($0)" })
    }
}
