import Crypto
import Foundation

/// What Meizu allows in the form of `varnished/pushByPushId`.
struct MeizuRules {
    static let mostTokens = 100
    private static let names: Set<String> = ["appId", "pushIds", "messageJson", "sign"]
    let tokens: [String]
    let message: JSONValue

    private static let schema = FieldRule.members(
        [
            "noticeBarInfo": .members(
                [
                    "noticeMsgType": .zeroOrOne, "noticeBarType": .integer(0...2), "title": .text(1...32),
                    "content": .text(1...100),
                ], required: ["title", "content"]),
            "noticeExpandInfo": .members(["noticeExpandType": .zeroOrOne, "noticeExpandContent": .anyText]),
            "clickTypeInfo": .members([
                "clickType": .integer(0...2), "url": .anyText, "activity": .anyText, "parameters": .object,
                "customAttribute": .anyText,
            ]),
            "pushTimeInfo": .members(["offLine": .zeroOrOne, "validTime": .integer(1...72)]),
            "advanceInfo": .members([
                "suspend": .zeroOrOne, "clearNoticeBar": .zeroOrOne, "fixDisplay": .zeroOrOne,
                "fixStartDisplayTime": .anyText, "fixEndDisplayTime": .anyText,
                "notificationType": .members(["vibrate": .zeroOrOne, "lights": .zeroOrOne, "sound": .zeroOrOne]),
                "notifyKey": .text(0...8),
            ]),
            "extra": .members(
                ["callback": .text(1...128), "callback.param": .anyText, "callback.type": .integer(1...3)],
                required: ["callback"]),
        ], required: ["noticeBarInfo"])

    init(_ form: FormFields, appId: String, secret: String) throws(MeizuError) {
        if let name = form.repeated { throw MeizuError("1005", "\(name) comes twice") }
        if let name = form.values.keys.sorted().first(where: { !Self.names.contains($0) }) {
            throw MeizuError("1005", "\(name) is unknown")
        }
        for name in Self.names.sorted() where (form[name] ?? "").isEmpty {
            throw MeizuError("110004", "\(name) is empty")
        }
        guard form["appId"] == appId else { throw MeizuError("110000", "appId is unknown") }
        guard form["sign"] == Self.sign(form.values, secret: secret) else {
            throw MeizuError("1006", "sign is wrong")
        }
        tokens = (form["pushIds"] ?? "").split(separator: ",").map(String.init)
        guard (1...Self.mostTokens).contains(tokens.count) else {
            throw MeizuError("1005", "the number of pushIds is not 1 to 100")
        }
        guard let json = form["messageJson"].flatMap({ try? JSONParser.parse($0) }) else {
            throw MeizuError("1005", "messageJson is no JSON")
        }
        if let violation = Self.schema.violation(of: json) {
            throw MeizuError("1005", "messageJson: \(violation.text)")
        }
        message = json
        try checkMessage()
    }

    /// MD5 in lower-case hexadecimal digits of all parameters, sorted by name, `name=value` without anything between
    /// them, then the secret; of the values as they are, not of their URL form.
    static func sign(_ parameters: [String: String], secret: String) -> String {
        let text = parameters.filter { $0.key != "sign" }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            .joined()
        return Insecure.MD5.hash(data: Data((text + secret).utf8)).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private func checkMessage() throws(MeizuError) {
        func isEmpty(_ value: JSONValue?) -> Bool { (value?.string ?? "").isEmpty }
        func refuse(_ reason: String) -> MeizuError { MeizuError("1005", "messageJson: \(reason)") }
        let click = message["clickTypeInfo"]
        switch click?["clickType"]?.integer {
        case 1: if isEmpty(click?["activity"]) { throw refuse("clickType 1 needs activity") }
        case 2: if isEmpty(click?["url"]) { throw refuse("clickType 2 needs url") }
        default: break
        }
        if (click?["customAttribute"]?.string?.utf8.count ?? 0) > 1000 {
            throw refuse("customAttribute is longer than 1000 bytes")
        }
        if message["noticeBarInfo"]?["noticeBarType"]?.integer == 1 { throw refuse("noticeBarType is not 0 or 2") }
        let expand = message["noticeExpandInfo"]
        if expand?["noticeExpandType"]?.integer == 1, isEmpty(expand?["noticeExpandContent"]) {
            throw refuse("noticeExpandType 1 needs noticeExpandContent")
        }
        if let key = notifyKey, !key.utf8.allSatisfy(Self.isKeyByte) { throw refuse("notifyKey has other characters") }
        let extra = message["extra"]
        if (extra?["callback"]?.string?.utf8.count ?? 0) > 128 { throw refuse("callback is longer than 128 bytes") }
        if (extra?["callback.param"]?.string?.utf8.count ?? 0) > 64 {
            throw refuse("callback.param is longer than 64 bytes")
        }
    }

    var notifyKey: String? { message["advanceInfo"]?["notifyKey"]?.string.flatMap { $0.isEmpty ? nil : $0 } }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Meizu's answers: HTTP 200, the code is a text in the body.
struct MeizuError: Error {
    let code: String
    let message: String

    init(_ code: String, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Codes of a whole call.
    static let callCodes: [String: String] = [
        "500": "other error", "1001": "system error", "1003": "server busy", "1005": "parameter error",
        "1006": "signature authentication failed", "110000": "illegal appId", "110001": "illegal appKey",
        "110004": "parameter must not be empty", "110009": "the app is in the blacklist",
        "110010": "the app pushes too fast", "110019": "daily volume used up", "110031": "no permission",
        "110032": "no permission", "110033": "no permission", "110051": "daily volume used up",
        "110053": "pass-through exceeds the limit",
    ]

    /// Codes of single ids, in `value` of a call with code 200.
    static let idCodes: Set<String> = [
        "201", "501", "513", "519", "520", "110002", "110003", "110005", "110010", "110011",
    ]

    static func response(_ code: String, _ message: String? = nil, status: Int = 200) -> SimulatorResponse? {
        guard let text = callCodes[code] else { return nil }
        return .json(
            status,
            JSONValue.object([
                "code": .string(code), "message": .string(message ?? text), "value": "", "redirect": "",
            ]).text)
    }
}
