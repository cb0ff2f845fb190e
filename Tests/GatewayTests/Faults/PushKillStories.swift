import PushGateClient
import PushSimulators
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
    }
}
