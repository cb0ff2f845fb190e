import PushGateClient
import PushSimulators
import Testing

extension GatewayStories {
    /// A device with several tokens: the first that lives gets the push, and only that one.
    @Suite struct ChainStories {
        private static let chain = [SimulatedVendor.huawei, .fcm, .webpush]

        private func codes(_ trace: JSONValue) -> [String] {
            Story.pushStages(trace).compactMap { stage in
                guard stage["stage"]?.string == "push_failed" else { return nil }
                return stage["detail"]?.string
            }
        }

        @Test func `Huawei and FCM are dead, the browser rings once, and a new registration revives them`()
            async throws
        {
            try await withVendors(.init(), Self.chain) { story, simulator in
                let tokens = try Self.chain.map { try simulator.token($0, "bob") }
                _ = try await story.register("bob", tokens: tokens)
                try simulator.inject(.deadTokens([tokens[0].token], code: nil, timestamp: nil), into: .huawei)
                try simulator.inject(.deadTokens([tokens[1].token], code: nil, timestamp: nil), into: .fcm)

                try await story.app.send(OutgoingMessage(id: "m-1", to: "user:bob", text: "hello?"))
                let push = try await simulator.waitForPush(within: .seconds(15)) { $0.messageId == "m-1" }
                #expect(push.vendor == .webpush && push.token == tokens[2].token && push.body == "hello?")
                let trace = try await story.trace("m-1", user: "bob") { $0["outcome"]?.string == "pushed" }
                let stages = Story.pushStages(trace)
                #expect(
                    stages.map { $0["stage"]?.string } == [
                        "push_queued", "push_failed", "push_failed", "push_accepted",
                    ],
                    "\(trace)")
                #expect(
                    stages.map { $0["vendor"]?.string } == ["huawei", "huawei", "fcm", "webpush"], "\(trace)")
                #expect(codes(trace).first?.hasPrefix("80300007") == true, "\(trace)")
                #expect(codes(trace).last?.hasPrefix("UNREGISTERED") == true, "\(trace)")
                for stage in stages where stage["stage"]?.string == "push_failed" {
                    #expect(stage["remedy"]?.string?.isEmpty == false, "\(stage)")
                }
                #expect(!trace.description.contains(tokens[0].token))
                try await expectDead(["huawei": "80300007", "fcm": "UNREGISTERED"], story)

                // The next one knows.
                let before = Self.chain.prefix(2).map { simulator.counters($0).requests }
                try await story.app.send(OutgoingMessage(id: "m-2", to: "user:bob", text: "still there?"))
                let second = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "m-2" }
                #expect(second.vendor == .webpush)
                #expect(Self.chain.prefix(2).map { simulator.counters($0).requests } == before)

                simulator.clearFaults()
                _ = try await story.register("bob", tokens: tokens)
                try await story.app.send(OutgoingMessage(id: "m-3", to: "user:bob", text: "back again"))
                let third = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "m-3" }
                #expect(third.vendor == .huawei)
                try await expectDead([:], story)
                for id in ["m-1", "m-2", "m-3"] {
                    try await story.trace(id, user: "bob") { $0["outcome"]?.string == "pushed" }
                    #expect(simulator.pushes { $0.messageId == id && $0.isShown }.count == 1)
                }
            }
        }

        /// The quarantine holds these vendors' tokens, each with the vendor's reason.
        private func expectDead(_ codes: [String: String], _ story: Story) async throws {
            let page = try await story.admin.call(.get, ["v1", "admin", "push-tokens"]).json()
            let items = page["items"]?.array ?? []
            #expect(items.count == codes.count, "\(page)")
            for (vendor, code) in codes {
                let item = items.first { $0["vendor"]?.string == vendor }
                #expect(item?.description.contains(code) == true, "\(page)")
            }
        }
    }
}
