import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// When the second road is taken, and when it is not.
    @Suite struct FallbackStories {
        private typealias Token = DeviceRegistration.PushToken

        private static let vendors = [SimulatedVendor.apns, .fcm, .webhook]

        private static func token(_ vendor: SimulatedVendor, _ name: String) -> DeviceRegistration.PushToken {
            // APNs: 64 hexadecimal digits.
            let hex = name.utf8.map { String($0, radix: 16) }.joined()
            let text = vendor == .apns ? hex + String(repeating: "0", count: 64 - hex.count) : "token-of-\(name)"
            return Token(vendor: vendor.rawValue, token: text)
        }

        private func stages(_ trace: JSONValue) -> [String] {
            trace["stages"]?.array?.compactMap { $0["stage"]?.string } ?? []
        }

        /// Presence is certain: from now on who is not connected is away.
        private func presenceIsCertain(_ story: Story, _ simulator: VendorSimulator) async throws {
            let token = Self.token(.webhook, "probe")
            _ = try await story.register("probe", tokens: [token])
            try await story.app.send(OutgoingMessage(id: "probe", to: "user:probe", text: "probe"))
            _ = try await simulator.waitForPush(within: .seconds(10)) { $0.token == token.token }
        }

        @Test func `a device that is away is pushed at once, through each vendor`() async throws {
            try await withVendors { story, simulator in
                for vendor in Self.vendors {
                    let user = "user-\(vendor)"
                    let token = Self.token(vendor, user)
                    _ = try await story.register(user, tokens: [token])
                    var message = OutgoingMessage(id: "m-\(vendor)", to: "user:\(user)", text: "Good morning")
                    message.push = ["title": "Ann", "data": ["page": "7"]]
                    let receipt = try await story.app.send(message)
                    let push = try await simulator.waitForPush(within: .seconds(8)) { $0.token == token.token }
                    #expect(push.vendor == vendor && push.messageId == message.id && push.isShown)
                    #expect(push.title == "Ann" && push.body == "Good morning")
                    // Long before the deadline that a connected device has.
                    #expect(push.receivedAt - receipt.serverTime < 8000)
                    let trace = try await story.trace(message.id, user: user) { $0["outcome"]?.string == "pushed" }
                    #expect(stages(trace).contains("push_queued") && stages(trace).last == "push_accepted")
                    let last = trace["stages"]?.array?.last
                    #expect(last?["vendor"]?.string == vendor.rawValue)
                    // A webhook's receiver gives no id.
                    #expect(vendor == .webhook || last?["vendorId"]?.string == push.vendorId)
                    #expect(simulator.alertsRung(token: token.token, messageId: message.id) == 1)
                    #expect(!trace.description.contains(token.token))
                }
                // A data message goes out without a sound.
                var silent = OutgoingMessage(id: "silent", to: "user:user-fcm", text: "data")
                silent.isBackground = true
                try await story.app.send(silent)
                let push = try await simulator.waitForPush(within: .seconds(8)) { $0.messageId == "silent" }
                #expect(push.form == .silent)
                #expect(!story.gateway.log.contains("token-of-"))
            }
        }

        @Test func `a connected device that does not acknowledge is pushed after its deadline, once`() async throws {
            try await withVendors { story, simulator in
                let token = Self.token(.fcm, "bob")
                let bob = try await story.device("bob", tokens: [token]) { $0.acknowledgement = .never }
                let good = Self.token(.fcm, "cat")
                let cat = try await story.device("cat", tokens: [good])
                for number in 1...2 {
                    var message = OutgoingMessage(id: "m-\(number)", to: nil, text: "hello?")
                    message.push = ["after": 1]
                    message.to = bob.account
                    let receipt = try await story.app.send(message)
                    let push = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "m-\(number)" }
                    #expect(push.token == token.token)
                    #expect(push.receivedAt - receipt.serverTime >= 900)
                    #expect(bob.ids.contains("m-\(number)"))
                    message.to = cat.account
                    message.id = "c-\(number)"
                    try await story.app.send(message)
                }
                let pushed = try await story.trace("m-1", user: "bob") { $0["outcome"]?.string == "pushed" }
                #expect(stages(pushed).starts(with: ["archived", "published", "push_queued"]))
                for number in 1...2 {
                    #expect(simulator.alertsRung(token: token.token, messageId: "m-\(number)") == 1)
                    try await story.trace("c-\(number)", user: "cat") { $0["outcome"]?.string == "acknowledged" }
                }
                #expect(simulator.pushes { $0.token == good.token }.isEmpty)
                // Said in the foreground's stead: the shorter deadline of the background.
                try await bob.client.setAppState(.background)
                let receipt = try await story.app.send(OutgoingMessage(id: "m-3", to: bob.account, text: "hello?"))
                let push = try await simulator.waitForPush(within: .seconds(8)) { $0.messageId == "m-3" }
                #expect((1900..<8000).contains(push.receivedAt - receipt.serverTime))
            }
        }

        @Test(arguments: [true, false])
        func `a device that leaves without acknowledging is pushed at once`(saysGoodbye: Bool) async throws {
            try await withVendors { story, simulator in
                try await presenceIsCertain(story, simulator)
                let token = Self.token(.apns, "bob")
                let bob = try await story.device("bob", tokens: [token]) { $0.acknowledgement = .never }
                let receipt = try await story.app.send(OutgoingMessage(id: "m", to: "user:bob", text: "hello?"))
                _ = try await bob.entry("m")
                #expect(simulator.pushes { $0.token == token.token }.isEmpty)
                await bob.client.disconnect(sendsDisconnect: saysGoodbye)
                let push = try await simulator.waitForPush(within: .seconds(8)) { $0.token == token.token }
                #expect(push.receivedAt - receipt.serverTime < 8000)
            }
        }

        @Test func `a late acknowledgement cancels what still waits`() async throws {
            try await withVendors { story, simulator in
                let token = Self.token(.fcm, "bob")
                let bob = try await story.register("bob", tokens: [token])
                try simulator.inject(.serverError(status: 503, retryAfter: .seconds(60)), into: .fcm, requests: 1)
                let receipt = try await story.app.send(OutgoingMessage(id: "m", to: "user:bob", text: "hello?"))
                // The vendor has the request before the gateway has written the answer down.
                try await story.trace("m", user: "bob") { stages($0).contains("push_failed") }
                try await story.api(bob).acknowledge(seq: 1)
                let trace = try await story.trace("m", user: "bob") { stages($0).contains("push_skipped") }
                #expect(trace["outcome"]?.string == "acknowledged")
                #expect(trace.description.contains(#""push_failed""#))
                #expect(simulator.pushes().isEmpty)
                #expect(receipt.recipients == 1)
            }
        }

        @Test func `a vendor's fault is tried again, a dead token moves on to the next`() async throws {
            try await withVendors { story, simulator in
                try simulator.inject(.serverError(status: 503, retryAfter: .seconds(1)), into: .apns, requests: 1)
                let apns = Self.token(.apns, "cat")
                _ = try await story.register("cat", tokens: [apns])
                try await story.app.send(OutgoingMessage(id: "again", to: "user:cat", text: "hello?"))

                let dead = Self.token(.fcm, "bob")
                let next = Self.token(.webhook, "bob")
                let bob = try await story.register("bob", tokens: [dead, next])
                try simulator.inject(.deadTokens([dead.token], code: nil, timestamp: nil), into: .fcm)
                try await story.app.send(OutgoingMessage(id: "on", to: "user:bob", text: "hello?"))

                let moved = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "on" }
                #expect(moved.vendor == .webhook)
                let trace = try await story.trace("on", user: "bob") { $0["outcome"]?.string == "pushed" }
                #expect(
                    stages(trace).filter { $0.hasPrefix("push_") } == ["push_queued", "push_failed", "push_accepted"])
                let requests = simulator.counters(.fcm).requests
                try await story.app.send(OutgoingMessage(id: "direct", to: "user:bob", text: "hello?"))
                _ = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "direct" }
                #expect(simulator.counters(.fcm).requests == requests)
                // Registering it again revives it.
                simulator.clearFaults()
                _ = try await story.register("bob", tokens: [dead, next])
                try await story.app.send(OutgoingMessage(id: "revived", to: "user:bob", text: "hello?"))
                let revived = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "revived" }
                #expect(revived.vendor == .fcm && bob.userID == "bob")

                let second = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "again" }
                #expect(second.token == apns.token)
                let retried = try await story.trace("again", user: "cat") { $0["outcome"]?.string == "pushed" }
                #expect(
                    stages(retried).filter { $0.hasPrefix("push_") } == ["push_queued", "push_failed", "push_accepted"])
                #expect(simulator.alertsRung(token: apns.token, messageId: "again") == 1)
            }
        }

        @Test func `when it is not known whether a push arrived, it is seen once all the same`() async throws {
            try await withVendors(.init(), SimulatedVendor.allCases) { story, simulator in
                // The vendor has it, the answer is lost: by a broken connection, or by silence for ten seconds.
                var tokens: [SimulatedVendor: String] = [:]
                for vendor in SimulatedVendor.allCases {
                    let fault = vendor == .apns ? VendorFault.hang(afterAccepting: true) : .reset(afterAccepting: true)
                    try simulator.inject(fault, into: vendor, requests: 1)
                    let token = try simulator.token(vendor, "\(vendor)")
                    tokens[vendor] = token.token
                    _ = try await story.register("\(vendor)", tokens: [token])
                    try await story.app.send(OutgoingMessage(id: "m-\(vendor)", to: "user:\(vendor)", text: "hello?"))
                }
                for (vendor, token) in tokens {
                    // Nothing says that a toast replaces another: Windows is not asked twice.
                    let outcome = vendor == .wns ? "not_pushed" : "pushed"
                    try await story.trace("m-\(vendor)", user: "\(vendor)", within: .seconds(30)) {
                        $0["outcome"]?.string == outcome
                    }
                    #expect(simulator.pushes { $0.token == token }.count == (vendor == .wns ? 1 : 2), "\(vendor)")
                    #expect(simulator.visible(token: token).count == 1, "\(vendor)")
                }
            }
        }

        @Test func `what must not go out does not, and the trace says why`() async throws {
            try await withVendors { story, simulator in
                try await presenceIsCertain(story, simulator)
                func send(_ id: String, _ user: String, _ push: JSONValue? = nil) async throws {
                    var message = OutgoingMessage(id: id, to: "user:\(user)", text: "hello?")
                    message.push = push
                    try await story.app.send(message)
                }
                func token(_ name: String) -> DeviceRegistration.PushToken { Self.token(.fcm, name) }
                let off = try await story.register("off", tokens: [token("off")])
                try await story.api(off).updateThisDevice(["pushEnabled": false])
                _ = try await story.register("bare")
                _ = try await story.register("quiet", tokens: [token("quiet")])
                _ = try await story.register("exotic", tokens: [.init(vendor: "meizu", token: "token-of-exotic")])
                try await send("off", "off")
                try await send("bare", "bare")
                try await send("quiet", "quiet", ["policy": "never"])
                try await send("exotic", "exotic")
                let reasons = [
                    "off": "push_disabled", "bare": "no_token", "quiet": "policy_never",
                    "exotic": "vendor_not_configured",
                ]
                for (user, reason) in reasons {
                    let trace = try await story.trace(user, user: user) { $0["outcome"]?.string == "not_pushed" }
                    #expect(trace["reason"]?.string == reason, "\(trace)")
                }

                // What waits for another try goes no more, whatever ends it.
                try simulator.inject(.serverError(status: 503, retryAfter: .seconds(60)), into: .fcm, requests: 3)
                let gone = try await story.register("gone", tokens: [token("gone")])
                let mute = try await story.register("mute", tokens: [token("mute")])
                let phone = try await story.register("old", code: "phone", tokens: [token("phone")])
                for user in ["gone", "mute", "old"] { try await send("late-\(user)", user) }
                for user in ["gone", "mute", "old"] {
                    try await story.trace("late-\(user)", user: user) { stages($0).contains("push_failed") }
                }
                try await story.api(gone).deregisterThisDevice()
                try await story.api(mute).updateThisDevice(["pushEnabled": false])
                _ = try await story.register("new", code: "phone", tokens: [token("phone")])
                for (user, reason) in ["gone": "deregistered", "mute": "push_disabled", "old": "deregistered"] {
                    let trace = try await story.trace("late-\(user)", user: user) {
                        $0["outcome"]?.string == "not_pushed"
                    }
                    #expect(trace["reason"]?.string == reason, "\(trace)")
                }
                #expect(phone.isNew)
                #expect(simulator.pushes().map(\.messageId) == ["probe"])
            }
        }
    }
}
