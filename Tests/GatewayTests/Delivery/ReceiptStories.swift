import PushGateClient
import PushSimulators
import Testing

extension GatewayStories {
    /// What vendors report after they accepted a push.
    @Suite struct ReceiptStories {
        /// What each vendor calls "delivered", and "this token is dead" where it can say so.
        private static let codes: [SimulatedVendor: (delivered: String, dead: String?)] = [
            .huawei: ("0", "5"), .honor: ("40000002", "40000004"), .xiaomi: ("1", "16"),
            .oppo: ("push_arrive", "regid_invalid"), .vivo: ("0", "102/20002"), .meizu: ("1", nil),
        ]

        private var options: GatewayProcess.Options {
            var options = GatewayProcess.Options()
            options.hasPublicURL = true
            return options
        }

        private func receipts(_ trace: JSONValue) -> [JSONValue] {
            (trace["stages"]?.array ?? []).filter { $0["stage"]?.string == "receipt" }
        }

        /// Where the vendor reports to.
        private func address(_ vendor: SimulatedVendor, _ story: Story) async throws -> String {
            try #require(try await story.app.push(vendor: vendor.rawValue)["receiptUrl"]?.string)
        }

        private func deadTokens(_ story: Story) async throws -> [String] {
            let page = try await story.admin.call(.get, ["v1", "admin", "push-tokens"]).json()
            return (page["items"]?.array ?? []).compactMap { $0["userId"]?.string }.sorted()
        }

        @Test func `six vendors report, and what they say stands in the trace`() async throws {
            try await withVendors(options, SimulatedVendor.batching + [.webhook]) { story, simulator in
                for vendor in SimulatedVendor.batching {
                    _ = try await story.register("\(vendor)", tokens: [simulator.token(vendor, "\(vendor)")])
                    try await story.app.send(
                        OutgoingMessage(id: "m-\(vendor)", to: "user:\(vendor)", text: "Good morning"))
                }
                for (vendor, codes) in Self.codes {
                    let push = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "m-\(vendor)" }
                    let url = try await address(vendor, story)
                    #expect(url.hasPrefix("\(story.gateway.baseURL)/v1/receipts/\(vendor)/acme/"))
                    // Those that take the address with the push have it from there.
                    let isNamed = ![.huawei, .honor].contains(vendor)
                    #expect(push.receiptURL == (isNamed ? url : nil), "\(vendor)")
                    try await story.trace("m-\(vendor)", user: "\(vendor)") { $0["outcome"]?.string == "pushed" }

                    let wrong = try await simulator.sendReceipt(.delivered, for: [push], to: url + "x")
                    #expect(wrong.map(\.status) == [404], "\(vendor)")
                    for _ in 1...2 {
                        let right = try await simulator.sendReceipt(.delivered, for: [push], to: isNamed ? nil : url)
                        #expect(right.map(\.status) == [200], "\(vendor): \(right)")
                    }
                    let trace = try await story.trace("m-\(vendor)", user: "\(vendor)") { !receipts($0).isEmpty }
                    #expect(receipts(trace).count == 1, "\(trace)")
                    let said = receipts(trace).first
                    #expect(said?["vendor"]?.string == vendor.rawValue)
                    #expect(said?["detail"]?.string?.hasPrefix("\(codes.delivered): ") == true, "\(trace)")
                    // Handed over and received are not read.
                    #expect(trace["outcome"]?.string == "pushed")
                }
                #expect(try await deadTokens(story).isEmpty)
                try await expectDead(story, simulator)
            }
        }

        /// A token that a receipt calls dead gets nothing more until it is registered again.
        private func expectDead(_ story: Story, _ simulator: VendorSimulator) async throws {
            let mortal = Self.codes.filter { $0.value.dead != nil }.map(\.key)
            for vendor in mortal {
                let pushes = simulator.pushes { $0.messageId == "m-\(vendor)" }
                for _ in 1...2 {
                    let answers = try await simulator.sendReceipt(
                        .deadToken, for: pushes, to: address(vendor, story))
                    #expect(answers.map(\.status) == [200], "\(vendor)")
                }
                let trace = try await story.trace("m-\(vendor)", user: "\(vendor)") { receipts($0).count >= 2 }
                let codes = receipts(trace).compactMap { $0["detail"]?.string?.prefix { $0 != ":" } }.map(String.init)
                #expect(codes.count == 2 && codes.contains(Self.codes[vendor]?.dead ?? "?"), "\(trace)")
                try await story.app.send(OutgoingMessage(id: "n-\(vendor)", to: "user:\(vendor)", text: "And now?"))
                let next = try await story.trace("n-\(vendor)", user: "\(vendor)") {
                    $0["outcome"]?.string == "not_pushed"
                }
                #expect(next["reason"]?.string == "token_dead", "\(next)")
            }
            #expect(try await deadTokens(story) == mortal.map(\.rawValue).sorted())
            let arrived = simulator.pushes().compactMap(\.messageId)
            #expect(!arrived.contains { $0.hasPrefix("n-") })
        }

        @Test func `a signed report counts, an unsigned one does not, and a dead token moves on`() async throws {
            try await withVendors(options, [.xiaomi, .webhook]) { story, simulator in
                // Xiaomi takes a push for a dead token and says so only afterwards.
                let tokens = try [SimulatedVendor.xiaomi, .webhook].map { try simulator.token($0, "bob") }
                _ = try await story.register("bob", tokens: tokens)
                try simulator.inject(.deadTokens([tokens[0].token], code: nil, timestamp: nil), into: .xiaomi)
                try await story.app.send(OutgoingMessage(id: "on", to: "user:bob", text: "hello?"))
                try await story.trace("on", user: "bob") { $0["outcome"]?.string == "pushed" }
                let lost = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "on" }
                #expect(lost.vendor == .xiaomi && !lost.isShown)
                #expect(try await simulator.sendReceipt(.deadToken, for: [lost]).map(\.status) == [200])
                let moved = try await simulator.waitForPush(within: .seconds(10)) {
                    $0.messageId == "on" && $0.vendor == .webhook
                }
                #expect(moved.token == tokens[1].token && moved.isShown)

                // Huawei signs with what was entered in its console.
                let key = ReceiptKey(username: "acme", key: "the key from the console")
                let settings = try simulator.settings(
                    .huawei, changing: ["callbackUser": .string(key.username), "callbackKey": .string(key.key)])
                _ = try await story.app.setPush(vendor: "huawei", settings)
                _ = try await story.register("ann", tokens: [simulator.token(.huawei, "ann")])
                try await story.app.send(OutgoingMessage(id: "signed", to: "user:ann", text: "hello?"))
                let push = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "signed" }
                let url = try await address(.huawei, story)
                try await story.trace("signed", user: "ann") { $0["outcome"]?.string == "pushed" }
                for wrong in [nil, ReceiptKey(username: key.username, key: "another")] {
                    let answers = try await simulator.sendReceipt(.delivered, for: [push], to: url, key: wrong)
                    #expect(answers.map(\.status) == [401])
                }
                let trace = try await story.trace("signed", user: "ann")
                #expect(receipts(trace).isEmpty, "\(trace)")
                let answers = try await simulator.sendReceipt(.delivered, for: [push], to: url, key: key)
                #expect(answers.map(\.status) == [200])
                try await story.trace("signed", user: "ann") { receipts($0).count == 1 }
            }
        }
    }
}
