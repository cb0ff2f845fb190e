import Foundation
import PushGateClient
import PushSimulators
import Synchronization
import TestWaiting
import Testing

extension GatewayStories {
    /// Accepted is accepted, whatever dies.
    @Suite struct KillStories {
        /// A device that comes back must be there before it counts as away.
        private var options: GatewayProcess.Options {
            var options = GatewayProcess.Options()
            options.presenceDoubtSeconds = 3
            return options
        }

        private func senders(_ story: Story) async throws -> [StoryDevice] {
            var senders: [StoryDevice] = []
            for number in 0..<4 {
                senders.append(try await story.device("sender-\(number)") { $0.requestTimeout = .seconds(60) })
            }
            return senders
        }

        /// Every message is in the inbox once, without a gap, and so is it at the device.
        private func expectAll(_ ids: [String], at bob: StoryDevice, _ story: Story) async throws {
            let inbox = try await StoryDevice.inbox(story.api(bob.session))
            #expect(inbox.compactMap(\.seq) == Array(1...Int64(ids.count)))
            #expect(inbox.map(\.id).sorted() == ids.sorted())
            try await eventually("bob has everything", within: .seconds(30)) { bob.ids.count >= ids.count }
            #expect(bob.received.compactMap(\.seq) == Array(1...Int64(ids.count)))
            #expect(bob.ids == inbox.map(\.id))
            #expect(bob.client.counters.missing == 0)
        }

        private func isOnline(_ user: String, _ story: Story) async throws -> Bool? {
            try await story.app.account(userID: user)["devices"]?.array?.first?["online"]?.bool
        }

        @Test(arguments: [
            (after: 5, withBroker: false), (after: 60, withBroker: false), (after: 200, withBroker: true),
        ])
        func `the gateway is killed in the middle of sends at both doors`(
            after: Int, withBroker: Bool
        ) async throws {
            try await withStory(options) { story in
                let bob = try await story.device("bob")
                let senders = try await senders(story)
                let before = story.gateway.brokers
                #expect(before.count == 1)
                let traffic = Traffic(300, from: senders, to: bob.account, story)
                let atKill = Mutex<[String: SendReceipt]>([:])
                try await traffic.run(disturbedAfter: after) {
                    if withBroker { story.gateway.killBroker() }
                    try await story.gateway.kill()
                    atKill.withLock { $0 = traffic.receipts }
                    try await story.gateway.start(client: story.client)
                }
                #expect(traffic.receipts.count == 300)
                #expect(atKill.withLock { $0.count } < 300)
                try await expectAll(traffic.ids, at: bob, story)
                #expect(try await traffic.repeatAll() == [])
                try await expectAll(traffic.ids, at: bob, story)
                // The dead gateway's broker is gone, and there is one on the same port.
                try await eventually("exactly one broker") {
                    story.gateway.brokers.count == 1 && story.gateway.brokers != before
                }
                #expect(Loopback.accepts(story.gateway.mqttPort))
            }
        }

        @Test func `the broker is killed in the middle of sends`() async throws {
            try await withStory(options) { story in
                let bob = try await story.device("bob")
                let away = try await story.device("away")
                let senders = try await senders(story)
                let before = story.gateway.brokers
                let traffic = Traffic(300, from: senders, to: bob.account, story)
                try await traffic.run(disturbedAfter: 60) {
                    story.gateway.killBroker()
                    await away.client.disconnect(sendsDisconnect: false)
                }
                try await expectAll(traffic.ids, at: bob, story)
                #expect(story.gateway.brokers.count == 1 && story.gateway.brokers != before)
                try await eventually("bob is online again") { try await isOnline("bob", story) == true }
                try await eventually("who did not come back is offline") { try await isOnline("away", story) == false }
                try await away.connect()
                try await eventually("presence is right again") { try await isOnline("away", story) == true }
                #expect(try await traffic.repeatAll() == [])
            }
        }

