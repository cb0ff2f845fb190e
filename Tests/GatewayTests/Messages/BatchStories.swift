import Foundation
import PushGateClient
import Testing

extension GatewayStories {
    @Suite struct BatchStories {
        private func messages(_ list: [OutgoingMessage]) -> JSONValue { ["messages": .array(list.map(\.json))] }

        private func statuses(_ results: JSONValue?) -> [Int64?] {
            results?.array?.map { $0["status"]?.integer } ?? []
        }

        @Test func `a batch over either door keeps its order and answers for each message`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                var list = (0..<300).map { OutgoingMessage(id: "b-\($0)", to: bob.account, text: "hi \($0)") }
                list[7].to = "acct_nobody"
                list[8].id = "b-6"
                let reply = try await ann.client.request("batch", messages(list))
                let results = try #require(reply["results"])
                #expect(statuses(results).count == 300)
                #expect(results.array?[7]["status"]?.integer == 404)
                #expect(results.array?[7]["code"]?.string == "recipient_not_found")
                // The same id with another content.
                #expect(results.array?[8]["code"]?.string == "message_id_conflict")
                #expect(statuses(results).filter { $0 == 200 }.count == 298)
                _ = try await bob.entry("b-299")
                #expect(bob.ids == (0..<300).filter { $0 != 7 && $0 != 8 }.map { "b-\($0)" })
                #expect(bob.received.compactMap(\.seq) == Array(1...298))

                // Again, over HTTP: nothing changes.
                list[8].id = "b-8"
                let again = try await story.api(ann.session).send(Array(list[0..<10]))
                #expect(
                    again.map { $0["duplicate"]?.bool } == [true, true, true, true, true, true, true, nil, false, true])
                #expect(again[0]["seq"] == results.array?[0]["seq"])
                // An app's, without ids.
                let body: JSONValue = [
                    "messages": [
                        ["to": "user:bob", "type": 0, "content": ["text": "x"]],
                        ["to": "user:bob", "type": 0, "content": ["text": "y"], "ephemeral": true],
                    ]
                ]
                let made = try await story.app.call(.post, ["v1", "messages", "batch"], body: body).json()
                #expect(statuses(made["results"]) == [200, 200])
                let id = try #require(made["results"]?.array?.first?["id"]?.string)
                _ = try await bob.entry(id)
                let passing = try #require(made["results"]?.array?.last?["id"]?.string)
                let unknown = try await refusal { try await story.app.message(passing) }
                #expect(unknown.status == 404)
            }
        }

        @Test func `the largest batch over MQTT is answered within 64 KiB`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                _ = try await story.app.createAccount(userID: "bob")
                let bob = try await story.app.account(userID: "bob")["account"]?.string
                let client = try PlainClient(ann)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([ann.topics.reply]) == [1])
                let padding = String(repeating: "i", count: 60)
                let list = (0..<500).map { OutgoingMessage(id: "\(padding)-\($0)", to: bob, text: "x") }
                let reply = try await client.request("batch", of: ann, messages(list))
                #expect(reply["ok"] == true && reply["op"]?.string == "batch")
                let results = reply["result"]?["results"]?.array ?? []
                #expect(results.map { $0["id"]?.string } == list.map(\.id))
                #expect(results.allSatisfy { $0["status"]?.integer == 200 && $0["seq"] != nil })
                #expect(client.messages.allSatisfy { $0.payload.count <= 64 * 1024 })

                let many = try await client.request("batch", of: ann, messages(list + [list[0]]))
                #expect(many["error"]?["code"]?.string == "too_large")
                for body: JSONValue in [[:], ["messages": []], ["messages": 7]] {
                    let refused = try await client.request("batch", of: ann, body)
                    #expect(refused["error"]?["code"]?.string == "invalid_request")
                    #expect(refused["error"]?["errors"]?.array?.first?["pointer"]?.string == "/messages")
                }
                await client.end()
            }
        }

        @Test func `history from elsewhere is found, and nobody is told of it`() async throws {
            try await withStory { story in
                let bob = try await story.device("bob")
                _ = try await story.app.createAccount(userID: "ann")
                func old(_ id: String, _ from: String, _ to: String, at time: Int64) -> OutgoingMessage {
                    var message = OutgoingMessage(
                        id: id, to: to, type: .text, content: ["text": .string(id)], timestamp: time)
                    message.from = from
                    return message
                }
                let list = [
                    old("h-1", "user:ann", "user:bob", at: 1000), old("h-2", "user:bob", "user:ann", at: 2000),
                    old("h-3", "user:ghost", "user:bob", at: 3000),
                ]
                let dry = try await story.app.importMessages(list, dryRun: true)
                #expect(dry["imported"]?.integer == 2 && dry["refused"]?.integer == 1)
                #expect(try await refusal { try await story.app.message("h-1") }.status == 404)
                #expect(try await story.app.importMessages(list) == dry)
                let again = try await story.app.importMessages(list)
                #expect(again["exists"]?.integer == 2 && again["imported"]?.integer == 0)

                // Both people of it may read it, by its id; an app by each of its names.
                let own = try await story.api(bob.session).message("h-1")
                #expect(own["message"]?["serverTime"]?.integer == 1000)
                #expect(own["aliases"] == nil && own["trace"] == nil)
                let seen = try await story.app.message("h-1")
                #expect(seen["message"] == own["message"])
                for alias in ["msgKey", "msgId"] {
                    let key = try #require(seen["aliases"]?[alias]?.string)
                    #expect(try await story.app.lookUpMessage(key)["message"]?["id"]?.string == "h-1")
                    #expect(try await story.app.message(key)["message"]?["id"]?.string == "h-1")
                }
                let stranger = try await story.register("cid")
                #expect(try await refusal { try await story.api(stranger).message("h-1") }.status == 404)

                try await story.app.send(OutgoingMessage(id: "now", to: "user:bob", text: "hi"))
                _ = try await bob.entry("now")
                #expect(bob.ids == ["now"])
                let page = try await story.api(bob.session).sync(after: 0)
                #expect(page.items.map(\.id) == ["now"] && page.head == 1)
            }
        }
    }
}
