import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    /// Events after the fact, as a tenant's service gets them.
    @Suite struct WebhookStories {
        private static let people = ["ann", "bob", "cid", "dee"]

        /// Receivers and senders of a story, and what was sent.
        private struct Cast {
            let story: Story
            let sessions: [String: DeviceSession]
            var sent: [String: [String]] = [:]

            init(_ story: Story) async throws {
                self.story = story
                var sessions: [String: DeviceSession] = [:]
                for person in people { sessions[person] = try await story.register(person) }
                self.sessions = sessions
            }

            /// Everybody sends so many messages, one after the other.
            mutating func talk(_ count: Int, _ name: String) async throws {
                for number in 0..<count {
                    for (person, session) in sessions.sorted(by: { $0.key < $1.key }) {
                        let id = "\(name)-\(person)-\(number)"
                        let to = sessions[person == "ann" ? "bob" : "ann"]?.account
                        try await story.api(session).send(OutgoingMessage(id: id, to: to, text: id))
                        sent[person, default: []].append(id)
                    }
                }
            }

            var all: Set<String> { Set(sent.values.joined()) }
            var count: Int { sent.values.reduce(0) { $0 + $1.count } }

            /// Everything has arrived, each person's messages in the order in which they were sent.
            func expectAll(at receiver: WebhookReceiver, _ location: SourceLocation = #_sourceLocation) {
                let ids = receiver.messageIDs
                #expect(Set(ids) == all, sourceLocation: location)
                for (person, own) in sent {
                    let arrived = ids.filter { $0.contains("-\(person)-") }
                    #expect(arrived == own, "\(person)", sourceLocation: location)
                }
                #expect(receiver.badSignatures == 0, sourceLocation: location)
            }
        }

        private func arrived(_ count: Int, at receiver: WebhookReceiver, within limit: Duration) async throws {
            try await eventually("\(count) messages at the receiver, not \(receiver.messageIDs.count)", within: limit) {
                receiver.messageIDs.count >= count
            }
        }

        @Test(arguments: [1, 50])
        func `a receiver that fails, hangs and comes back gets everything in order, through two kills`(
            eventsPerRequest: Int
        ) async throws {
            let receiver = try await WebhookReceiver.start()
            try await withStory { story in
                try await story.app.setWebhook(
                    receiver, events: ["message.sent", "device.registered"], eventsPerRequest: eventsPerRequest)
                var cast = try await Cast(story)
                try await cast.talk(5, "well")
                try await arrived(cast.count, at: receiver, within: .seconds(10))

                receiver.set(.answers(.internalServerError))
                let before = receiver.refused
                try await cast.talk(5, "refused")
                try await eventually("the gateway has noticed") { receiver.refused >= before + 3 }
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)

                receiver.set(.hangs)
                try await cast.talk(5, "hanging")
                let hanging = receiver.refused
                try await eventually("requests hang", within: .seconds(30)) { receiver.refused > hanging }
                try await story.gateway.kill()
                receiver.set(.takes)
                try await story.gateway.start(client: story.client)

                try await cast.talk(5, "again")
                try await arrived(cast.count, at: receiver, within: .seconds(40))
                cast.expectAll(at: receiver)
                #expect(receiver.paths == ["/events"])
                // What was under way when it was killed may come twice, under the same id; not what was taken before.
                let early = receiver.taken.filter { $0.messageID?.hasPrefix("well-") ?? false }
                #expect(early.allSatisfy { receiver.counts[$0.id] == 1 })
                // Nothing is left: a third start tells nothing new.
                let count = receiver.counts.values.reduce(0, +)
                try await eventually("all is written down") {
                    let lines = try await story.metrics().split(separator: "\n")
                    return lines.contains("pushgate_webhook_events_waiting 0")
                }
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                try await cast.talk(1, "last")
                try await arrived(cast.count, at: receiver, within: .seconds(10))
                cast.expectAll(at: receiver)
                #expect(receiver.counts.values.reduce(0, +) == count + Self.people.count)
            }
            await receiver.stop()
        }

        @Test func `a receiver that hangs comes back without a restart, and holds up nobody else`() async throws {
            let (receiver, other) = (try await WebhookReceiver.start(), try await WebhookReceiver.start())
            try await withStory { story in
                try await story.admin.createTenant("other", name: "Other")
                let app = try await story.admin.createApp(tenantNo: "other", name: "Shop")
                let neighbour = story.admin.authorized(by: .app(id: app.id, secret: app.secret))
                try await story.app.setWebhook(receiver, events: ["message.sent"])
                try await neighbour.setWebhook(other, events: ["message.sent"])
                try await neighbour.importAccounts(["zoe"])
                var cast = try await Cast(story)
                receiver.set(.hangs)
                try await cast.talk(6, "hanging")
                try await eventually("requests hang") { receiver.refused >= 4 }
                for number in 0..<20 {
                    try await neighbour.send(OutgoingMessage(id: "n-\(number)", to: "user:zoe", text: "hello"))
                }
                try await eventually("the neighbour's events", within: .seconds(5)) { other.messageIDs.count == 20 }
                #expect(receiver.messageIDs.isEmpty)
                receiver.set(.takes)
                try await arrived(cast.count, at: receiver, within: .seconds(60))
                cast.expectAll(at: receiver)
            }
            await receiver.stop()
            await other.stop()
        }

        @Test func `a redirect is a failure and nobody follows it`() async throws {
            let (receiver, other) = (try await WebhookReceiver.start(), try await WebhookReceiver.start())
            try await withStory { story in
                receiver.set(.answers(.temporaryRedirect, ["location": other.url]))
                try await story.app.setWebhook(receiver, events: ["message.sent"])
                var cast = try await Cast(story)
                try await cast.talk(1, "m")
                try await eventually("a redirect was answered") { receiver.refused >= 4 }
                receiver.set(.takes)
                try await arrived(cast.count, at: receiver, within: .seconds(30))
                cast.expectAll(at: receiver)
                #expect(other.requests == 0)
            }
            await receiver.stop()
            await other.stop()
        }

        @Test func `a webhook that is changed or taken away takes effect at once`() async throws {
            let (receiver, other) = (try await WebhookReceiver.start(), try await WebhookReceiver.start())
            try await withStory { story in
                receiver.set(.answers(.internalServerError))
                try await story.app.setWebhook(receiver, events: ["message.sent"])
                var cast = try await Cast(story)
                try await cast.talk(4, "m")
                try await eventually("it is down") { receiver.refused >= 5 }
                // What waits goes to the new address, and at once.
                try await story.app.setWebhook(other, events: ["message.sent"])
                try await arrived(cast.count, at: other, within: .seconds(5))
                cast.expectAll(at: other)
                _ = try await story.app.call(.delete, ["v1", "settings", "webhook"])
                let sent = other.requests
                try await cast.talk(2, "gone")
                try await story.app.setWebhook(other, events: ["message.sent"])
                try await cast.talk(1, "new")
                try await eventually("new events arrive") { other.messageIDs.contains("new-dee-0") }
                #expect(!other.messageIDs.contains { $0.hasPrefix("gone") })
                #expect(other.requests == sent + Self.people.count)
            }
            await receiver.stop()
            await other.stop()
        }

        @Test func `what was erased while the receiver was away is not told`() async throws {
            let receiver = try await WebhookReceiver.start()
            try await withStory { story in
                receiver.set(.answers(.serviceUnavailable))
                try await story.app.setWebhook(receiver, events: ["message.sent", "message.revoked"])
                var cast = try await Cast(story)
                try await cast.talk(1, "m")
                try await eventually("it is refused") { receiver.refused >= 4 }
                try await story.app.revokeMessage("m-ann-0")
                receiver.set(.takes)
                try await eventually("all arrive", within: .seconds(30)) { receiver.takenCount == 5 }
                let told = try #require(receiver.taken.first { $0.messageID == "m-ann-0" })
                #expect(told.json["data"]?["message"]?["content"]?.isNull ?? true)
                #expect(receiver.taken.contains { $0.type == "message.revoked" })
            }
            await receiver.stop()
        }

        @Test func `a stopping gateway ends what is under way and keeps the rest`() async throws {
            let receiver = try await WebhookReceiver.start()
            try await withStory { story in
                try await story.app.setWebhook(receiver, events: ["message.sent"])
                var cast = try await Cast(story)
                try await cast.talk(10, "m")
                let ending = try await story.gateway.terminate()
                #expect(ending == .exited(0))
                try await story.gateway.start(client: story.client)
                try await arrived(cast.count, at: receiver, within: .seconds(20))
                cast.expectAll(at: receiver)
                #expect(receiver.counts.values.allSatisfy { $0 == 1 })
            }
            await receiver.stop()
        }
    }
}

