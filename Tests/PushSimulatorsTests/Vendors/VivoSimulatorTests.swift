import Foundation
import PushSimulators
import Testing

@Suite struct VivoSimulatorTests {
    typealias Client = SimulatorClient

    static func result(_ reply: Client.Reply) -> Int? { reply.json["result"] as? Int }

    @Test func `one message arrives`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.postVivo("send", client.vivoMessage(), token: client.vivoToken())
            #expect(reply.status == 200 && Self.result(reply) == 0 && reply.json["invalidUser"] == nil)
            let push = try #require(client.simulator.pushes().first)
            #expect(push.vendor == .vivo && push.token == "v1" && push.messageId == "m1" && push.replaceKey == "9")
            #expect(push.title == "Hi" && push.body == "There" && push.vendorId == reply.json["taskId"] as? String)
        }
    }

    @Test func `a wrong login is refused`() async throws {
        try await Client.run { client async throws in
            #expect(try await Self.result(client.loginVivo()) == 0)
            #expect(try await Self.result(client.loginVivo(secret: "other")) == 10000)
            #expect(try await Self.result(client.loginVivo(timestamp: Client.now - 601_000)) == 10000)
            #expect(try await Self.result(client.loginVivo(timestamp: Client.now / 1000)) == 10000)
            #expect(try await Self.result(client.loginVivo(changed: ["appKey": "other"])) == 10000)
            #expect(try await Self.result(client.loginVivo(changed: ["sign": nil])) == 10200)
            #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: nil)) == 10000)
            #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: "x")) == 10000)
            let token = try await client.vivoToken()
            #expect(
                try await Self.result(client.postVivo("send", client.vivoMessage(["appId": 5]), token: token)) == 10094)
        }
    }

    @Test func `each field has its rule`() async throws {
        func text(_ count: Int) -> String { String(repeating: "字", count: count) }
        let wrong: [(String, Any?, Int)] = [
            ("regId", "", 10050), ("regId", "a b", 10302), ("title", nil, 10055), ("title", text(41), 10056),
            ("content", nil, 10201), ("content", text(101), 10201), ("notifyType", nil, 10054),
            ("notifyType", 5, 10054),
            ("timeToLive", 59, 10202), ("timeToLive", 86_401, 10202), ("timeToLive", "60", 10202),
            ("skipType", nil, 10203), ("skipType", 5, 10203), ("skipType", 2, 10203), ("skipType", 4, 10203),
            ("skipContent", text(1025), 10203), ("networkType", 0, 10200), ("classification", 2, 10097),
            ("classification", 0, 10097), ("category", "MARKETING", 10097), ("category", "im", 10096),
            ("clientCustomMap", ["a": 5], 10204), ("clientCustomMap", ["a": text(1024)], 10204),
            ("clientCustomMap", "x", 10204), ("requestId", nil, 10205), ("requestId", text(65), 10205),
            ("pushMode", 2, 10200), ("notifyId", 0, 10200), ("notifyId", 2_147_483_648, 10200),
            ("profileId", text(65), 10200), ("sendOnline", "true", 10200), ("extra", ["callback": text(129)], 10200),
            ("extra", ["callback.param": text(65)], 10200),
        ]
        try await Client.run { client async throws in
            let token = try await client.vivoToken()
            for (name, value, code) in wrong {
                let reply = try await client.postVivo("send", client.vivoMessage([name: value]), token: token)
                #expect(reply.status == 200 && Self.result(reply) == code, "\(name)")
            }
            #expect(client.simulator.pushes().isEmpty && client.simulator.refusals.count == wrong.count)
            let right = client.vivoMessage([
                "title": text(40), "content": text(100), "skipType": 2, "skipContent": "https://example.com",
                "timeToLive": 60, "requestId": String(repeating: "r", count: 64),
            ])
            #expect(try await Self.result(client.postVivo("send", right, token: token)) == 0)
        }
    }

    @Test func `a requestId is for one thing, and a repeat takes the first one's place`() async throws {
        try await Client.run { client async throws in
            let token = try await client.vivoToken()
            for _ in 1...2 {
                #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: token)) == 0)
            }
            #expect(client.simulator.visible(token: "v1").count == 1)
            let other = client.vivoMessage(["regId": "v2"])
            #expect(try await Self.result(client.postVivo("send", other, token: token)) == 10205)
            #expect(client.simulator.pushes { $0.token == "v2" }.isEmpty)
        }
    }

    @Test func `a list takes a saved message`() async throws {
        try await Client.run { client async throws in
            let token = try await client.vivoToken()
            let saved = try await client.postVivo(
                "saveListPayload", client.vivoMessage(["regId": nil]), token: token)
            let task = try #require(saved.json["taskId"] as? String)
            #expect(Self.result(saved) == 0 && client.simulator.pushes().isEmpty)
            let tokens = (1...1000).map { "v\($0)" }
            try client.simulator.inject(.deadTokens(["v7"], code: nil, timestamp: nil), into: .vivo)
            try client.simulator.inject(.partialBatch(every: 500), into: .vivo, requests: 1)
            let reply = try await client.postVivo("pushToList", client.vivoList(task, tokens, id: "l1"), token: token)
            #expect(Self.result(reply) == 0)
            let invalid = try #require(reply.json["invalidUsers"] as? [[String: any Sendable]])
            #expect(invalid.map { $0["userid"] as? String } == ["v7", "v500", "v1000"])
            #expect(invalid.map { $0["status"] as? Int } == [2, 1, 1])
            #expect(client.simulator.counters(.vivo).accepted == 997)
            #expect(client.simulator.alertsRung(token: "v1", messageId: "m1") == 1)
            func refused(_ task: String, _ tokens: [String], _ id: String) async throws -> Int? {
                Self.result(
                    try await client.postVivo("pushToList", client.vivoList(task, tokens, id: id), token: token))
            }
            #expect(try await refused("nope", ["a", "b"], "l2") == 10207)
            #expect(try await refused(task, ["a"], "l3") == 10206)
            #expect(try await refused(task, tokens + ["x"], "l4") == 10206)
            #expect(try await refused(task, ["a", "a"], "l5") == 10206)
            #expect(try await refused(task, ["a", "b"], "l1") == 10205)
            // The same list of the same message is a repeat, though the message was saved again.
            let again = try await client.postVivo(
                "saveListPayload", client.vivoMessage(["regId": nil]), token: token)
            let other = try #require(again.json["taskId"] as? String)
            #expect(other != task)
            #expect(try await refused(other, tokens, "l1") == 0)
            #expect(
                try await Self.result(
                    client.postVivo("saveListPayload", client.vivoMessage(["requestId": "r2"]), token: token)) == 10200)
        }
    }

    @Test func `dead tokens are told in both ways`() async throws {
        try await Client.run { client async throws in
            let token = try await client.vivoToken()
            try client.simulator.inject(.deadTokens(["v1"], code: nil, timestamp: nil), into: .vivo, requests: 1)
            try client.simulator.inject(
                .deadTokens(["v1"], code: "invalidUser.4", timestamp: nil), into: .vivo, requests: 1)
            try client.simulator.inject(.deadTokens(["v1"], code: "10302", timestamp: nil), into: .vivo, requests: 1)
            for status in [2, 4] {
                let reply = try await client.postVivo("send", client.vivoMessage(), token: token)
                let user = reply.json["invalidUser"] as? [String: any Sendable]
                #expect(
                    Self.result(reply) == 0 && user?["userid"] as? String == "v1" && user?["status"] as? Int == status)
            }
            #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: token)) == 10302)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: token)) == 0)
        }
    }

    @Test func `every code of the table can be asked for, for pushes and logins`() async throws {
        try await Client.run { client async throws in
            let token = try await client.vivoToken()
            let codes =
                [
                    10000, 10040, 10043, 10045, 10050, 10051, 10054, 10055, 10056, 10070, 10071, 10072, 10073, 10085,
                    10093, 10094, 10096, 10097, 10104, 10252, 10254, 10302,
                ] + Array(10200...10207)
            for code in codes {
                try client.simulator.inject(.code(String(code)), into: .vivo, requests: 1)
                #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: token)) == code)
            }
            try client.simulator.inject(.code("10093"), into: .vivo, on: .login, requests: 1)
            try client.simulator.inject(.expiredAuthorization, into: .vivo, requests: 1)
            #expect(try await Self.result(client.loginVivo()) == 10093)
            #expect(try await Self.result(client.postVivo("send", client.vivoMessage(), token: token)) == 10000)
            #expect(throws: VendorSimulatorError.self) { try client.simulator.inject(.code("1"), into: .vivo) }
        }
    }
}
