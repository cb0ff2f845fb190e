import AsyncHTTPClient
import Crypto
import Foundation
import NIOHTTP1
import PushSimulators

/// Requests to the vendors with batches, written from their documentation.
extension SimulatorClient {
    var base: String { "https://127.0.0.1:\(simulator.httpsPort)" }

    static func form(_ fields: [String: String]) -> String {
        fields.map { name, value in
            let escaped = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return "\(name)=\(escaped)"
        }.joined(separator: "&")
    }

    func postForm(
        _ path: String, _ fields: [String: String], headers: [(String, String)] = []
    ) async throws -> Reply {
        try await request(
            .POST, base + path, headers: headers + [("content-type", "application/x-www-form-urlencoded")],
            body: Self.form(fields))
    }

    private func clientLogin(_ path: String, id: String, secret: String, grant: String) async throws -> Reply {
        try await postForm(path, ["grant_type": grant, "client_id": id, "client_secret": secret])
    }

    // MARK: Huawei

    func huaweiLogin(
        _ app: VendorSimulator.Credentials.HuaweiApp? = nil, secret: String? = nil,
        grant: String = "client_credentials", path: String = "/oauth2/v3/token"
    ) async throws -> Reply {
        let app = app ?? simulator.credentials.huawei
        return try await clientLogin(path, id: app.appId, secret: secret ?? app.clientSecret, grant: grant)
    }

    func huaweiToken() async throws -> String { try await huaweiLogin().json["access_token"] as? String ?? "" }

    static func huaweiBody(
        tokens: String = #""t1""#, android: String = "", notification: String = "", more: String = "",
        action: String = #""click_action":{"type":3}"#
    ) -> String {
        """
        {"message":{"data":"{\\"messageId\\":\\"m1\\",\\"page\\":7}","android":{"ttl":"60s","bi_tag":"b1",\
        "notification":{"title":"Hi","body":"There",\(action)\(notification)}\(android)},"token":[\(tokens)]\(more)}}
        """
    }

    func sendHuawei(
        _ body: String = huaweiBody(), access: String?, version: String = "v2", id: String? = nil,
        type: String = "application/json;charset=UTF-8", method: HTTPMethod = .POST
    ) async throws -> Reply {
        let app = simulator.credentials.huawei
        let id = id ?? (version == "v1" ? app.appId : app.projectId)
        return try await request(
            method, base + "/\(version)/\(id)/messages:send",
            headers: [("content-type", type)] + (access.map { [("authorization", "Bearer \($0)")] } ?? []),
            body: body)
    }

    // MARK: HONOR

    func honorLogin(
        _ app: VendorSimulator.Credentials.HonorApp? = nil, secret: String? = nil, path: String = "/auth/token"
    ) async throws -> Reply {
        let app = app ?? simulator.credentials.honor
        return try await clientLogin(
            path, id: app.clientId, secret: secret ?? app.clientSecret, grant: "client_credentials")
    }

    func honorToken() async throws -> String { try await honorLogin().json["access_token"] as? String ?? "" }

    static func honorBody(
        tokens: String = #""t1""#, android: String = "", notification: String = "", more: String = "",
        action: String = #""clickAction":{"type":3}"#
    ) -> String {
        """
        {"data":"{\\"messageId\\":\\"m1\\"}","android":{"ttl":"60s","biTag":"b1","notification":{"title":"Hi",\
        "body":"There",\(action)\(notification)}\(android)},"token":[\(tokens)]\(more)}
        """
    }

    func sendHonor(
        _ body: String = honorBody(), access: String?, appId: String? = nil, timestamp: String? = "1700000000000"
    ) async throws -> Reply {
        var headers = [("content-type", "application/json")]
        if let access { headers.append(("authorization", "Bearer \(access)")) }
        if let timestamp { headers.append(("timestamp", timestamp)) }
        return try await request(
            .POST, base + "/api/v1/\(appId ?? simulator.credentials.honor.appId)/sendMessage", headers: headers,
            body: body)
    }

    // MARK: Xiaomi

    /// A good notification, but for what is given; what is nil is left out.
    func sendXiaomi(
        _ changed: [String: String?] = [:], key: String? = nil, path: String = "/v3/message/regid"
    ) async throws -> Reply {
        var fields: [String: String?] = [
            "registration_id": "t1", "restricted_package_name": simulator.credentials.xiaomiPackageName,
            "title": "Hi", "description": "There", "pass_through": "0", "notify_type": "-1", "notify_id": "7",
            "time_to_live": "60000", "extra.notify_effect": "1", "extra.messageId": "m1",
        ]
        for (name, value) in changed { fields[name] = value }
        return try await postForm(
            path, fields.compactMapValues { $0 },
            headers: [("authorization", "key=\(key ?? simulator.credentials.xiaomiAppSecret)")])
    }

    // MARK: Meizu

    static let meizuMessage = """
        {"noticeBarInfo":{"title":"Hi & bye","content":"There 你好"},"clickTypeInfo":{"clickType":0,"parameters":\
        {"messageId":"m1"}},"pushTimeInfo":{"offLine":1,"validTime":2},"advanceInfo":{"notifyKey":"abcDEF_-"},\
        "extra":{"callback":"https://gateway.example/r","callback.param":"p1","callback.type":3}}
        """

    /// MD5 of the parameters in the order of their names, which for these three is known.
    static func meizuSign(appId: String, message: String, ids: String, secret: String) -> String {
        let text = "appId=" + appId + "messageJson=" + message + "pushIds=" + ids + secret
        return Insecure.MD5.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    func sendMeizu(
        _ message: String = meizuMessage, ids: String = "t1", appId: String? = nil, sign: String? = nil,
        more: [String: String] = [:], call: String = "varnished"
    ) async throws -> Reply {
        let credentials = simulator.credentials
        let appId = appId ?? credentials.meizuAppId
        let sign =
            sign
            ?? Self.meizuSign(appId: appId, message: message, ids: ids, secret: credentials.meizuAppSecret)
        let fields = ["appId": appId, "pushIds": ids, "messageJson": message, "sign": sign]
        return try await postForm(
            "/garcia/api/server/push/\(call)/pushByPushId", fields.merging(more) { _, new in new })
    }
}
