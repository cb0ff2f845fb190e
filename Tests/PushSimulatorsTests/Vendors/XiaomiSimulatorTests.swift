import Foundation
import PushSimulators
import Testing

@Suite struct XiaomiSimulatorTests {
    typealias Client = SimulatorClient

    static func code(_ reply: Client.Reply) -> Int? { reply.json["code"] as? Int }

    @Test(arguments: ["/v2/message/regid", "/v3/message/regid"])
    func `a notification goes to a list of ids`(_ path: String) async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendXiaomi(
                [
                    "registration_id": "a/b+c=,t2", "title": "50 % & more", "extra.callback.param": "p1",
                    "extra.callback": "https://gateway.example/r", "extra.callback.type": "19",
                ], path: path)
            #expect(reply.status == 200 && Self.code(reply) == 0 && reply.json["result"] as? String == "ok")
            #expect((reply.json["trace_id"] as? String)?.isEmpty == false)
            let pushes = client.simulator.pushes()
            #expect(pushes.map(\.token) == ["a/b+c=", "t2"])
            let push = try #require(pushes.first)
            #expect((reply.json["data"] as? [String: any Sendable])?["id"] as? String == push.vendorId)
            #expect(push.vendor == .xiaomi && push.messageId == "m1" && push.isShown && push.replaceKey == "7")
            #expect(push.title == "50 % & more" && push.body == "There" && push.timeToLive == 60_000)
            #expect(push.receiptTag == "p1" && push.receiptURL == "https://gateway.example/r")
        }
    }

    @Test func `the same notify_id replaces, the same jobkey is dropped`() async throws {
        try await Client.run { client async throws in
            for _ in 0..<2 { #expect(try await client.sendXiaomi().status == 200) }
            #expect(client.simulator.visible(token: "t1").count == 1)
            #expect(client.simulator.alertsRung(token: "t1", messageId: "m1") == 2)
            for ids in ["t2", "t2,t3"] {
                #expect(
                    try await Self.code(client.sendXiaomi(["registration_id": ids, "extra.jobkey": "job-1"])) == 0)
            }
            #expect(client.simulator.alertsRung(token: "t2", messageId: "m1") == 1)
            #expect(client.simulator.alertsRung(token: "t3", messageId: "m1") == 1)
            #expect(client.simulator.pushes { $0.token == "t2" }.last?.discarded == .repeated)
        }
    }

    @Test func `pass-through carries its payload`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendXiaomi([
                "pass_through": "1", "payload": #"{"messageId":"m2"}"#, "extra.messageId": nil, "title": nil,
                "description": nil, "extra.notify_effect": nil,
            ])
            #expect(Self.code(reply) == 0)
            let push = try #require(client.simulator.pushes().first)
            #expect(push.form == .silent && push.messageId == "m2")
        }
    }

    static let wrong: [(Int, [String: String?])] = {
        let many = (0...1000).map { "t\($0)" }.joined(separator: ",")
        func text(_ count: Int) -> String { String(repeating: "字", count: count) }
        var others: [String: String?] = [:]
        for number in 0..<10 { others["extra.k\(number)"] = "v" }
        return [
            (10_016, ["registration_id": nil]), (10_016, ["registration_id": ""]),
            (10_017, ["registration_id": many]), (10_016, ["restricted_package_name": nil]),
            (22_022, ["restricted_package_name": "com.example.other"]), (10_016, ["title": nil]),
            (10_017, ["title": " "]), (10_017, ["title": text(50)]), (10_016, ["description": nil]),
            (10_017, ["description": text(128)]), (10_017, ["payload": String(repeating: "a", count: 4096)]),
            (10_017, ["pass_through": "2"]), (10_016, ["pass_through": "1"]), (10_017, ["notify_type": "8"]),
            (10_017, ["notify_type": "DEFAULT_ALL"]), (10_017, ["notify_id": "-1"]),
            (10_017, ["notify_id": "2147483648"]), (10_017, ["time_to_live": "86400001"]),
            (10_017, ["time_to_live": "864000001", "extra.channel_id": "c"]), (10_017, ["time_to_live": "60s"]),
            (10_017, ["time_to_live": "0"]), (10_017, ["time_to_send": "9999999999999"]),
            (10_016, ["extra.notify_effect": nil]), (10_017, ["extra.notify_effect": "4"]),
            (10_016, ["extra.notify_effect": "2"]), (10_016, ["extra.notify_effect": "3"]),
            (10_017, ["extra.jobkey": "_job"]), (10_017, ["extra.jobkey": "a b"]),
            (10_017, ["extra.jobkey": String(repeating: "a", count: 21)]), (10_017, others),
            (10_017, ["extra.long": String(repeating: "a", count: 1024)]), (10_017, ["extra.only_send_once": "yes"]),
            (10_017, ["titel": "x"]), (65_014, ["extra.callback": "gateway"]),
            (65_015, ["extra.callback.param": String(repeating: "a", count: 257)]),
            (65_015, ["extra.callback.type": "many"]),
        ]
    }()

    @Test func `wrong fields are refused with their codes`() async throws {
        try await Client.run { client async throws in
            for (code, fields) in Self.wrong {
                let reply = try await client.sendXiaomi(fields)
                #expect(reply.status == 200 && Self.code(reply) == code, "\(fields) \(reply.body)")
                #expect(reply.json["result"] as? String == "error")
            }
            #expect(try await Self.code(client.sendXiaomi(key: "wrong")) == 21_301)
            let json = try await client.request(
                .POST, client.base + "/v3/message/regid",
                headers: [
                    ("authorization", "key=\(client.simulator.credentials.xiaomiAppSecret)"),
                    ("content-type", "application/json"),
                ], body: "{}")
            #expect(Self.code(json) == 10_008)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await Self.code(client.sendXiaomi(["title": String(repeating: "字", count: 49)])) == 0)
            let longest = ["time_to_live": "864000000", "extra.channel_id": "c"]
            #expect(try await Self.code(client.sendXiaomi(longest)) == 0)
        }
        try await Client.run {
            $0.xiaomiRequiresChannel = true
        } _: { client async throws in
            #expect(try await Self.code(client.sendXiaomi()) == 10_016)
        }
    }

    @Test func `dead ids do not fail the call`() async throws {
        try await Client.run { client async throws in
            let ids = ["registration_id": "t1,t2,t3,t4"]
            try client.simulator.inject(.deadTokens(["t1"], code: "65003", timestamp: nil), into: .xiaomi)
            try client.simulator.inject(.partialBatch(every: 2), into: .xiaomi)
            #expect(try await Self.code(client.sendXiaomi(ids)) == 0)
            #expect(client.simulator.pushes().map(\.discarded) == [.deadToken, .deadToken, nil, .deadToken])
            let single = try await client.sendXiaomi()
            #expect(single.status == 200 && Self.code(single) == 65_003)
        }
    }

    @Test func `every code of the table can be asked for`() async throws {
        try await Client.run { client async throws in
            let codes = [
                -1, 1, 10_001, 10_002, 10_003, 20_607, 22_102, 26_003, 65_029, 10_008, 10_012, 10_016, 10_017, 20_209,
                21_305, 65_009, 65_014, 65_015, 65_036, 65_037, 65_038, 10_027, 26_004, 200_002, 10_034, 200_001,
                10_031, 10_036, 21_301, 21_302, 21_303, 22_000, 22_006, 22_007, 22_022, 26_006, 27_001, 10_037, 10_029,
                65_003, 20_301, 65_028,
            ]
            for code in codes {
                try client.simulator.inject(.code("\(code)"), into: .xiaomi, requests: 1)
                let reply = try await client.sendXiaomi()
                #expect(reply.status == 200 && Self.code(reply) == code)
                #expect(reply.json["description"] is String && reply.json["reason"] is String)
            }
            #expect(throws: VendorSimulatorError.self) { try client.simulator.inject(.code("4711"), into: .xiaomi) }
        }
    }
}
