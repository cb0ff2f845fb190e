import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// Messages that are edited, revoked and burned, through both doors.
    @Suite struct ChangeStories {
        @Test func `who was away finds what became of a message, and its old content nowhere`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let away = try await story.register("cat")
                _ = try await story.app.createGroup(id: "team", name: "Team", users: ["ann", "bob", "cat"])
                for id in ["edited", "revoked", "burned"] {
                    _ = try await ann.client.send(OutgoingMessage(id: id, to: "team", text: "words of \(id)"))
                    _ = try await bob.entry(id)
                }
                let update = try await ann.client.request(
                    "update", ["id": "edited", "content": ["text": "better words"], "timestamp": 9])
                #expect(update["id"]?.string == "edited" && update["revision"]?.integer == 1)
                #expect(update["serverTime"]?.integer != nil)
                let revision = try await eventually("bob has the revision") {
                    bob.received.first { $0.id == "edited" && $0.revision == 1 }
                }
                #expect(revision.content?["text"]?.string == "better words")
                #expect(revision.from == "team" && revision.target == ann.account && revision.timestamp == 9)

                let revoked = try await ann.client.request("revoke", ["id": "revoked"])
                let again = try await story.app.revokeMessage("revoked")
                #expect(revoked["revokedAt"]?.integer != nil && again["revokedAt"] == revoked["revokedAt"])
                let event = try await eventually("bob is told") {
                    bob.received.first { $0.type.rawValue == 257 }
                }
                #expect(event.content?["messageId"]?.string == "revoked" && event.target == ann.account)

                let burned = try await bob.client.request("burn", ["id": "burned"])
                #expect(burned["burnedAt"]?.integer != nil)
                _ = try await story.api(away).burnMessage("burned")
                _ = try await eventually("ann is told when the last has burned it") {
                    ann.received.first { $0.type.rawValue == 258 }
                }

                let inbox = try await StoryDevice.inbox(story.api(away))
                #expect(!inbox.map(\.json.description).joined().contains("words of"))
                let first = try #require(inbox.first { $0.id == "revoked" })
                #expect(first.isRevoked && first.json["content"] == .null)
                #expect(inbox.first { $0.id == "burned" }?.isBurned == true)
                #expect(inbox.contains { $0.type.rawValue == 257 && $0.content?["messageId"]?.string == "revoked" })
                #expect(inbox.map(\.seq) == (1...Int64(inbox.count)).map { $0 })
                for id in ["revoked", "burned"] {
                    let read = try await story.app.message(id)
                    #expect(read["message"]?["content"] == .null)
                }
                // Sent again, they are answered as the first time and bring nothing back.
                let repeated = try await ann.client.send(
                    OutgoingMessage(id: "revoked", to: "team", text: "words of revoked"))
                #expect(repeated.isDuplicate)
                #expect(try await story.app.message("revoked")["message"]?["content"] == .null)
            }
        }

        @Test func `what is not allowed is refused alike through both doors`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let eve = try await story.device("eve")
                for id in ["m1", "m2", "m3"] {
                    _ = try await ann.client.send(OutgoingMessage(id: id, to: bob.account, text: "hi"))
                }
                _ = try await ann.client.request("revoke", ["id": "m2"])
                _ = try await bob.client.request("burn", ["id": "m3"])
                let content: JSONValue = ["text": "x"]
                let cases: [(StoryDevice, String, String, Int, String)] = [
                    (bob, "update", "m1", 403, "not_sender"), (bob, "revoke", "m1", 403, "not_sender"),
                    (ann, "burn", "m1", 403, "not_recipient"), (eve, "update", "m1", 404, "not_found"),
                    (eve, "revoke", "m1", 404, "not_found"), (eve, "burn", "m1", 404, "not_found"),
                    (ann, "revoke", "none", 404, "not_found"), (ann, "update", "m2", 410, "message_revoked"),
                    (bob, "burn", "m2", 410, "message_revoked"), (ann, "update", "m3", 410, "message_burned"),
                    (ann, "revoke", "m3", 410, "message_burned"),
                ]
                for (device, operation, id, status, code) in cases {
                    let overMQTT = try await refusal {
                        try await device.client.request(
                            operation, ["id": .string(id), "content": content])
                    }
                    #expect(overMQTT.code == code, "\(operation) \(id)")
                    let overHTTP = try await story.raw(
                        "POST", "/v1/messages/\(id)/\(operation)", body: #"{"content":{"text":"x"}}"#,
                        token: device.session.credential.value)
                    #expect(overHTTP.status == status && overHTTP.json["code"]?.string == code, "\(operation) \(id)")
                }
                let noID = try await refusal { try await ann.client.request("revoke", [:]) }
                #expect(noID.code == "invalid_request")
                let app = try await refusal { try await story.app.burnMessage("m1") }
                #expect(app.status == 403 && app.code == "forbidden")
                // Nothing of it has changed anything.
                #expect(try await story.app.message("m1")["message"]?["content"]?["text"]?.string == "hi")
            }
        }

        @Test func `a message that is revoked while the broker is away goes out without its content`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let bob = try await story.device("bob")
                // As often as it is started again, until the message is sent and revoked.
                let killing = Task {
                    try await eventually("the message is sent and revoked", within: .seconds(120)) {
                        story.gateway.killBroker()
                        return false
                    }
                }
                defer { killing.cancel() }
                try await eventually("the gateway has noticed") {
                    let ready = try await story.raw("GET", "/readyz")
                    return ready.status == 503
                }
                let sender = story.api(ann)
                try await sender.send(OutgoingMessage(id: "m1", to: bob.account, text: "regrettable"))
                try await sender.revokeMessage("m1")
                killing.cancel()
                let entry = try await bob.entry("m1", within: .seconds(40))
                #expect(entry.isRevoked && entry.json["content"] == .null)
                _ = try await eventually("the event follows") { bob.received.first { $0.type.rawValue == 257 } }
                #expect(!bob.received.map(\.json.description).joined().contains("regrettable"))
            }
        }

        @Test func `a shown notification is replaced when its message is edited or revoked`() async throws {
            try await withVendors { story, simulator in
                let token = DeviceRegistration.PushToken(vendor: "fcm", token: "token-of-bob")
                let bob = try await story.register("bob", tokens: [token])
                let ann = try await story.register("ann")
                let sender = story.api(ann)
                for id in ["edited", "revoked"] {
                    var message = OutgoingMessage(id: id, to: bob.account, text: "first words")
                    message.push = ["collapseId": .string("key-\(id)")]
                    try await sender.send(message)
                    let shown = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == id }
                    #expect(shown.body == "first words")
                    try await story.trace(id, user: "bob") { $0["outcome"]?.string == "pushed" }
                }
                try await sender.updateMessage("edited", content: ["text": "second words"])
                try await sender.revokeMessage("revoked")
                for (id, words) in ["edited": "second words", "revoked": "Message withdrawn"] {
                    let push = try await simulator.waitForPush(within: .seconds(10)) {
                        $0.messageId == id && $0.body == words
                    }
                    let first = try #require(simulator.pushes { $0.messageId == id }.first)
                    #expect(push.replaceKey == first.replaceKey && push.replaceKey?.contains("key-\(id)") == true)
                    #expect(push.token == token.token && push.isShown)
                    #expect(push.payload.contains("NORMAL") && !push.payload.contains(#""sound""#))
                    let trace = try await story.trace(id, user: "bob") {
                        ($0["stages"]?.array ?? []).count { $0["stage"]?.string == "push_accepted" } == 2
                    }
                    #expect(trace["outcome"]?.string == "pushed")
                    #expect(simulator.pushes { $0.messageId == id }.count == 2)
                }
            }
        }
    }
}