        @Test func `the gateway is killed in the middle of pushes, and each is seen once`() async throws {
            try await withVendors { story, simulator in
                let count = 40
                for number in 0..<count {
                    let token = DeviceRegistration.PushToken(vendor: "fcm", token: "token-\(number)")
                    _ = try await story.register("user-\(number)", tokens: [token])
                }
                try simulator.inject(.slow(milliseconds: 150), into: .fcm)
                for number in 0..<count {
                    try await story.app.send(
                        OutgoingMessage(id: "m-\(number)", to: "user:user-\(number)", text: "hello?"))
                }
                try await eventually("some are pushed") { simulator.counters(.fcm).accepted >= 5 }
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                for number in 0..<count {
                    _ = try await simulator.waitForPush(within: .seconds(30)) { $0.token == "token-\(number)" }
                    try await story.trace("m-\(number)", user: "user-\(number)") { $0["outcome"]?.string == "pushed" }
                    #expect(simulator.visible(token: "token-\(number)").map(\.messageId) == ["m-\(number)"])
                }
            }
        }

        @Test func `deadlines that ran when the gateway was killed are kept, acknowledgements too`() async throws {
            try await withVendors(options) { story, simulator in
                let late = DeviceRegistration.PushToken(vendor: "fcm", token: "token-late")
                let good = DeviceRegistration.PushToken(vendor: "fcm", token: "token-good")
                let bob = try await story.device("bob", tokens: [late]) { $0.acknowledgement = .never }
                let cat = try await story.device("cat", tokens: [good])
                for user in ["bob", "cat"] {
                    var message = OutgoingMessage(id: "m-\(user)", to: "user:\(user)", text: "hello?")
                    message.push = ["after": 2]
                    try await story.app.send(message)
                }
                _ = try await bob.entry("m-bob")
                try await eventually("cat's acknowledgement is confirmed") { cat.client.acknowledgedSeq == 1 }
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                let push = try await simulator.waitForPush(within: .seconds(20)) { $0.messageId == "m-bob" }
                #expect(push.token == late.token)
                try await story.trace("m-bob", user: "bob") { $0["outcome"]?.string == "pushed" }
                try await story.trace("m-cat", user: "cat") { $0["outcome"]?.string == "acknowledged" }
                // What was decided is not decided again by the next start.
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                try await story.app.send(OutgoingMessage(id: "next", to: "user:bob", text: "hello?"))
                await bob.client.disconnect()
                _ = try await simulator.waitForPush(within: .seconds(20)) { $0.messageId == "next" }
                #expect(simulator.alertsRung(token: late.token, messageId: "m-bob") == 1)
                #expect(simulator.pushes { $0.token == good.token }.isEmpty)
            }
        }

        @Test func `one data directory has one gateway`() async throws {
            try await withStory { story in
                let second = try await story.gateway.startSecond()
                #expect(second.ending == .exited(1))
                #expect(second.errors.contains("\(try #require(story.gateway.processID))"), "\(second.errors)")
                _ = try await story.register("ann")
            }
        }

        @Test func `SIGTERM under load finishes what was begun, exits 0 and leaves nothing behind`() async throws {
            try await withStory(options) { story in
                let bob = try await story.device("bob")
                let senders = try await senders(story)
                let traffic = Traffic(300, from: senders, to: bob.account, story)
                try await traffic.run(disturbedAfter: 60) {
                    #expect(try await story.gateway.terminate() == .exited(0))
                    #expect(story.gateway.brokers == [])
                    #expect(!Loopback.accepts(story.gateway.httpPort) && !Loopback.accepts(story.gateway.mqttPort))
                    try await story.gateway.start(client: story.client)
                }
                try await expectAll(traffic.ids, at: bob, story)
                let started = ContinuousClock.now
                #expect(try await story.gateway.terminate() == .exited(0))
                // Nothing to finish: no waiting either.
                #expect(ContinuousClock.now - started < .seconds(10))
                try await story.gateway.start(client: story.client)
            }
        }

        @Test func `a gateway that stood still for three seconds has lost nothing`() async throws {
            try await withStory(options) { story in
                let bob = try await story.device("bob")
                let senders = try await senders(story)
                let traffic = Traffic(300, from: senders, to: bob.account, story)
                try await traffic.run(disturbedAfter: 60) {
                    story.gateway.signal(SIGSTOP)
                    try await Task.sleep(for: .seconds(3))  // the pause is what is tried here
                    story.gateway.signal(SIGCONT)
                }
                try await expectAll(traffic.ids, at: bob, story)
                #expect(try await isOnline("bob", story) == true)
                #expect(story.gateway.brokers.count == 1)
            }
        }
    }
}
