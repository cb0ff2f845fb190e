import Foundation
import PushSimulators
import Testing

@Suite struct HonorSimulatorTests {
    typealias Client = SimulatorClient

    static func code(_ reply: Client.Reply) -> Int? { reply.json["code"] as? Int }

    @Test(arguments: ["/auth/token", "/auth/realms/developer/protocol/openid-connect/token"])
    func `a login opens the way`(_ path: String) async throws {
        try await Client.run { client async throws in
            let login = try await client.honorLogin(path: path)
            #expect(login.status == 200 && login.json["expires_in"] as? Int == 3600)
            let reply = try await client.sendHonor(
                Client.honorBody(notification: #","notifyId":9,"badge":{"badgeClass":"a.B","setNum":3}"#),
                access: login.json["access_token"] as? String)
            let push = try #require(client.simulator.pushes().first)
            #expect(
                reply.body == """
                    {"code":200,"data":{"expireTokens":[],"failTokens":[],"requestId":"\(push.vendorId)",\
                    "sendResult":true},"message":"success"}
                    """)
            #expect(push.vendor == .honor && push.token == "t1" && push.messageId == "m1" && push.isShown)
            #expect(push.title == "Hi" && push.body == "There" && push.replaceKey == "9")
            #expect(push.timeToLive == 60_000 && push.receiptTag == "b1")
        }
    }

    @Test func `data alone is silent`() async throws {
        try await Client.run { client async throws in
            let body = #"{"data":"{\"messageId\":\"m1\"}","token":["t1"]}"#
            #expect(try await Self.code(client.sendHonor(body, access: client.honorToken())) == 200)
            #expect(client.simulator.pushes().map(\.form) == [.silent])
        }
    }

    @Test func `logins and access tokens are checked`() async throws {
        try await Client.run { client async throws in
            let wrong = try await client.honorLogin(secret: "wrong")
            #expect(wrong.status == 401 && wrong.json["error"] as? String == "invalid_client")
            let other = try await client.honorLogin(client.simulator.credentials.honorOther)
            let foreign = try await client.sendHonor(access: other.json["access_token"] as? String)
            #expect(foreign.status == 401 && Self.code(foreign) == 80_200_001)
            #expect(try await Self.code(client.sendHonor(access: "x")) == 80_200_001)
        }
        try await Client.run {
            $0.accessTokenSeconds = 0
        } _: { client async throws in
            let late = try await client.sendHonor(access: client.honorToken())
            #expect(late.status == 401 && Self.code(late) == 80_200_003)
        }
    }

    @Test func `wrong messages are refused with their codes`() async throws {
        let many = (0...1000).map { "\"t\($0)\"" }.joined(separator: ",")
        let long = String(repeating: "a", count: 4096)
        typealias C = Client
        let wrong: [(Int, String)] = [
            (80_100_003, "{"), (80_100_003, #"{"message":{"token":["t1"]}}"#), (80_300_010, C.honorBody(tokens: "")),
            (80_300_010, C.honorBody(tokens: many)), (80_100_003, C.honorBody(tokens: "5")),
            (80_300_010, #"{"data":"x"}"#), (80_100_003, #"{"token":["t1"]}"#),
            (80_100_003, #"{"token":["t1"],"data":{"messageId":"m1"}}"#),
            (80_100_003, C.honorBody(notification: #","notify_id":5"#)),
            (80_100_003, C.honorBody(android: #","collapse_key":5"#)),
            (80_300_008, C.honorBody(more: #","notification":{"title":"\#(long)"}"#)),
            (80_100_004, C.honorBody().replacing("60s", with: "60")),
            (80_100_004, C.honorBody().replacing("60s", with: "1296001s")),
            (80_100_003, C.honorBody().replacing(#""60s""#, with: "60")),
            (80_100_003, C.honorBody(action: #""tag":"a""#)),
            (80_100_003, C.honorBody(action: #""clickAction":{"type":1}"#)),
            (80_100_003, C.honorBody(action: #""clickAction":{"type":2}"#)),
            (80_100_001, C.honorBody(action: #""clickAction":{"type":4}"#)),
            (80_100_001, C.honorBody(action: #""clickAction":{"type":2,"url":"http://a.example"}"#)),
            (80_100_003, C.honorBody(notification: #","badge":{"setNum":3}"#)),
            (80_100_001, C.honorBody(notification: #","badge":{"badgeClass":"a.B","setNum":100}"#)),
            (80_100_001, C.honorBody(notification: #","importance":"HIGH""#)),
            (80_100_003, C.honorBody(notification: #","style":1"#)),
            (80_100_001, C.honorBody(notification: #","buttons":[{"name":"\#(long.prefix(41))","actionType":0}]"#)),
            (80_100_003, C.honorBody().replacing(#""title":"Hi","#, with: "")),
        ]
        try await Client.run { client async throws in
            let access = try await client.honorToken()
            for (code, body) in wrong {
                let reply = try await client.sendHonor(body, access: access)
                #expect(reply.status == 200 && Self.code(reply) == code, "\(body.prefix(300)) \(reply.body)")
            }
            for timestamp in [nil, "soon", "1700000000"] {
                #expect(try await Self.code(client.sendHonor(access: access, timestamp: timestamp)) == 80_100_001)
            }
            #expect(client.simulator.pushes().isEmpty)
        }
    }

    @Test func `failed and expired tokens are named apart`() async throws {
        try await Client.run { client async throws in
            let access = try await client.honorToken()
            let body = Client.honorBody(tokens: #""t1","t2","t3","t4""#)
            func send() async throws -> (Int?, Bool?, [String]?, [String]?) {
                let reply = try await client.sendHonor(body, access: access)
                let data = reply.json["data"] as? [String: any Sendable]
                return (
                    Self.code(reply), data?["sendResult"] as? Bool, data?["failTokens"] as? [String],
                    data?["expireTokens"] as? [String]
                )
            }
            try client.simulator.inject(.deadTokens(["t2"], code: nil, timestamp: nil), into: .honor)
            #expect(try await send() == (200, true, [], ["t2"]))
            try client.simulator.inject(.partialBatch(every: 2), into: .honor)
            #expect(try await send() == (80_100_000, true, ["t4"], ["t2"]))
            #expect(client.simulator.pushes().map(\.token) == ["t1", "t3", "t4", "t1", "t3"])
            client.simulator.clearFaults(.honor)
            try client.simulator.inject(.deadTokens(nil, code: nil, timestamp: nil), into: .honor)
            #expect(try await send() == (200, false, [], ["t1", "t2", "t3", "t4"]))
        }
    }

    @Test func `every code can be asked for`() async throws {
        try await Client.run { client async throws in
            for code in [80_100_000, 80_100_001, 80_100_003, 80_200_001, 80_200_003, 80_300_007, 81_000_001] {
                try client.simulator.inject(.code("\(code)"), into: .honor, requests: 1)
                #expect(try await Self.code(client.sendHonor(access: nil)) == code)
            }
            try client.simulator.inject(.code("200"), into: .honor, requests: 1)
            let reply = try await client.sendHonor(access: nil)
            #expect((reply.json["data"] as? [String: any Sendable])?["sendResult"] as? Bool == false)
            for status in [401, 403, 429, 500, 502, 503] {
                try client.simulator.inject(.code("\(status)"), into: .honor, requests: 1)
                #expect(try await client.sendHonor(access: nil).status == status)
            }
        }
    }
}
