import Foundation
import PushSimulators
import Testing

@Suite struct HuaweiSimulatorTests {
    typealias Client = SimulatorClient

    static func code(_ reply: Client.Reply) -> String? { reply.json["code"] as? String }

    @Test(arguments: ["v1", "v2"]) func `a login opens both versions`(_ version: String) async throws {
        try await Client.run { client async throws in
            let login = try await client.huaweiLogin(path: "/oauth2/\(version == "v1" ? "v2" : "v3")/token")
            #expect(login.status == 200 && login.json["expires_in"] as? Int == 3600)
            #expect(login.json["token_type"] as? String == "Bearer")
            let body = Client.huaweiBody(notification: #","tag":"c1","notify_id":9,"badge":{"set_num":0}"#)
            let reply = try await client.sendHuawei(
                body, access: login.json["access_token"] as? String, version: version)
            let push = try #require(client.simulator.pushes().first)
            #expect(reply.status == 200)
            #expect(reply.body == #"{"code":"80000000","msg":"Success","requestId":"\#(push.vendorId)"}"#)
            #expect(push.vendor == .huawei && push.token == "t1" && push.messageId == "m1")
            #expect(push.title == "Hi" && push.body == "There" && push.isShown && push.replaceKey == "c1")
            #expect(push.timeToLive == 60_000 && push.receiptTag == "b1")
        }
    }

    @Test func `a repeat with the same tag takes the place of the first`() async throws {
        try await Client.run { client async throws in
            let access = try await client.huaweiToken()
            let body = Client.huaweiBody(tokens: #""t1","t2""#, notification: #","tag":"c1""#)
            for _ in 0..<2 { #expect(try await client.sendHuawei(body, access: access).status == 200) }
            #expect(client.simulator.visible(token: "t2").count == 1)
            #expect(client.simulator.alertsRung(token: "t2", messageId: "m1") == 2)
        }
    }

    @Test func `data alone is silent, validate_only delivers nothing`() async throws {
        try await Client.run { client async throws in
            let access = try await client.huaweiToken()
            let silent = #"{"message":{"data":"{\"messageId\":\"m1\"}","android":{"urgency":"HIGH"},"token":["t1"]}}"#
            #expect(try await client.sendHuawei(silent, access: access).status == 200)
            #expect(client.simulator.pushes().map(\.form) == [.silent])
            let dry = Client.huaweiBody().dropLast() + #","validate_only":true}"#
            #expect(try await Self.code(client.sendHuawei(String(dry), access: access)) == "80000000")
            #expect(client.simulator.pushes().last?.discarded == .dryRun)
            #expect(client.simulator.visible(token: "t1").isEmpty)
        }
    }

    @Test func `logins are checked`() async throws {
        try await Client.run { client async throws in
            #expect(try await client.huaweiLogin(secret: "wrong").status == 401)
            #expect(try await client.huaweiLogin(grant: "password").status == 400)
            #expect(client.simulator.refusals.count == 2)
            let other = try await client.huaweiLogin(client.simulator.credentials.huaweiOther)
            let foreign = try await client.sendHuawei(access: other.json["access_token"] as? String)
            #expect(foreign.status == 401 && Self.code(foreign) == "80200001")
            #expect(try await Self.code(client.sendHuawei(access: nil)) == "80200001")
            let access = try await client.huaweiToken()
            #expect(try await Self.code(client.sendHuawei(access: access, id: "other")) == "80200001")
            client.simulator.revokeAccessTokens()
            #expect(try await Self.code(client.sendHuawei(access: access)) == "80200001")
            #expect(client.simulator.pushes().isEmpty)
        }
        try await Client.run {
            $0.accessTokenSeconds = 0
        } _: { client async throws in
            let late = try await client.sendHuawei(access: client.huaweiToken())
            #expect(late.status == 401 && Self.code(late) == "80200003")
        }
    }

    static let wrong: [(String, String)] = {
        let many = (0...1000).map { "\"t\($0)\"" }.joined(separator: ",")
        let long = String(repeating: "a", count: 4096)
        typealias C = Client
        return [
            ("80100003", "[]"), ("80100003", "{"),
            ("80300010", #"{"mesage":{"token":["t1"]}}"#), ("80300010", C.huaweiBody(tokens: "")),
            ("80300010", C.huaweiBody(tokens: many)), ("80100003", C.huaweiBody(tokens: "5")),
            ("80300010", #"{"message":{"data":"x"}}"#), ("80100003", C.huaweiBody(more: #","topic":"news""#)),
            ("82000007", #"{"message":{"data":"x","topic":"a/b"}}"#),
            ("80100003", C.huaweiBody(more: #","colour":"red""#)),
            ("80100003", C.huaweiBody(notification: #","notifyId":5"#)),
            ("80100003", C.huaweiBody(notification: #","notify_id":"5""#)),
            ("80100003", #"{"message":{"token":["t1"],"data":{"messageId":"m1"}}}"#),
            ("80100003", #"{"message":{"token":["t1"]}}"#),
            ("80100003", #"{"message":{"token":["t1"],"notification":{"title":"a","body":"b"}}}"#),
            ("80300008", C.huaweiBody(notification: #","ticker":"\#(long)""#)),
            ("80100004", C.huaweiBody(android: #","ttl":"60""#).replacing(#""ttl":"60s","#, with: "")),
            ("80100004", C.huaweiBody().replacing("60s", with: "1296001s")),
            ("80100004", C.huaweiBody().replacing(#""60s""#, with: "60")),
            ("80100013", C.huaweiBody(android: #","collapse_key":101"#)),
            ("80100013", C.huaweiBody(android: #","collapse_key":"5""#)),
            ("80100001", C.huaweiBody(android: #","category":"GOSSIP""#)),
            ("80100003", C.huaweiBody(android: #","category":"PLAY_VOICE""#)),
            ("80100001", C.huaweiBody(android: #","urgency":"high""#)),
            ("80100001", C.huaweiBody(android: #","target_user_type":2"#)),
            ("80100003", C.huaweiBody(action: #""tag":"a""#)),
            ("80100003", C.huaweiBody(action: #""click_action":{"type":1}"#)),
            ("80100003", C.huaweiBody(action: #""click_action":{"type":2}"#)),
            ("80100001", C.huaweiBody(action: #""click_action":{"type":2,"url":"http://a.example"}"#)),
            ("80100001", C.huaweiBody(action: #""click_action":{"type":5}"#)),
            ("80100003", C.huaweiBody(action: #""click_action":{"type":"3"}"#)),
            ("80100001", C.huaweiBody(notification: #","badge":{"add_num":0}"#)),
            ("80100001", C.huaweiBody(notification: #","badge":{"set_num":100}"#)),
            ("80100003", C.huaweiBody(notification: #","color":"red""#)),
            ("80100003", C.huaweiBody(notification: #","default_sound":false"#)),
            ("80100003", C.huaweiBody(notification: #","style":1,"big_title":"a""#)),
            ("80100003", C.huaweiBody(notification: #","style":3"#)),
            ("80100001", C.huaweiBody(notification: #","inbox_content":["1","2","3","4","5","6"]"#)),
            ("80100001", C.huaweiBody(notification: #","buttons":[{},{},{},{}]"#)),
            ("80100001", C.huaweiBody(notification: #","image":"http://a.example/i.png""#)),
            ("80100001", C.huaweiBody(notification: #","importance":"HUGE""#)),
            ("80100001", C.huaweiBody(notification: #","profile_id":"\#(long.prefix(65))""#)),
            ("80100003", C.huaweiBody().replacing(#""title":"Hi","#, with: "")),
        ]
    }()

    @Test func `wrong messages are refused with their codes`() async throws {
        try await Client.run { client async throws in
            let access = try await client.huaweiToken()
            for (code, body) in Self.wrong {
                let reply = try await client.sendHuawei(body, access: access)
                #expect(reply.status == 400 && Self.code(reply) == code, "\(body.prefix(300)) \(reply.body)")
            }
            #expect(try await Self.code(client.sendHuawei(access: access, type: "text/plain")) == "80100003")
            #expect(try await client.sendHuawei(access: access, method: .PUT).status == 405)
            #expect(client.simulator.pushes().isEmpty)
            #expect(client.simulator.counters(.huawei).refused == Self.wrong.count + 2)
        }
    }

    @Test func `a thousand long tokens do not count as body`() async throws {
        try await Client.run { client async throws in
            let tail = String(repeating: "x", count: 120)
            let tokens = (0..<1000).map { "\"\($0)-\(tail)\"" }.joined(separator: ",")
            let access = try await client.huaweiToken()
            for _ in 0..<2 {
                #expect(
                    try await Self.code(client.sendHuawei(Client.huaweiBody(tokens: tokens), access: access))
                        == "80000000")
            }
            #expect(client.simulator.counters(.huawei).accepted == 2000)
        }
    }

    @Test func `refused tokens are named in JSON inside the JSON`() async throws {
        try await Client.run { client async throws in
            let access = try await client.huaweiToken()
            let body = Client.huaweiBody(tokens: #""t1","t2","t3""#)
            func send() async throws -> (code: String?, message: String) {
                let reply = try await client.sendHuawei(body, access: access)
                #expect(reply.status == 200)
                return (Self.code(reply), reply.json["msg"] as? String ?? "")
            }
            try client.simulator.inject(.partialBatch(every: 2), into: .huawei, requests: 1)
            #expect(try await send() == ("80100000", #"{"success":2,"failure":1,"illegal_tokens":["t2"]}"#))
            #expect(client.simulator.pushes().map(\.token) == ["t1", "t3"])
            try client.simulator.inject(.deadTokens(["t3"], code: nil, timestamp: nil), into: .huawei, requests: 1)
            #expect(try await send() == ("80100000", #"{"success":2,"failure":1,"illegal_tokens":["t3"]}"#))
            try client.simulator.inject(.deadTokens(nil, code: nil, timestamp: nil), into: .huawei, requests: 1)
            #expect(
                try await send() == ("80300007", #"{"success":0,"failure":3,"illegal_tokens":["t1","t2","t3"]}"#))
            try client.simulator.inject(.partialBatch(every: 4), into: .huawei)
            #expect(try await send().code == "80000000")
        }
    }

    @Test func `every code of the table can be asked for`() async throws {
        try await Client.run { client async throws in
            let table = [
                "80000000": 200, "80100000": 200, "80100001": 400, "80100002": 400, "80100003": 400, "80100004": 400,
                "80100013": 400, "80100016": 400, "80100017": 400, "80100018": 400, "80200001": 401, "80200003": 401,
                "80300002": 400, "80300007": 200, "80300008": 400, "80300010": 400, "80300011": 400, "80300013": 400,
                "80600003": 500, "81000001": 500, "82000001": 400, "82000013": 400,
            ]
            for (code, status) in table {
                try client.simulator.inject(.code(code), into: .huawei, requests: 1)
                let reply = try await client.sendHuawei(access: nil)
                #expect(reply.status == status && Self.code(reply) == code)
            }
            for status in [401, 404, 500, 502, 503] {
                try client.simulator.inject(.code("\(status)"), into: .huawei, requests: 1)
                #expect(try await client.sendHuawei(access: nil).status == status)
            }
            #expect(throws: VendorSimulatorError.self) {
                try client.simulator.inject(.code("80999999"), into: .huawei)
            }
        }
    }
}
