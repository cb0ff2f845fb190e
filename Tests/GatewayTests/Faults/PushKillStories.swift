import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// A gateway that dies while pushes are under way.
    @Suite struct PushKillStories {
        private static let vendors = [SimulatedVendor.fcm, .huawei, .xiaomi]
        private static let people = 100

        @Test func `what was under way when the gateway was killed is seen once, and nothing is lost`() async throws {
            try await withVendors(.init(), Self.vendors + [.webhook]) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                var tokens: [String: String] = [:]
                for vendor in Self.vendors {
                    for number in 0..<Self.people {
                        let user = "\(vendor)-\(number)"
                        let token = try simulator.token(vendor, user)
                        tokens[user] = token.token
                        _ = try await story.register(user, tokens: [token])
                    }
                    // The vendor is slow, and for its first requests the answer never comes.
                    try simulator.inject(.slow(milliseconds: 400), into: vendor)
                    try simulator.inject(.hang(afterAccepting: true), into: vendor, requests: vendor == .fcm ? 30 : 1)
                }
                let group = try await story.app.createGroup(name: "All", users: tokens.keys.sorted())
                try await story.app.send(OutgoingMessage(id: "m", to: group, text: "Good morning, all"))
                try await eventually("some pushes are out, without an answer") {
                    simulator.counters(.fcm).accepted >= 20
                }
                try await story.gateway.kill()
                let before = simulator.pushes { $0.messageId == "m" }
                #expect((20..<tokens.count).contains(before.count))
                simulator.clearFaults()
                try await story.gateway.start(client: story.client)
                try await story.traces("m", users: tokens.keys, within: .seconds(30)) {
                    $0["outcome"]?.string == "pushed"
                }
                for (user, token) in tokens {
                    #expect(simulator.visible(token: token).map(\.messageId) == ["m"], "\(user)")
                    #expect(simulator.alertsRung(token: token, messageId: "m") <= 2, "\(user)")
                }
                // Some had no answer and went out again; what had its answer did not.
                #expect(simulator.pushes { $0.messageId == "m" }.count <= 2 * tokens.count)
            }
        }

        @Test func `of many pushes that wait while the gateway is killed again and again none is lost`() async throws {
            let vendors = [SimulatedVendor.fcm, .apns, .huawei]
            try await withVendors(.init(), vendors + [.webhook]) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                var tokens: [SimulatedVendor: [String]] = [:]
                for vendor in vendors {
                    for number in 0..<Self.people {
                        let token = try simulator.token(vendor, "\(vendor)-\(number)")
                        tokens[vendor, default: []].append(token.token)
                        _ = try await story.register("\(vendor)-\(number)", tokens: [token])
                    }
                    // The queue fills.
                    try simulator.inject(.expiredAuthorization, into: vendor)
                }
                let users = vendors.flatMap { vendor in (0..<Self.people).map { "\(vendor)-\($0)" } }
                let group = try await story.app.createGroup(name: "All", users: users)
                let ids = (0..<10).map { "m-\($0)" }
                for id in ids {
                    try await story.app.send(OutgoingMessage(id: id, to: group, text: "Good morning, all"))
                }
                for id in ids {
                    try await story.traces(id, users: users) { Self.stages($0).contains("push_queued") }
                }
                simulator.clearFaults()
                for vendor in vendors {
                    try simulator.inject(.slow(milliseconds: vendor == .huawei ? 300 : 30), into: vendor)
                }
                try await story.usePush(vendors, of: simulator)
                func arrived() -> Int { vendors.reduce(0) { $0 + simulator.counters($1).accepted } }
                for round in 1...4 {
                    try await eventually("round \(round) has sent some") { arrived() >= round * 500 }
                    try await story.gateway.kill()
                    try await story.gateway.start(client: story.client)
                }
                for id in ids {
                    try await story.traces(id, users: users, within: .seconds(60)) {
                        $0["outcome"]?.string == "pushed"
                    }
                }
                for (vendor, tokens) in tokens {
                    for token in tokens {
                        let shown = simulator.visible(token: token).compactMap(\.messageId)
                        #expect(Set(shown) == Set(ids) && shown.count == ids.count, "\(vendor) \(token): \(shown)")
                    }
                }
            }
        }

        /// Nothing says that a toast takes another's place, and a call rings each time that it comes.
        @Test func `what would be shown twice is not repeated after a kill, and the trace says so`() async throws {
            try await withVendors(.init(), [.wns, .apns, .fcm, .webhook]) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                let toast = try simulator.token(.wns, "toast")
                var ringing = try simulator.token(.apns, "ringing")
                ringing.isVoIP = true
                let alert = try simulator.token(.apns, "alert")
                for (user, token) in [("toast", toast), ("ringing", ringing), ("alert", alert)] {
                    _ = try await story.register(user, tokens: [token])
                }
                for vendor in [SimulatedVendor.wns, .apns] {
                    try simulator.inject(.hang(afterAccepting: true), into: vendor)
                }
                for user in ["toast", "alert"] {
                    try await story.app.send(OutgoingMessage(id: "m-\(user)", to: "user:\(user)", text: "hello?"))
                }
                try await story.app.send(
                    OutgoingMessage(
                        id: "m-ringing", to: "user:ringing", type: .call, content: ["status": "invite"]))
                let tokens = ["toast": toast, "ringing": ringing, "alert": alert]
                for (user, token) in tokens {
                    _ = try await simulator.waitForPush(within: .seconds(15)) {
                        $0.token == token.token && $0.messageId == "m-\(user)"
                    }
                }
                try await story.gateway.kill()
                simulator.clearFaults()
                try await story.gateway.start(client: story.client)
                // What may be repeated is, and is seen once; its arrival tells that the queue is at work.
                try await story.trace("m-alert", user: "alert") { $0["outcome"]?.string == "pushed" }
                #expect(simulator.alertsRung(token: alert.token, messageId: "m-alert") == 2)
                #expect(simulator.visible(token: alert.token).count == 1)
                for user in ["toast", "ringing"] {
                    let trace = try await story.trace("m-\(user)", user: user) {
                        $0["outcome"]?.string == "not_pushed"
                    }
                    #expect(trace["reason"]?.string == "vendor_refused", "\(trace)")
                    #expect(Self.stages(trace).last == "push_failed", "\(trace)")
                    #expect(trace["remedy"]?.string?.contains("may have delivered it") == true, "\(trace)")
                    let token = tokens[user]?.token ?? ""
                    #expect(simulator.pushes { $0.token == token }.count == 1, "\(user)")
                }
                try await story.app.send(OutgoingMessage(id: "next-toast", to: "user:toast", text: "hello"))
                _ = try await simulator.waitForPush(within: .seconds(15)) { $0.messageId == "next-toast" }
            }
        }

        private static func stages(_ trace: JSONValue) -> [String] {
            Story.pushStages(trace).compactMap { $0["stage"]?.string }
        }
    }
}
