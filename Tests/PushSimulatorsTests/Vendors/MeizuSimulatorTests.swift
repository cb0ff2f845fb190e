import Foundation
import PushSimulators
import Testing

@Suite struct MeizuSimulatorTests {
    typealias Client = SimulatorClient

    static func code(_ reply: Client.Reply) -> String? { reply.json["code"] as? String }
    static func failed(_ reply: Client.Reply) -> [String: [String]]? { reply.json["value"] as? [String: [String]] }

    @Test func `a notification is signed over the values as they are`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendMeizu(ids: "t1,t2")
            let push = try #require(client.simulator.pushes().first)
            #expect(reply.status == 200)
            #expect(
                reply.body
                    == #"{"code":"200","message":"","msgId":"\#(push.vendorId)","redirect":"","value":{}}"#)
            #expect(push.vendorId.utf8.count == 32)
            #expect(client.simulator.pushes().map(\.token) == ["t1", "t2"])
            #expect(push.vendor == .meizu && push.messageId == "m1" && push.isShown && push.replaceKey == "abcDEF_-")
            #expect(push.title == "Hi & bye" && push.body == "There 你好" && push.timeToLive == 7_200_000)
            #expect(push.receiptTag == "p1" && push.receiptURL == "https://gateway.example/r")
            #expect(try await Self.code(client.sendMeizu(ids: "t1,t2")) == "200")
            #expect(client.simulator.visible(token: "t1").count == 1)
        }
    }

    @Test func `wrong parameters are refused with their codes`() async throws {
        try await Client.run { client async throws in
            let upper = Client.meizuSign(
                appId: client.simulator.credentials.meizuAppId, message: Client.meizuMessage, ids: "t1",
                secret: client.simulator.credentials.meizuAppSecret
            ).uppercased()
            let replies = [
                ("1006", try await client.sendMeizu(sign: upper)), ("1006", try await client.sendMeizu(sign: "0")),
                ("110000", try await client.sendMeizu(appId: "1")), ("110004", try await client.sendMeizu(ids: "")),
                ("1005", try await client.sendMeizu(more: ["alias": "a"])),
                (
                    "1005",
                    try await client.sendMeizu(ids: (0...100).map { "t\($0)" }.joined(separator: ","))
                ), ("110053", try await client.sendMeizu(call: "unvarnished")),
                (
                    "1005",
                    try await client.request(.GET, client.base + "/garcia/api/server/push/varnished/pushByPushId")
                ),
            ]
            for (code, reply) in replies {
                #expect(reply.status == 200 && Self.code(reply) == code, "\(reply.body)")
                #expect(reply.json["value"] as? String == "")
            }
            #expect(client.simulator.pushes().isEmpty)
        }
    }

    @Test func `wrong messages are parameter errors`() async throws {
        func bar(_ title: String, _ content: String = "c", _ more: String = "") -> String {
            #"{"noticeBarInfo":{"title":"\#(title)","content":"\#(content)"}\#(more)}"#
        }
        func text(_ count: Int) -> String { String(repeating: "字", count: count) }
        let wrong = [
            "{", "{}", #"{"title":"t","content":"c"}"#, bar(""), bar(text(33)), bar("t", text(101)),
            bar("t", "c", #","colour":1"#), bar("t", "c", #","clickTypeInfo":{"clickType":3}"#),
            bar("t", "c", #","clickTypeInfo":{"clickType":"0"}"#), bar("t", "c", #","clickTypeInfo":{"clickType":1}"#),
            bar("t", "c", #","clickTypeInfo":{"clickType":2}"#), bar("t", "c", #","clickTypeInfo":{"parameters":"x"}"#),
            bar("t", "c", #","clickTypeInfo":{"customAttribute":"\#(text(334))"}"#),
            bar("t", "c", #","pushTimeInfo":{"validTime":0}"#), bar("t", "c", #","pushTimeInfo":{"validTime":73}"#),
            bar("t", "c", #","pushTimeInfo":{"offLine":true}"#),
            bar("t", "c", #","advanceInfo":{"notifyKey":"123456789"}"#),
            bar("t", "c", #","advanceInfo":{"notifyKey":"a.b"}"#),
            bar("t", "c", #","noticeExpandInfo":{"noticeExpandType":1}"#),
            bar("t", "c", #","extra":{"callback.param":"p"}"#),
            bar("t", "c", #","extra":{"callback":"https://a.example/\#(text(128))"}"#),
            bar("t", "c", #","extra":{"callback":"https://a.example","callback.param":"\#(text(22))"}"#),
            bar("t", "c", #","extra":{"callback":"https://a.example","callback.type":4}"#),
        ]
        try await Client.run { client async throws in
            for message in wrong {
                #expect(try await Self.code(client.sendMeizu(message)) == "1005", "\(message)")
            }
            #expect(try await Self.code(client.sendMeizu(bar(text(32), text(100)))) == "200")
        }
    }

    @Test func `failed ids are listed under their codes`() async throws {
        try await Client.run { client async throws in
            try client.simulator.inject(.deadTokens(["t1"], code: nil, timestamp: nil), into: .meizu)
            try client.simulator.inject(.deadTokens(["t3"], code: "110010", timestamp: nil), into: .meizu)
            try client.simulator.inject(.partialBatch(every: 2), into: .meizu)
            let reply = try await client.sendMeizu(ids: "t1,t2,t3,t4,t5")
            #expect(Self.code(reply) == "200")
            #expect(Self.failed(reply) == ["110002": ["t1"], "110010": ["t3"], "110003": ["t2", "t4"]])
            #expect(client.simulator.pushes().map(\.token) == ["t5"])
        }
    }

    @Test func `every code of both tables can be asked for`() async throws {
        try await Client.run { client async throws in
            for code in [
                "500", "1001", "1003", "1005", "110004", "1006", "110000", "110001", "110009", "110031", "110032",
                "110033", "110010", "110019", "110051", "110053",
            ] {
                try client.simulator.inject(.code(code), into: .meizu, requests: 1)
                let reply = try await client.sendMeizu()
                #expect(reply.status == 200 && Self.code(reply) == code)
            }
            for code in ["110002", "110003", "110005", "110011", "501", "513", "519", "520", "201"] {
                try client.simulator.inject(.code(code), into: .meizu, requests: 1)
                #expect(try await Self.failed(client.sendMeizu(ids: "t1,t2")) == [code: ["t1", "t2"]])
            }
        }
    }
}
