import Foundation
import PushGateClient
import Testing

extension GatewayStories {
    @Suite struct MessageStories {
        private static let keys = [
            "id", "from", "to", "tenantNo", "type", "content", "timestamp", "isBackground", "seq", "serverTime",
            "revision",
        ]
        private static let groupKeys = [
            "id", "from", "to", "target", "tenantNo", "type", "content", "timestamp", "isBackground", "seq",
            "serverTime", "revision",
        ]

        private func names(_ json: JSONValue?) -> [String] { json?.members?.map(\.name) ?? [] }

        @Test func `one device writes to another and both read the same thing`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let tablet = try await story.device("ann", code: "tablet")
                // Numbers and key order inside come out as they went in.
                let content: JSONValue = ["text": "hi", "z": .number("1.50"), "a": .number("1e3")]
                var message = OutgoingMessage(id: "m-1", to: bob.account, type: .text, content: content, timestamp: 5)
                message.push = ["policy": "never"]
                let receipt = try await ann.client.send(message)
                #expect(receipt.recipients == 1 && !receipt.isDuplicate)

                let got = try await bob.entry("m-1")
                #expect(names(got.json) == Self.keys)
                #expect(got.from == ann.account && got.to == bob.account && got.timestamp == 5)
                #expect(got.content?.description == #"{"text":"hi","z":1.50,"a":1e3}"#)
                let copy = try await tablet.entry("m-1")
                #expect(copy.from == ann.account && copy.to == bob.account && copy.seq == receipt.seq)

                // By sync the very same entry, over both doors.
                let page = try await story.api(bob.session).sync(after: 0)
                #expect(page.items.map(\.json) == [got.json] && page.head == 1 && !page.more)
                let reply = try await bob.client.request("sync", ["after": 0])
                #expect(reply["items"]?.array == [got.json])
                #expect(reply["more"] == false && reply["head"]?.integer == 1)

