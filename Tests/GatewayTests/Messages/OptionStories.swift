import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    /// What a sender adds to a message, as any MQTT client sees it.
    @Suite struct OptionStories {
        private func client(_ device: DeviceSession) async throws -> PlainClient {
            let client = try PlainClient(device)
            #expect(try await client.admission() == nil)
            #expect(try await client.session.subscribe([device.topics.reply, device.topics.inbox]) == [1, 1])
            return client
        }

        @Test func `a life is the message expiry, and ends in the archive too`() async throws {
            try await withStory { story in
                let bob = try await story.register("bob")
                let client = try await client(bob)
                var message = OutgoingMessage(id: "t-1", to: "user:bob", text: "soon over")
                message.timeToLive = 3600
                message.isBackground = true
                try await story.app.send(message)
                let got = try await client.message(on: bob.topics.inbox)
                let expiry = try #require(got.properties.messageExpirySeconds)
                #expect((3590...3600).contains(expiry))
                #expect(got.json["ttl"]?.integer == 3600 && got.json["isBackground"] == true)
                try await story.app.send(OutgoingMessage(id: "t-2", to: "user:bob", text: "stays"))
                let lasting = try await client.message(on: bob.topics.inbox) { $0["id"]?.string == "t-2" }
                #expect(lasting.properties.messageExpirySeconds == nil)
                await client.end()

                message.id = "t-3"
                message.timeToLive = 1
                try await story.app.send(message)
                try await eventually("t-3 has expired") {
                    let items = try await story.api(bob).sync(after: 2).items
                    return items.first?.json["expired"] == true && items.first?.json["content"] == .null
                }
            }
        }

        @Test func `an ephemeral message to a group is for who is there now, at QoS 0, and leaves nothing`()
            async throws
        {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.register("bob")
                let cid = try await story.register("cid")
                try await story.app.createGroup(id: "team", users: ["ann", "bob", "cid"])
                let client = try await client(bob)
                var typing = OutgoingMessage(id: "typing", to: "team", type: .custom, content: ["typing": true])
                typing.ephemeral = true
                let receipt = try await ann.client.send(typing)
                #expect(receipt.recipients == 2 && receipt.seq == nil && !receipt.isDuplicate)
                let got = try await client.message(on: bob.topics.inbox) { $0["id"]?.string == "typing" }
                #expect(got.json["from"]?.string == "team" && got.json["target"]?.string == ann.account)
                #expect(got.json["to"]?.string == bob.account && got.json["seq"] == nil)
                let raw = client.messages.first { $0.topic == bob.topics.inbox && $0.qos == 0 }
                #expect(raw != nil)
                #expect(try await refusal { try await story.app.message("typing") }.status == 404)
                #expect(try await !StoryDevice.inbox(story.api(cid)).map(\.id).contains("typing"))
                // The id is as free as before.
                typing.ephemeral = nil
                #expect(try await !ann.client.send(typing).isDuplicate)
                await client.end()
            }
        }

        @Test func `a group tells its members of every change, in their inboxes`() async throws {
            try await withStory { story in
                let bob = try await story.device("bob")
                let cid = try await story.device("cid")
                try await story.app.createGroup(id: "team", name: "Team", users: ["bob"])
                try await story.app.addMembers(["bob", "cid"], toGroup: "team")
                try await story.app.addMembers(["cid"], toGroup: "team")
                try await story.app.removeMembers(["bob"], fromGroup: "team")
                try await story.app.deleteGroup("team")
                func changes(_ device: StoryDevice) -> [String] {
                    device.received.filter { $0.type.rawValue == 260 }.compactMap { $0.content?["change"]?.string }
                }
                try await eventually("both were told") {
                    changes(bob) == ["created", "joined", "left"] && changes(cid) == ["joined", "left", "deleted"]
                }
                let joined = try #require(cid.received.first)
                #expect(joined.from == "team" && joined.to == cid.account && joined.target == story.appInfo.id)
                #expect(joined.content?["groupId"]?.string == "team")
                #expect(joined.content?["members"]?.array == [.string(cid.account)])
            }
        }

        @Test func `whose device moves is told`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann", code: "phone")
                let tablet = try await story.device("ann", code: "tablet")
                _ = try await story.register("bob", code: "phone")
                try await eventually("ann's tablet hears of it") {
                    tablet.received.contains {
                        $0.content?["op"]?.string == "device_moved"
                            && $0.content?["deviceId"]?.string == ann.deviceID && $0.from == ann.account
                    }
                }
            }
        }

        @Test func `every operation is answered to correlation data, on the own topic only`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let bob = try await story.register("bob")
                let client = try await client(ann)
                func ask(_ operation: String, _ topic: String, _ body: JSONValue) async throws -> JSONValue {
                    let data = Array(UUID().uuidString.utf8) + [0, 255]
                    try await client.session.publish(
                        topic: "\(ann.topics.up)/\(operation)", payload: body.bytes,
                        properties: .init(responseTopic: topic, correlationData: data))
                    return try await eventually("the reply to \(operation)") {
                        try client.messages.first { $0.properties.correlationData == data }
                            .map { try JSONValue(parsing: $0.payload) }
                    }
                }
                let message = OutgoingMessage(id: "c-1", to: bob.account, text: "hi").json
                let requests: [(String, JSONValue)] = [
                    ("send", message), ("batch", ["messages": [message]]), ("sync", [:]), ("ack", ["seq": 1]),
                    ("push", ["enabled": false]), ("state", ["app": "background"]), ("none", [:]),
                    ("deregister", [:]),
                ]
                for (operation, body) in requests {
                    let foreign = try await ask(operation, bob.topics.inbox, body)
                    #expect(foreign["error"]?["code"]?.string == "invalid_request", "\(operation)")
                }
                for (operation, body) in requests {
                    let reply = try await ask(operation, ann.topics.reply, body)
                    #expect(reply["ok"] == (operation == "none" ? false : true), "\(operation)")
                    #expect(reply["op"]?.string == operation && reply["requestId"] == nil)
                }
                #expect(try await StoryDevice.inbox(story.api(bob)).map(\.id) == ["c-1"])
                await client.end()
            }
        }
    }
}