extension Story {
    /// What `/metrics` says.
    func metrics() async throws -> String {
        String(decoding: try await api.call(.get, ["metrics"]).bytes, as: UTF8.self)
    }
}

extension GatewayStories {
    /// By hand: `PUSHGATE_THROUGHPUT=1 swift test --filter WebhookThroughput`.
    @Suite(.enabled(if: ProcessInfo.processInfo.environment["PUSHGATE_THROUGHPUT"] != nil))
    struct WebhookThroughputStories {
        @Test func `events to one endpoint in batches of 500`() async throws {
            let receiver = try await WebhookReceiver.start()
            try await withStory { story in
                receiver.set(.answers(.internalServerError))
                try await story.app.setWebhook(receiver, events: ["message.sent"], eventsPerRequest: 500)
                let people = try await story.app.importAccounts((0..<200).map { "p\($0)" })
                let accounts = people.compactMap { $0["account"]?.string }
                let count = 20_000
                for page in 0..<count / 500 {
                    _ = try await story.app.send(
                        (0..<500).map { number in
                            var message = OutgoingMessage(
                                id: "t-\(page)-\(number)", to: accounts[number % 200], text: "Good morning, number")
                            message.from = accounts[(number + 1) % 200]
                            return message
                        })
                }
                receiver.set(.takes)
                let first = try await eventually("it begins", within: .seconds(90)) {
                    receiver.takenCount > 0 ? ContinuousClock.now : nil
                }
                let already = receiver.takenCount
                try await eventually("all arrive", within: .seconds(60)) { receiver.takenCount == count }
                let seconds = (ContinuousClock.now - first) / .seconds(1)
                print("webhook throughput: \(Int(Double(count - already) / seconds)) events/s")
                #expect(receiver.badSignatures == 0)
            }
            await receiver.stop()
        }
    }
}
