import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// One message to everyone, and to everyone with a tag.
    @Suite struct BroadcastStories {
        private static func token(_ name: String) -> DeviceRegistration.PushToken {
            .init(vendor: SimulatedVendor.fcm.rawValue, token: "token-of-\(name)")
        }

        private func message(_ id: String, _ audience: JSONValue) -> OutgoingMessage {
            var message = OutgoingMessage(id: id, to: nil, text: "Good morning, all")
            message.audience = audience
            return message
        }

        private func job(
            _ id: String, in story: Story, _ condition: @Sendable (GatewayAPI.Broadcast) -> Bool
        ) async throws -> GatewayAPI.Broadcast {
            try await eventually("the broadcast \(id) is as expected") {
                let job = try await story.app.broadcast(id)
                return condition(job) ? job : nil
            }
        }

        private func isOnline(_ user: String, _ isWanted: Bool, in story: Story) async throws {
            try await eventually("\(user) is \(isWanted ? "online" : "away")") {
                try await story.app.account(userID: user)["devices"]?.array?.first?["online"]?.bool == isWanted
            }
        }

        @Test func `a broadcast reaches who is connected once, the others by push and by sync`() async throws {
            try await withVendors { story, simulator in
                let ann = try await story.device("ann", tokens: [Self.token("ann")])
                let bob = try await story.device("bob", tokens: [Self.token("bob")])
                let away = StoryDevice(try await story.register("cat", tokens: [Self.token("cat")]), loop: story.loop)
                try await away.connect()
                try await isOnline("cat", true, in: story)
                await away.client.disconnect()
                // The broker tells of both up to 100 ms later: a push alone could come before it has told of the first.
                try await isOnline("cat", false, in: story)
                try await story.app.send(OutgoingMessage(id: "probe", to: "user:cat", text: "hello?"))
                _ = try await simulator.waitForPush(within: .seconds(20)) { $0.messageId == "probe" }

                let answer = try await story.app.call(
                    .post, ["v1", "messages"], body: message("b1", ["all": true]).json)
                #expect(answer.status == 202)
                for device in [ann, bob] {
                    let entry = try await device.entry("b1")
                    #expect(entry.channel == .broadcast && entry.seq == 1 && entry.to == "*")
                    #expect(entry.content?["text"]?.string == "Good morning, all")
                }
                let push = try await simulator.waitForPush(within: .seconds(8)) { $0.messageId == "b1" }
                #expect(push.token == "token-of-cat")
                // The connected ones have confirmed it, so their deadline passes without a push.
                let done = try await job("b1", in: story) { $0.state == .done && $0.pushed == 1 }
                #expect(done.audience == 3 && done.published == 3 && done.acknowledged == 2 && done.failed == 0)
                #expect(simulator.pushes { $0.messageId == "b1" }.count == 1)
                try await story.trace("b1", user: "cat") { $0["outcome"]?.string == "pushed" }

                // Nothing of it is in an inbox; the channel has it for who comes back.
                try await away.connect()
                #expect(try await away.entry("b1").channel == .broadcast)
                #expect(try await StoryDevice.inbox(story.api(away.session)).map(\.id) == ["probe"])
                let page = try await story.api(away.session).sync(after: 0, broadcastAfter: 0)
                #expect(page.broadcast.items.map(\.id) == ["b1"] && page.broadcast.head == 1 && !page.broadcast.more)
                _ = try await job("b1", in: story) { $0.acknowledged == 3 }
                #expect(ann.ids == ["b1"] && bob.ids == ["b1"] && away.ids == ["probe", "b1"])

                // A new device begins behind it.
                let new = try await story.register("new", tokens: [Self.token("new")])
                #expect(new.broadcastSeq == 1)
                let again = try await story.app.call(
                    .post, ["v1", "messages"], body: message("b1", ["all": true]).json)
                #expect(again.status == 202)
                #expect(try again.json()["duplicate"]?.bool == true && again.json()["recipients"]?.integer == 3)
            }
        }

        @Test func `a broadcast is there after a kill, published and pushed once`() async throws {
            try await withVendors { story, simulator in
                let ann = try await story.device("ann", tokens: [Self.token("ann")])
                for number in 0..<5 {
                    _ = try await story.register("off\(number)", tokens: [Self.token("off\(number)")])
                }
                for number in 0..<3 {
                    _ = try await story.app.send(message("b\(number)", ["all": true]))
                }
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                for number in 0..<3 {
                    #expect(try await ann.entry("b\(number)").seq == Int64(number + 1))
                    _ = try await job("b\(number)", in: story) { $0.state == .done && $0.pushed == 5 }
                    for user in 0..<5 {
                        #expect(simulator.alertsRung(token: "token-of-off\(user)", messageId: "b\(number)") == 1)
                    }
                }
                #expect(ann.ids == ["b0", "b1", "b2"])
            }
        }

        @Test func `everyone with a tag gets a copy in the inbox`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                _ = try await story.app.call(
                    .put, ["v1", "tags", "blue", "members"], body: ["users": ["ann", "absent"]])
                let answer = try await story.app.call(
                    .post, ["v1", "messages"], body: message("t1", ["tags": ["any": ["blue", "none"]]]).json)
                #expect(answer.status == 202)
                #expect(try answer.json()["unknown"]?.array?.map(\.string) == ["none"])
                let entry = try await ann.entry("t1")
                #expect(entry.channel == .inbox && entry.seq == 1 && entry.to == ann.account)
                let done = try await job("t1", in: story) { $0.state == .done && $0.acknowledged == 1 }
                #expect(done.audience == 2 && done.published == 2)
                #expect(bob.ids == [])
                let refused = try await refusal {
                    try await story.app.send(message("t2", ["tags": ["any": ["none"]]]))
                }
                #expect(refused.status == 404 && refused.code == "recipient_not_found")
                let late = try await refusal { try await story.app.cancelBroadcast("t1") }
                #expect(late.status == 409 && late.code == "conflict")
            }
        }
    }
}