                message.sync = false
                message.id = "m-2"
                let silent = try await ann.client.send(message)
                #expect(silent.seq == nil)
                _ = try await bob.entry("m-2")
                #expect(try await StoryDevice.inbox(story.api(ann.session)).map(\.id) == ["m-1"])
            }
        }

        @Test func `a group message is swapped for each member, and a target gets it alone`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let cat = try await story.device("cat")
                let dan = try await story.device("dan")
                let group = try await story.app.createGroup(id: "team", name: "Team", users: ["ann", "bob", "cat"])
                let all = try await ann.client.send(OutgoingMessage(id: "g-1", to: group, text: "all"))
                #expect(all.recipients == 2)
                for member in [bob, cat] {
                    let got = try await member.entry("g-1")
                    #expect(names(got.json) == Self.groupKeys)
                    #expect(got.from == group && got.to == member.account && got.target == ann.account)
                }
                let own = try #require(try await StoryDevice.inbox(story.api(ann.session)).first { $0.id == "g-1" })
                #expect(own.from == group && own.to == ann.account && own.target == ann.account)
                #expect(own.seq == all.seq)

                var whisper = OutgoingMessage(id: "g-2", to: group, text: "only cat")
                whisper.target = cat.account
                #expect(try await ann.client.send(whisper).recipients == 1)
                let got = try await cat.entry("g-2")
                #expect(got.from == group && got.to == cat.account && got.target == ann.account)

                // The original as it was written, once.
                let original = try await story.app.message("g-1")["message"]
                #expect(original?["from"]?.string == ann.account && original?["to"]?.string == group)

                let stranger = try await refusal { try await dan.client.send(OutgoingMessage(to: group, text: "hi")) }
                #expect(stranger.code == "not_a_member")
                try await story.app.removeMembers(["cat"], fromGroup: group)
                try await story.app.addMembers(["dan"], toGroup: group)
                _ = try await bob.client.send(OutgoingMessage(id: "g-3", to: group, text: "new team"))
                _ = try await dan.entry("g-3")
                _ = try await ann.entry("g-3")
                #expect(!bob.ids.contains("g-2") && !dan.ids.contains("g-1"))
                #expect(try await !StoryDevice.inbox(story.api(cat.session)).map(\.id).contains("g-3"))
                let members = try await story.app.call(.get, ["v1", "groups", group, "members"]).json()
                #expect(
                    Set(members["items"]?.array?.compactMap { $0["userId"]?.string } ?? []) == ["ann", "bob", "dan"])
                try await story.app.deleteGroup(group)
                let gone = try await refusal { try await ann.client.send(OutgoingMessage(to: group, text: "hi")) }
                #expect(gone.code == "recipient_not_found")
            }
        }

        @Test func `the same message again changes nothing, through whichever door it comes`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let content: JSONValue = ["text": "hi", "n": .number("1.5")]
                let swapped: JSONValue = ["n": .number("1.5"), "text": "hi"]
                let first = try await ann.client.send(
                    OutgoingMessage(id: "once", to: bob.account, type: .text, content: content, timestamp: 1))
                let again = OutgoingMessage(id: "once", to: bob.account, type: .text, content: swapped, timestamp: 2)
                for second in [try await story.api(ann.session).send(again), try await ann.client.send(again)] {
                    #expect(second.isDuplicate)
                    #expect(second.serverTime == first.serverTime && second.seq == first.seq)
                    #expect(second.recipients == first.recipients)
                }
                let other = OutgoingMessage(id: "once", to: bob.account, text: "something else")
                let overHTTP = try await refusal { try await story.api(ann.session).send(other) }
                #expect(overHTTP.status == 409 && overHTTP.code == "message_id_conflict")
                let overMQTT = try await refusal { try await ann.client.send(other) }
                #expect(overMQTT.code == "message_id_conflict")
                let stranger = try await refusal { try await bob.client.send(again) }
                #expect(stranger.code == "message_id_conflict")

                _ = try await ann.client.send(OutgoingMessage(id: "end", to: bob.account, text: "end"))
                _ = try await bob.entry("end")
                #expect(bob.ids == ["once", "end"])
                #expect(try await story.api(bob.session).sync(after: 0).head == 2)
            }
        }

        @Test func `what a device was away for comes by sync, without a gap, in small pages`() async throws {
            try await withStory { story in
                let bob = try await story.register("bob")
                let text = String(repeating: "long ", count: 200)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for lane in 0..<8 {
                        group.addTask {
                            for number in 0..<40 {
                                try await story.app.send(
                                    OutgoingMessage(id: "m-\(lane)-\(number)", to: "user:bob", text: text))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                // A client that knows nothing but the contract, page by page over MQTT.
                let client = try PlainClient(bob)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([bob.topics.reply]) == [1])
                var seqs: [Int64] = []
                var pages = 0
                while true {
                    let page = try await client.request(
                        "sync", of: bob, ["after": JSONValue(seqs.last ?? 0), "limit": 500])["result"]
                    seqs += page?["items"]?.array?.compactMap { $0["seq"]?.integer } ?? []
                    pages += 1
                    #expect(page?["head"]?.integer == 320)
                    if page?["more"] != true { break }
                }
                #expect(seqs == Array(1...320))
                #expect(pages > 5)
                #expect(client.messages.allSatisfy { $0.payload.count <= 64 * 1024 })
                await client.end()
                #expect(try await StoryDevice.inbox(story.api(bob), limit: 100).compactMap(\.seq) == Array(1...320))
                // And the client library, while new ones come.
                let device = StoryDevice(bob, loop: story.loop)
                try device.client.connect()
                for number in 0..<20 {
                    try await story.app.send(OutgoingMessage(id: "live-\(number)", to: "user:bob", text: "live"))
                }
                _ = try await device.entry("live-19")
                #expect(device.received.compactMap(\.seq) == Array(1...340))
                #expect(device.client.counters.missing == 0)
            }
        }

        @Test func `acknowledging over either door moves the one cursor, never back`() async throws {
            try await withStory { story in
                let bob = try await story.register("bob")
                for number in 1...5 {
                    try await story.app.send(OutgoingMessage(id: "m-\(number)", to: "user:bob", text: "hi"))
                }
                let api = story.api(bob)
                let client = try PlainClient(bob)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([bob.topics.reply]) == [1])
                #expect(try await api.acknowledge(seq: 2)["seq"]?.integer == 2)
                #expect(try await client.request("ack", of: bob, ["seq": 4])["result"]?["seq"]?.integer == 4)
                #expect(try await api.acknowledge(seq: 1)["seq"]?.integer == 4)
                #expect(try await client.request("ack", of: bob, ["seq": 99])["result"]?["seq"]?.integer == 5)
                await client.end()
                let devices = try await story.app.account(userID: "bob")["devices"]?.array
                #expect(devices?.first?["cursor"]?["seq"]?.integer == 5)
                let trace = try await story.trace("m-4", user: "bob")
                #expect(trace["outcome"]?.string == "acknowledged")
            }
        }
    }
}
