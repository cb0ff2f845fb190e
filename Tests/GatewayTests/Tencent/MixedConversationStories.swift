import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// One side has an SDK of Tencent's IM, the other is a device of the gateway.
    @Suite struct MixedConversationStories {
        @Test func `each side shows what the other wrote`() async throws {
            try await withStory { story in
                let tim = try TencentCaller(story)
                let (ann, bob) = (try await story.device("ann"), try await story.device("bob"))
                let sent = try await tim.send("by the server", from: "ann", to: "bob", random: 1)
                let entry = try await eventually("bob has it") { bob.received.first { $0.from == ann.account } }
                #expect(entry.type.rawValue == 0 && entry.content?["text"] == "by the server")
                #expect(entry.content?["MsgBody"] == TencentCaller.text("by the server"))
                #expect(entry.json.members?.last?.name == "aliases")
                #expect(entry.json["aliases"]?["msgKey"] == sent["MsgKey"] && sent["MsgKey"] != nil)
                #expect(entry.json["aliases"]?["msgId"] == sent["MsgId"] && sent["MsgId"] != nil)
                _ = try await bob.client.send(OutgoingMessage(id: "native", to: ann.account, text: "by the device"))
                _ = try await bob.client.send(
                    OutgoingMessage(id: "card", to: ann.account, type: .custom, content: ["card": 1]))
                let history = try await tim.history(of: "ann", with: "bob", pageSize: 1)
                #expect(history.map { $0["From_Account"]?.string } == ["ann", "bob", "bob"])
                #expect(history.prefix(2).compactMap(\.tencentText) == ["by the server", "by the device"])
                let custom = history.last?["MsgBody"]?.array?.first
                #expect(custom?["MsgType"] == "TIMCustomElem" && custom?["MsgContent"]?["Data"] == #"{"card":1}"#)
                // The native one has both of its names here, and they lead to it.
                let native = try #require(history.first { $0.tencentText == "by the device" })
                for name in ["MsgKey", "MsgId"] {
                    let found = try await story.app.lookUpMessage(try #require(native[name]?.string))
                    #expect(found["message"]?["id"] == "native")
                }
                // The device reads: the server's history says so.
                _ = try await bob.client.request("read", ["peer": .string(ann.account)])
                let read = try await tim.history(of: "ann", with: "bob", pageSize: 9)
                #expect(read.first?["IsPeerRead"] == 1)
            }
        }

        /// How each party calls one message: a web client by the msgID, a phone that only has server history by what
        /// stands there, a server by the MsgKey.
        private enum Door: CaseIterable { case web, phone, server }

        @Test func `a web client, a phone after its reinstall and a server name one message, and each can revoke it`()
            async throws
        {
            try await withStory { story in
                let tim = try TencentCaller(story)
                let bob = try await story.device("bob")
                let web = try await story.register("ann", code: "browser")
                for (number, door) in Door.allCases.enumerated() {
                    for isNative in [false, true] {
                        let text = "\(door) \(isNative)"
                        if isNative {
                            let id = "native-\(number)"
                            _ = try await story.api(web).send(OutgoingMessage(id: id, to: bob.account, text: text))
                        } else {
                            try await tim.send(text, from: "ann", to: "bob", random: Int64(number))
                        }
                        let entry = try await eventually("bob has it") {
                            bob.received.first { $0.content?["text"]?.string == text }
                        }
                        let shown = try #require(
                            try await tim.history(of: "ann", with: "bob", pageSize: 1).first { $0.tencentText == text })
                        let key = try #require(shown["MsgKey"]?.string)
                        let msgID = try #require(shown["MsgId"]?.string)
                        // A phone that was installed anew knows nothing but the server's history.
                        let phone = try await story.device("ann", code: "phone \(text)")
                        let known = try await phone.client.request("history", ["with": .string(bob.account)])
                        let item = try #require(
                            known["items"]?.array?.first { $0["content"]?["text"]?.string == text })
                        let name = isNative ? item["id"] : item["aliases"]?["msgId"]
                        for alias in [key, msgID, entry.id] {
                            #expect(try await story.app.message(alias)["message"]?["id"]?.string == entry.id)
                            #expect(try await story.app.lookUpMessage(alias)["message"]?["id"]?.string == entry.id)
                            #expect(try await story.api(web).message(alias)["message"]?["id"]?.string == entry.id)
                        }
                        switch door {
                        case .web: try await story.api(web).revokeMessage(msgID)
                        case .phone: _ = try await phone.client.request("revoke", ["id": try #require(name)])
                        case .server:
                            try await tim(
                                "openim/admin_msgwithdraw",
                                ["From_Account": "ann", "To_Account": "bob", "MsgKey": .string(key)])
                        }
                        _ = try await eventually("bob is told of that message by its id") {
                            bob.received.first {
                                $0.type.rawValue == 257 && $0.content?["messageId"]?.string == entry.id
                            }
                        }
                        let after = try await tim.history(of: "bob", with: "ann", pageSize: 50)
                        let flagged = after.first { $0["MsgKey"]?.string == key }
                        #expect(flagged?["MsgFlagBits"] == 8 && flagged?["MsgBody"] == [], "\(text)")
                    }
                }
                let trace = try await story.app.message("native-0")["trace"]?.array ?? []
                #expect(trace.contains { $0["userId"] == "bob" })
            }
        }

        @Test func `a receiver burns by the alias, and nobody else can change anything by it`() async throws {
            try await withStory { story in
                let tim = try TencentCaller(story)
                let (bob, eve) = (try await story.device("bob"), try await story.device("eve"))
                _ = try await story.app.createAccount(userID: "ann")
                let sent = try await tim.send("secret", from: "ann", to: "bob", random: 1)
                let (key, msgID) = (try #require(sent["MsgKey"]), try #require(sent["MsgId"]))
                _ = try await eventually("bob has it") { bob.received.first { $0.content?["text"] == "secret" } }
                for name in [key, msgID] {
                    let stranger = try await refusal { try await eve.client.request("burn", ["id": name]) }
                    #expect(stranger.code == "not_found")
                    let receiver = try await refusal { try await bob.client.request("revoke", ["id": name]) }
                    #expect(receiver.code == "not_sender")
                    let foreign: JSONValue = ["From_Account": "ann", "To_Account": "eve", "MsgKey": key]
                    #expect(try await tim.code("openim/admin_msgwithdraw", foreign) == 20022)
                    let swapped: JSONValue = ["From_Account": "bob", "To_Account": "ann", "MsgKey": key]
                    #expect(try await tim.code("openim/admin_msgwithdraw", swapped) == 20022)
                }
                _ = try await bob.client.request("burn", ["id": msgID])
                let history = try await tim.history(of: "ann", with: "bob", pageSize: 5)
                #expect(history.first?["MsgFlagBits"] == 8 && history.first?["MsgBody"] == [])
                #expect(
                    try await tim.code(
                        "openim/admin_msgwithdraw", ["From_Account": "ann", "To_Account": "bob", "MsgKey": key])
                        == 20023)
            }
        }

        @Test func `who is online is told by connection, and a phone that is away by its push token`() async throws {
            try await withStory { story in
                let tim = try TencentCaller(story)
                let ann = try await story.device("ann")
                let token = DeviceRegistration.PushToken(vendor: "fcm", token: "token")
                _ = try await story.register("bob", tokens: [token])
                _ = try await story.register("cat")
                let body: JSONValue = ["To_Account": ["ann", "bob", "cat", "nobody", "nobody"], "IsNeedDetail": 1]
                let answer = try await eventually("the presence is known") {
                    let answer = try await tim("openim/query_online_status", body)
                    return answer["QueryResult"]?.array?.first?["Status"] == "Online" ? answer : nil
                }
                let expected: JSONValue = [
                    [
                        "To_Account": "ann", "Status": "Online",
                        "Detail": [["Platform": "Android", "Status": "Online"]],
                    ],
                    [
                        "To_Account": "bob", "Status": "PushOnline",
                        "Detail": [["Platform": "Android", "Status": "PushOnline"]],
                    ],
                    ["To_Account": "cat", "Status": "Offline", "Detail": []],
                ]
                #expect(answer["QueryResult"] == expected)
                let unknown: JSONValue = [["To_Account": "nobody", "ErrorCode": 70107]]
                #expect(answer["ErrorList"] == unknown)
                let older = try await tim("openim/querystate", ["To_Account": ["ann"]])
                let named: JSONValue = [["To_Account": "ann", "Status": "Online", "State": "Online"]]
                #expect(older["QueryResult"] == named)
                _ = try await ann.client.request("state", ["app": "background"])
                let hidden = try await tim("openim/querystate", ["To_Account": ["ann"]])
                #expect(hidden["QueryResult"]?.array?.first?["State"] == "PushOnline")
                #expect(try await tim.code("openim/querystate", ["To_Account": []]) == 90001)
                let many = JSONValue.array((0...500).map { .string("user\($0)") })
                #expect(try await tim.code("openim/querystate", ["To_Account": many]) == 90011)
            }
        }

        @Test func `a notification shows what OfflinePushInfo says, else the elements' texts`() async throws {
            try await withVendors { story, simulator in
                let tim = try TencentCaller(story)
                let tokens = try [SimulatedVendor.fcm, .apns].map { try simulator.token($0, "of-\($0.rawValue)") }
                _ = try await story.register("bob", code: "android", tokens: [tokens[0]])
                _ = try await story.register("bob", code: "iphone", tokens: [tokens[1]])
                _ = try await story.app.createAccount(userID: "ann")
                try await story.knowsWhoIsAway(simulator)
                func pushes(_ sent: JSONValue) async throws -> [RecordedPush] {
                    let id = try await story.app.lookUpMessage(sent["MsgKey"]?.string ?? "")["message"]?["id"]?.string
                    return try await eventually("both phones are pushed") {
                        let found = simulator.pushes { $0.messageId == id }
                        return found.count == 2 ? found : nil
                    }
                }
                let told = try await tim.send(
                    "secret", from: "ann", to: "bob", random: 1,
                    [
                        "OfflinePushInfo": [
                            "PushFlag": 0, "Title": "T", "Desc": "D", "Ext": "{\"a\":1}",
                            "AndroidInfo": ["Sound": "bell.mp3", "GoogleChannelID": "chat"],
                            "ApnsInfo": ["Sound": "bell.caf", "Title": "Apple", "BadgeMode": 1, "MutableContent": 1],
                        ]
                    ])
                for push in try await pushes(told) {
                    #expect(push.body == "D")
                    let text = push.payload
                    #expect(!text.contains("secret"))
                    if push.vendor == .apns {
                        #expect(push.title == "Apple" && text.contains("bell.caf") && !text.contains("bell.mp3"))
                    } else {
                        #expect(push.title == "T" && text.contains("bell.mp3") && text.contains("chat"))
                    }
                }
                let elements: JSONValue = [
                    ["MsgType": "TIMTextElem", "MsgContent": ["Text": "see "]],
                    [
                        "MsgType": "TIMLocationElem",
                        "MsgContent": ["Desc": "x", "Latitude": 1.5, "Longitude": 2.5],
                    ],
                    ["MsgType": "TIMCustomElem", "MsgContent": ["Data": "d", "Desc": " now", "Ext": "", "Sound": ""]],
                ]
                let joined = try await tim(
                    "openim/sendmsg",
                    ["From_Account": "ann", "To_Account": "bob", "MsgRandom": 2, "MsgBody": elements])
                for push in try await pushes(joined) { #expect(push.body == "see [Location] now") }
                let quiet = try await tim.send(
                    "quiet", from: "ann", to: "bob", random: 3, ["OfflinePushInfo": ["PushFlag": 1]])
                let id = try #require(
                    try await story.app.lookUpMessage(quiet["MsgKey"]?.string ?? "")["message"]?["id"]?.string)
                try await story.trace(id, user: "bob") { trace in
                    Story.pushStages(trace).contains { $0["detail"] == "policy_never" }
                        || trace["reason"] == "policy_never"
                }
                #expect(simulator.pushes { $0.messageId == id }.isEmpty)
            }
        }
    }
}
