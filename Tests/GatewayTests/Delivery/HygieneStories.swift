import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// A wrong credential costs no token, and a budget is kept.
    @Suite struct HygieneStories {
        private static let people = 25

        private static func token(_ number: Int) -> DeviceRegistration.PushToken {
            let digits = String(number + 0xA000, radix: 16)
            return .init(vendor: "apns", token: digits + String(repeating: "0", count: 64 - digits.count))
        }

        private static func quota(_ simulator: VendorSimulator, _ quota: JSONValue) throws -> JSONValue {
            let settings = try JSONValue(parsing: Array(simulator.credentials.settings(for: .fcm).utf8))
            guard case .object(var members) = settings else { return settings }
            members.append(.init("quota", quota))
            return .object(members)
        }

        @Test func `twenty-five tokens that die of a wrong environment live again, and their pushes go out`()
            async throws
        {
            try await withVendors { story, simulator in
                try simulator.inject(.deadTokens(nil, code: "BadDeviceToken", timestamp: nil), into: .apns)
                for number in 0..<Self.people {
                    _ = try await story.register("user-\(number)", tokens: [Self.token(number)])
                }
                for number in 0..<Self.people {
                    try await story.app.send(
                        OutgoingMessage(id: "m-\(number)", to: "user:user-\(number)", text: "hello?"))
                }
                // Too many died: all wait, and none is dead.
                try await eventually("the credential is stopped and the tokens live") {
                    let metrics = String(
                        decoding: try await story.admin.call(.get, ["metrics"]).bytes, as: UTF8.self)
                    let dead = try await story.admin.call(.get, ["v1", "admin", "push-tokens"]).json()
                    return metrics.contains("pushgate_push_brakes_total 1\n") && dead["items"]?.array?.isEmpty == true
                }
                for number in 0..<Self.people {
                    let trace = try await story.trace("m-\(number)", user: "user-\(number)") {
                        $0["outcome"]?.string == "waiting"
                    }
                    #expect(trace["reason"]?.string != "token_dead")
                }
                simulator.clearFaults()
                try await story.usePush([.apns], of: simulator)
                for number in 0..<Self.people {
                    try await story.trace("m-\(number)", user: "user-\(number)") { $0["outcome"]?.string == "pushed" }
                    #expect(simulator.alertsRung(token: Self.token(number).token, messageId: "m-\(number)") == 1)
                }
                #expect(story.gateway.log.contains("calls so many tokens dead"))
            }
        }

        @Test func `what finds no budget waits for the next day, or is skipped as quota`() async throws {
            try await withVendors { story, simulator in
                _ = try await story.app.setPush(
                    vendor: "fcm", try Self.quota(simulator, ["perDay": 2]))
                _ = try await story.register("bob", tokens: [.init(vendor: "fcm", token: "token-of-bob")])
                for id in ["m-1", "m-2"] {
                    try await story.app.send(OutgoingMessage(id: id, to: "user:bob", text: "hello?"))
                    try await story.trace(id, user: "bob") { $0["outcome"]?.string == "pushed" }
                }
                var short = OutgoingMessage(id: "short", to: "user:bob", text: "hello?")
                short.push = ["ttl": 60]
                var long = OutgoingMessage(id: "long", to: "user:bob", text: "hello?")
                long.push = ["ttl": 259_200]
                for message in [long, short] { try await story.app.send(message) }
                // A push of a minute could outlive the day only in its last minute.
                let skipped = try await story.trace("short", user: "bob") { $0["reason"]?.string == "quota" }
                #expect(skipped["outcome"]?.string == "not_pushed")
                #expect(try await story.trace("long", user: "bob")["outcome"]?.string == "waiting")
                #expect(simulator.pushes { $0.vendor == .fcm }.count == 2)
                let usage = try await story.app.call(.get, ["v1", "settings", "push", "fcm", "usage"]).json()
                #expect(usage["used"]?["transactional"]?.integer == 2)
                #expect(usage["left"]?["transactional"]?.integer == 0)
            }
        }
    }
}
