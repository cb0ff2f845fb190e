import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// A clock that is wrong for a moment and then right again.
    @Suite struct ClockStories {
        private static let years: Int64 = 12 * 365 * 86_400_000

        private func set(_ file: String, _ milliseconds: Int64) throws {
            try withUnsafeBytes(of: milliseconds.littleEndian) { try Data($0).write(to: URL(fileURLWithPath: file)) }
        }

        @Test func `what was sent while the clock was years ahead, and afterwards, is pushed in time`() async throws {
            let folder = TemporaryFolder()
            defer { folder.remove() }
            let file = folder.path("clock")
            try set(file, 0)
            var options = GatewayProcess.Options()
            options.environment = ["PUSHGATE_CLOCK_OFFSET_FILE": file]
            try await withVendors(options, [.webhook]) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                let tokens = try ["away", "deaf", "other"].map { try simulator.token(.webhook, $0) }
                _ = try await story.register("away", tokens: [tokens[0]])
                let deaf = try await story.device("deaf", tokens: [tokens[1]]) { $0.acknowledgement = .never }
                // Refused, so that it waits on disk with a time that lies years ahead.
                try simulator.inject(.serverError(status: 503, retryAfter: .seconds(2)), into: .webhook)
                try set(file, Self.years)
                try await story.app.send(OutgoingMessage(id: "ahead", to: "user:away", text: "hello?"))
                try await eventually("the vendor has refused it") { simulator.counters(.webhook).disturbed > 0 }
                simulator.clearFaults()
                try set(file, 0)
                let ahead = try await simulator.waitForPush(within: .seconds(30)) { $0.messageId == "ahead" }
                #expect(ahead.token == tokens[0].token)

                // Server times stay ahead; deadlines do not.
                var message = OutgoingMessage(id: "deadline", to: "user:deaf", text: "hello?")
                message.push = ["after": 2]
                try await story.app.send(message)
                _ = try await deaf.entry("deadline")
                let late = try await simulator.waitForPush(within: .seconds(20)) { $0.messageId == "deadline" }
                #expect(late.token == tokens[1].token)

                // Also after a restart.
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                message.id = "restarted"
                try await story.app.send(message)
                _ = try await simulator.waitForPush(within: .seconds(20)) { $0.messageId == "restarted" }
                for (token, id) in [(tokens[0], "ahead"), (tokens[1], "deadline"), (tokens[1], "restarted")] {
                    #expect(simulator.alertsRung(token: token.token, messageId: id) == 1)
                }
            }
        }
    }
}
