/// What HONOR allows in the body of `sendMessage`.
struct HonorRules {
    static let mostTokens = 1000
    private static let mostBytes = 4096
    private static let mostSeconds: Int64 = 1_296_000
    let message: JSONValue
    let tokens: [String]

    private static let schema = FieldRule.members([
        "data": .anyText,
        "notification": .members(["title": .anyText, "body": .anyText, "image": .secureURL]),
        "android": .members([
            "ttl": .anyText, "biTag": .anyText, "data": .anyText, "targetUserType": .zeroOrOne,
            "notification": notification,
        ]),
        "token": .list(.anyText, most: .max),
    ])

    private static let notification = FieldRule.members(
        [
            "title": .anyText, "body": .anyText, "image": .secureURL, "style": .zeroOrOne, "bigTitle": .anyText,
            "bigBody": .anyText, "importance": .choice(["LOW", "NORMAL"]), "when": .anyText,
            "notifyId": .anyInteger, "tag": .anyText, "group": .anyText,
            "clickAction": .members(
                ["type": .integer(1...3), "intent": .anyText, "action": .anyText, "url": .secureURL],
                required: ["type"]),
            "buttons": .list(
                .members(
                    [
                        "name": .text(1...40), "actionType": .integer(0...2), "intentType": .anyInteger,
                        "intent": .anyText, "data": .text(0...1024),
                    ], required: ["name", "actionType"]), most: 3),
            "badge": .members(
                ["addNum": .integer(1...99), "badgeClass": .text(1...1024), "setNum": .integer(0...99)],
                required: ["badgeClass"]),
        ], required: ["clickAction"])

    /// - Parameter bytes: the length of the whole body.
    init(_ json: JSONValue, bytes: Int) throws(HonorError) {
        if let violation = Self.schema.violation(of: json) {
            throw HonorError(violation.kind == .structure ? 80_100_003 : 80_100_001, violation.text)
        }
        message = json
        tokens = json["token"]?.array?.compactMap(\.string) ?? []
        guard (1...Self.mostTokens).contains(tokens.count) else {
            throw HonorError(80_300_010, "the number of tokens must be 1 to 1000")
        }
        let tokenBytes = tokens.reduce(0) { $0 + $1.utf8.count + 3 }
        guard bytes - tokenBytes <= Self.mostBytes else {
            throw HonorError(80_300_008, "the message body is \(bytes - tokenBytes) bytes long")
        }
        if let ttl = android?["ttl"]?.string {
            guard let seconds = HuaweiRules.seconds(ttl), seconds <= Self.mostSeconds else {
                throw HonorError(80_100_004, "ttl must be \"0s\" to \"1296000s\"")
            }
        }
        guard isVisible || data != nil else { throw HonorError(80_100_003, "neither data nor notification") }
        if isVisible { try checkNotification() }
    }

    var android: JSONValue? { message["android"] }
    var isVisible: Bool { message["notification"] != nil || android?["notification"] != nil }
    var title: String? { android?["notification"]?["title"]?.string ?? message["notification"]?["title"]?.string }
    var body: String? { android?["notification"]?["body"]?.string ?? message["notification"]?["body"]?.string }
    var data: String? { android?["data"]?.string ?? message["data"]?.string }

    private func checkNotification() throws(HonorError) {
        func isEmpty(_ text: String?) -> Bool { (text ?? "").isEmpty }
        guard let notification = android?["notification"], let action = notification["clickAction"] else {
            throw HonorError(80_100_003, "android.notification.clickAction is missing")
        }
        guard !isEmpty(title) else { throw HonorError(80_100_003, "title is missing") }
        guard !isEmpty(body) else { throw HonorError(80_100_003, "body is missing") }
        switch action["type"]?.integer {
        case 1:
            guard !isEmpty(action["intent"]?.string) || !isEmpty(action["action"]?.string) else {
                throw HonorError(80_100_003, "clickAction of type 1 needs intent or action")
            }
        case 2:
            guard action["url"] != nil else { throw HonorError(80_100_003, "clickAction of type 2 needs url") }
        default: break
        }
        if notification["style"]?.integer == 1 {
            guard !isEmpty(notification["bigTitle"]?.string), !isEmpty(notification["bigBody"]?.string) else {
                throw HonorError(80_100_003, "style 1 needs bigTitle and bigBody")
            }
        }
    }
}

/// HONOR's answers: `{"code": <number>, "message": …, "data": {…}}`.
struct HonorError: Error {
    let code: Int64
    let message: String

    init(_ code: Int64, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Codes that are known, most of them only by their likeness to Huawei's. What is wrong with a request comes with
    /// HTTP 200, what is wrong with its authorization with 401.
    static let texts: [Int64: String] = [
        200: "success", 80_100_000: "partial success", 80_100_001: "parameter error",
        80_100_002: "number of tokens error", 80_100_003: "incorrect message structure", 80_100_004: "ttl error",
        80_200_001: "authentication failed", 80_200_003: "access token expired", 80_300_002: "no permission",
        80_300_007: "all tokens are invalid", 80_300_008: "message body too large",
        80_300_010: "number of tokens out of range", 81_000_001: "internal error",
    ]

    static func response(_ code: Int64, _ message: String? = nil, data: JSONValue = .null) -> SimulatorResponse? {
        guard let text = texts[code] else { return nil }
        let isAuthorization = code == 80_200_001 || code == 80_200_003
        return .json(
            isAuthorization ? 401 : 200,
            JSONValue.object(["code": .integer(code), "message": .string(message ?? text), "data": data]).text)
    }
}
