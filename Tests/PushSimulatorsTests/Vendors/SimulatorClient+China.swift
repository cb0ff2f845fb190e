import Crypto
import Foundation
import PushSimulators

/// Requests to OPPO and vivo as their pages describe them.
extension SimulatorClient {
    func setting(_ name: String, of vendor: SimulatedVendor) -> String {
        let text = simulator.credentials.settings(for: vendor)
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return object?[name] as? String ?? ""
    }

    static var now: Int { Int(Date().timeIntervalSince1970 * 1000) }

    static func json(_ value: Any) -> String {
        let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

    func postForm(
        _ path: String, vendor: SimulatedVendor, _ fields: [String: String?], headers: [(String, String)] = []
    )
        async throws -> Reply
    {
        let body = fields.compactMap { name, value in
            value.map { "\(name)=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
        }.joined(separator: "&")
        return try await request(
            .POST, setting("endpoint", of: vendor) + path,
            headers: [("content-type", "application/x-www-form-urlencoded")] + headers, body: body)
    }

    // MARK: OPPO

    func loginOPPO(
        key: String? = nil, timestamp: Int = now, secret: String? = nil, changed: [String: String?] = [:]
    ) async throws -> Reply {
        let key = key ?? setting("appKey", of: .oppo)
        let signed = "\(key)\(timestamp)\(secret ?? setting("masterSecret", of: .oppo))"
        var fields: [String: String?] = [
            "app_key": key, "timestamp": String(timestamp), "sign": Self.hex(SHA256.hash(data: Data(signed.utf8))),
        ]
        for (name, value) in changed { fields[name] = value }
        return try await postForm("/server/v1/auth", vendor: .oppo, fields)
    }

    func oppoToken() async throws -> String {
        (try await loginOPPO().json["data"] as? [String: any Sendable])?["auth_token"] as? String ?? ""
    }

    static func oppoMessage(
        _ target: String = "CN_1", id: String = "m1", with changed: [String: Any?] = [:]
    ) -> [String: Any] {
        var notification: [String: Any] = [
            "app_message_id": "\(id)-0", "title": "Hi", "content": "There", "click_action_type": 0,
            "action_parameters": #"{"messageId":"\#(id)"}"#, "off_line": true, "off_line_ttl": 3600, "notify_id": 7,
            "channel_id": "chat", "category": "IM", "notify_level": 2,
        ]
        for (name, value) in changed { notification[name] = value }
        return ["target_type": 2, "target_value": target, "notification": notification]
    }

    func sendOPPO(_ message: [String: Any], token: String?) async throws -> Reply {
        try await postForm(
            "/server/v1/message/notification/unicast", vendor: .oppo,
            ["auth_token": token, "message": Self.json(message)])
    }

    func sendOPPO(batch: [[String: Any]], token: String?) async throws -> Reply {
        try await postForm(
            "/server/v1/message/notification/unicast_batch", vendor: .oppo,
            ["auth_token": token, "messages": Self.json(batch)])
    }

    // MARK: vivo

    func loginVivo(timestamp: Int = now, secret: String? = nil, changed: [String: Any?] = [:]) async throws -> Reply {
        let appId = setting("appId", of: .vivo)
        let key = setting("appKey", of: .vivo)
        let signed = "\(appId)\(key)\(timestamp)\(secret ?? setting("appSecret", of: .vivo))"
        var body: [String: Any] = [
            "appId": Int(appId) ?? 0, "appKey": key, "timestamp": timestamp,
            "sign": Self.hex(Insecure.MD5.hash(data: Data(signed.utf8))),
        ]
        for (name, value) in changed { body[name] = value }
        return try await postVivo("auth", body, token: nil)
    }

    func vivoToken() async throws -> String { try await loginVivo().json["authToken"] as? String ?? "" }

    func postVivo(_ call: String, _ body: [String: Any], token: String?) async throws -> Reply {
        try await request(
            .POST, setting("endpoint", of: .vivo) + "/message/\(call)",
            headers: [("content-type", "application/json")] + (token.map { [("authToken", $0)] } ?? []),
            body: Self.json(body))
    }

    func vivoMessage(_ changed: [String: Any?] = [:]) -> [String: Any] {
        var body: [String: Any] = [
            "appId": Int(setting("appId", of: .vivo)) ?? 0, "regId": "v1", "title": "Hi", "content": "There",
            "notifyType": 4, "timeToLive": 3600, "skipType": 1, "networkType": -1, "classification": 1,
            "category": "IM", "clientCustomMap": ["messageId": "m1"], "requestId": "r1", "notifyId": 9,
        ]
        for (name, value) in changed { body[name] = value }
        return body
    }

    func vivoList(_ task: String, _ tokens: [String], id: String) -> [String: Any] {
        [
            "appId": Int(setting("appId", of: .vivo)) ?? 0, "taskId": task, "regIds": tokens, "requestId": id,
        ]
    }
}
