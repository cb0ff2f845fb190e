import Foundation
import PushSimulators
import Testing

@Suite struct OPPOSimulatorTests {
    typealias Client = SimulatorClient

    static func code(_ reply: Client.Reply) -> Int? { reply.json["code"] as? Int }

    static func items(_ reply: Client.Reply) -> [[String: any Sendable]] {
        reply.json["data"] as? [[String: any Sendable]] ?? []
    }

    @Test func `one message arrives`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendOPPO(Client.oppoMessage(), token: client.oppoToken())
            #expect(reply.status == 200 && Self.code(reply) == 0)
            let push = try #require(client.simulator.pushes().first)
            #expect((reply.json["data"] as? [String: any Sendable])?["messageId"] as? String == push.vendorId)
            #expect(push.vendor == .oppo && push.token == "CN_1" && push.messageId == "m1" && push.replaceKey == "7")
            #expect(push.title == "Hi" && push.body == "There" && push.form == .visible && push.payload.contains("IM"))
        }
    }

    @Test func `a wrong login is refused with the code for what is wrong`() async throws {
        try await Client.run { client async throws in
            let login = try await client.loginOPPO()
            let data = try #require(login.json["data"] as? [String: any Sendable])
            #expect((data["auth_token"] as? String)?.isEmpty == false && data["create_time"] is Int)
            #expect(try await Self.code(client.loginOPPO(key: "other")) == 14)
            #expect(try await Self.code(client.loginOPPO(changed: ["app_key": nil])) == 15)
            #expect(try await Self.code(client.loginOPPO(secret: "other")) == 16)
            #expect(try await Self.code(client.loginOPPO(changed: ["sign": nil])) == 17)
            #expect(try await Self.code(client.loginOPPO(changed: ["timestamp": nil])) == 18)
            #expect(try await Self.code(client.loginOPPO(timestamp: Client.now - 601_000)) == 19)
            #expect(try await Self.code(client.loginOPPO(timestamp: Client.now + 660_000)) == 19)
            #expect(try await Self.code(client.loginOPPO(timestamp: Client.now / 1000)) == 19)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: nil)) == 29)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: "other")) == 11)
            let got = try await client.request(.GET, client.setting("endpoint", of: .oppo) + "/server/v1/auth")
            #expect(Self.code(got) == 12)
            #expect(client.simulator.refusals.count == 11)
        }
    }

    @Test func `a token ends after a day`() async throws {
        let clock = TestClock()
        try await Client.run {
            $0.clock = { clock.milliseconds }
        } _: { client async throws in
            let reply = try await client.loginOPPO(timestamp: Int(clock.milliseconds))
            let token = (reply.json["data"] as? [String: any Sendable])?["auth_token"] as? String
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: token)) == 0)
            clock.advance(seconds: 86_400)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(id: "m2"), token: token)) == 11)
        }
    }

    @Test func `each field has its rule`() async throws {
        func text(_ count: Int) -> String { String(repeating: "字", count: count) }
        let wrong: [(String, Any?, Int)] = [
            ("title", nil, 40), ("title", "", 40), ("title", text(51), 41), ("title", 5, 41), ("content", nil, 40),
            ("content", text(51), 41), ("sub_title", text(11), 41), ("style", 3, 41), ("click_action_type", 3, 41),
            ("click_action_type", 2, 40), ("click_action_type", 4, 40), ("click_action_url", text(2001), 41),
            ("click_action_activity", text(501), 41), ("action_parameters", "no JSON", 41),
            ("action_parameters", ["messageId": "m1"], 41), ("action_parameters", "{\"a\":\"\(text(4000))\"}", 41),
            ("off_line", "true", 41), ("off_line_ttl", 864_001, 41), ("off_line_ttl", -1, 41),
            ("off_line_ttl", "60", 41), ("show_ttl", 86_401, 41), ("network_type", 2, 41), ("channel_id", "", 41),
            ("notify_id", "7", 41), ("notify_id", 2_147_483_648, 41), ("notify_level", 3, 67), ("category", nil, 67),
            ("category", "im", 67), ("call_back_url", "https://\(text(200))", 41), ("call_back_url", "x", 41),
            ("call_back_parameter", text(101), 41),
        ]
        try await Client.run { client async throws in
            let token = try await client.oppoToken()
            for (name, value, code) in wrong {
                let reply = try await client.sendOPPO(Client.oppoMessage(with: [name: value]), token: token)
                #expect(reply.status == 200 && Self.code(reply) == code, "\(name)")
            }
            for (name, value, code) in [("target_type", 3, 41), ("target_value", "", 40)] as [(String, Any, Int)] {
                var message = Client.oppoMessage()
                message[name] = value
                #expect(try await Self.code(client.sendOPPO(message, token: token)) == code)
            }
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage("a b"), token: token)) == 10000)
            #expect(client.simulator.pushes().isEmpty && client.simulator.refusals.count == wrong.count + 3)
            let right: [String: Any?] = [
                "title": text(50), "content": text(128), "style": 2, "click_action_type": 5,
                "click_action_url": "intent:#Intent;end", "off_line": false, "call_back_parameter": text(100),
            ]
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(with: right), token: token)) == 0)
        }
    }

    @Test func `the same app_message_id reaches a target once`() async throws {
        try await Client.run { client async throws in
            let token = try await client.oppoToken()
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: token)) == 0)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: token)) == 32)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage("CN_2"), token: token)) == 0)
            #expect(client.simulator.alertsRung(token: "CN_1", messageId: "m1") == 1)
            #expect(client.simulator.visible(token: "CN_1").count == 1)
            #expect(client.simulator.pushes { $0.discarded == .repeated }.count == 1)
        }
    }

    @Test func `a batch is answered item by item`() async throws {
        try await Client.run { client async throws in
            let token = try await client.oppoToken()
            try client.simulator.inject(.deadTokens(["CN_3"], code: nil, timestamp: nil), into: .oppo)
            let batch = [
                Client.oppoMessage("CN_1"), Client.oppoMessage("CN_2", with: ["title": nil]),
                Client.oppoMessage("CN_3"), Client.oppoMessage("CN_1"), Client.oppoMessage("a b"),
                Client.oppoMessage("CN_4"),
            ]
            let reply = try await client.sendOPPO(batch: batch, token: token)
            #expect(Self.code(reply) == 0)
            let items = Self.items(reply)
            #expect(items.map { $0["errorCode"] as? Int } == [nil, 40, 10000, 32, 10000, nil])
            #expect(items.map { $0["registrationId"] as? String } == ["CN_1", "CN_2", "CN_3", "CN_1", "a b", "CN_4"])
            #expect(client.simulator.pushes { $0.isShown }.map(\.token) == ["CN_1", "CN_4"])
            #expect(client.simulator.pushes().first?.vendorId == items[0]["messageId"] as? String)
            #expect(try await Self.code(client.sendOPPO(batch: [], token: token)) == 41)
            #expect(
                try await Self.code(
                    client.postForm(
                        "/server/v1/message/notification/unicast_batch", vendor: .oppo, ["auth_token": token])) == 40)
        }
    }

    @Test func `a batch has at most a thousand messages, and a part of it can fail`() async throws {
        try await Client.run { client async throws in
            let token = try await client.oppoToken()
            let batch = (1...1001).map {
                Client.oppoMessage("CN_\($0)", with: ["content": String(repeating: "字", count: 50)])
            }
            #expect(try await Self.code(client.sendOPPO(batch: batch, token: token)) == 41)
            #expect(client.simulator.pushes().isEmpty)
            try client.simulator.inject(.partialBatch(every: 10), into: .oppo, requests: 1)
            let failed = Self.items(try await client.sendOPPO(batch: Array(batch.prefix(1000)), token: token))
                .filter { $0["errorCode"] as? Int == -1 }
            #expect(failed.count == 100 && failed.first?["registrationId"] as? String == "CN_10")
            #expect(client.simulator.counters(.oppo).accepted == 900)
        }
    }

    @Test func `the token may be in a header`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.postForm(
                "/server/v1/message/notification/unicast", vendor: .oppo,
                ["message": Client.json(Client.oppoMessage())], headers: [("auth_token", client.oppoToken())])
            #expect(Self.code(reply) == 0)
        }
    }

    @Test func `every code of the table can be asked for, for pushes and logins`() async throws {
        try await Client.run { client async throws in
            let token = try await client.oppoToken()
            let codes = [-2, -1] + Array(11...34) + [40, 41, 51, 55, 59, 67, 10000]
            for code in codes {
                try client.simulator.inject(.code(String(code)), into: .oppo, requests: 1)
                #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: token)) == code)
            }
            #expect(client.simulator.pushes().isEmpty)
            try client.simulator.inject(.code("28"), into: .oppo, on: .login, requests: 1)
            try client.simulator.inject(.expiredAuthorization, into: .oppo, requests: 1)
            #expect(try await Self.code(client.loginOPPO()) == 28)
            #expect(try await Self.code(client.sendOPPO(Client.oppoMessage(), token: token)) == 11)
            #expect(throws: VendorSimulatorError.self) { try client.simulator.inject(.code("99"), into: .oppo) }
        }
    }
}
