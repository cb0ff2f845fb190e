import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// What every vendor has to do, on its own wire.
    @Suite struct VendorStories {
        private static func user(_ vendor: SimulatedVendor) -> String { "user-\(vendor)" }

        private func messageID(_ kind: String, _ vendor: SimulatedVendor) -> String { "\(kind)-\(vendor)" }

        /// A user for each vendor, with one device that is away.
        private func registerAll(
            _ story: Story, _ simulator: VendorSimulator
        ) async throws -> [SimulatedVendor: DeviceRegistration.PushToken] {
            var tokens: [SimulatedVendor: DeviceRegistration.PushToken] = [:]
            for vendor in SimulatedVendor.allCases {
                let token = try simulator.token(vendor, Self.user(vendor))
                tokens[vendor] = token
                _ = try await story.register(Self.user(vendor), tokens: [token])
            }
            return tokens
        }

        /// The same message to the user of each vendor.
        private func sendToAll(
            _ story: Story, _ kind: String, text: String = "Good morning", push: JSONValue? = nil,
            isBackground: Bool = false
        ) async throws {
            for vendor in SimulatedVendor.allCases {
                var message = OutgoingMessage(
                    id: messageID(kind, vendor), to: "user:\(Self.user(vendor))", text: text)
                message.push = push
                message.isBackground = isBackground
                try await story.app.send(message)
            }
        }

        private func arrived(
            _ kind: String, _ vendor: SimulatedVendor, at simulator: VendorSimulator
        ) async throws -> RecordedPush {
            let id = messageID(kind, vendor)
            do {
                return try await simulator.waitForPush(within: .seconds(10)) {
                    $0.vendor == vendor && $0.messageId == id
                }
            } catch {
                throw DeadlineMissed("\(id): \(error); refused: \(simulator.refusals.map(\.reason))")
            }
        }

        /// What stands in the payload for an unread total of one, where the vendor has a badge.
        private static let badges: [SimulatedVendor: String] = [
            .apns: #""badge":1"#, .fcm: #""notification_count":1"#, .huawei: #""set_num":1"#, .webpush: #""badge":1"#,
            .webhook: #""badge":1"#,
        ]

        private func expectFirst(
            _ vendor: SimulatedVendor, token: String, _ story: Story, _ simulator: VendorSimulator
        ) async throws {
            let push = try await arrived("first", vendor, at: simulator)
            #expect(push.token == token && push.isShown, "\(vendor)")
            #expect(push.title == "Ann" && push.body == "Good morning", "\(vendor): \(push)")
            // The sender's data and what a click opens are in it, whatever the form.
            let payload = push.payload
            #expect(payload.contains("chapter-7") && payload.contains("com.example.Reader"), "\(vendor): \(payload)")
            if let badge = Self.badges[vendor] { #expect(payload.contains(badge), "\(vendor): \(payload)") }
            let trace = try await story.trace(messageID("first", vendor), user: Self.user(vendor)) {
                $0["outcome"]?.string == "pushed"
            }
            let last = try #require(Story.pushStages(trace).last)
            #expect(last["stage"]?.string == "push_accepted" && last["vendor"]?.string == vendor.rawValue)
            // A webhook's receiver gives no id.
            if vendor != .webhook { #expect(last["vendorId"]?.string == push.vendorId, "\(vendor): \(trace)") }
            #expect(simulator.alertsRung(token: token, messageId: messageID("first", vendor)) == 1, "\(vendor)")
            #expect(!trace.description.contains(token), "\(vendor)")
        }

        @Test func `each vendor shows a message, its successor, its edit and its withdrawal`() async throws {
            try await withVendors(.init(), SimulatedVendor.allCases) { story, simulator in
                let tokens = try await registerAll(story, simulator)
                let push: JSONValue = [
                    "title": "Ann", "data": ["page": "chapter-7", "deep": ["list": [1, 2]]], "badge": "auto",
                    "collapseId": "chat-7", "action": ["type": "page", "value": "com.example.Reader"],
                ]
                try await sendToAll(story, "first", push: push)
                for (vendor, token) in tokens {
                    try await expectFirst(vendor, token: token.token, story, simulator)
                }

                // The next one of the chat takes the first one's place. Windows documents no such thing.
                try await sendToAll(story, "next", text: "And now?", push: push)
                for (vendor, token) in tokens where vendor != .wns {
                    _ = try await arrived("next", vendor, at: simulator)
                    let shown = simulator.visible(token: token.token)
                    #expect(shown.map(\.messageId) == [messageID("next", vendor)], "\(vendor)")
                    #expect(shown.first?.body == "And now?")
                }

                // So does an edit, and what is left of a message that is gone. What shows a webhook's pushes is not known.
                for vendor in SimulatedVendor.allCases {
                    let path = ["v1", "messages", messageID("next", vendor)]
                    _ = try await story.app.call(
                        .post, path + ["update"], body: ["content": ["text": "And then?"]])
                }
                for (vendor, token) in tokens where ![.wns, .webhook].contains(vendor) {
                    try await eventually("the edit is shown by \(vendor)") {
                        simulator.visible(token: token.token).map(\.body) == ["And then?"]
                    }
                }
                for vendor in SimulatedVendor.allCases {
                    _ = try await story.app.call(.post, ["v1", "messages", messageID("next", vendor), "revoke"])
                }
                for (vendor, token) in tokens where ![.wns, .webhook].contains(vendor) {
                    try await eventually("the withdrawal is shown by \(vendor)") {
                        let shown = simulator.visible(token: token.token)
                        return shown.count == 1 && shown[0].body != "And then?" && shown[0].title != "Ann"
                    }
                }
                // Neither gets a second notification of one message.
                for vendor in [SimulatedVendor.wns, .webhook] {
                    #expect(simulator.pushes { $0.vendor == vendor }.count == 2, "\(vendor)")
                }
                for token in tokens.values { #expect(!story.gateway.log.contains(token.token)) }
            }
        }

        @Test func `silent messages, and texts of every length`() async throws {
            try await withVendors(.init(), SimulatedVendor.allCases) { story, simulator in
                let tokens = try await registerAll(story, simulator)
                try await sendToAll(story, "silent", push: ["data": ["page": "chapter-7"]], isBackground: true)
                let long: JSONValue = [
                    "title": .string(String(repeating: "题目", count: 100)), "subtitle": "a subtitle of some length",
                    "data": ["text": .string(String(repeating: "数据", count: 900))],
                ]
                try await sendToAll(story, "long", text: String(repeating: "长👩‍👩‍👧‍👦文", count: 500), push: long)
                // What a vendor has no place for is still a message.
                try await sendToAll(story, "odd", text: " ", push: ["title": " \u{1} \u{7F}"])
                for vendor in SimulatedVendor.allCases {
                    let user = Self.user(vendor)
                    if SimulatedVendor.silent.contains(vendor) {
                        let push = try await arrived("silent", vendor, at: simulator)
                        #expect(push.form == .silent && push.title == nil || vendor == .webhook, "\(vendor)")
                        #expect(push.payload.contains("chapter-7"), "\(vendor): \(push.payload)")
                    } else {
                        let trace = try await story.trace(messageID("silent", vendor), user: user) {
                            $0["outcome"]?.string == "not_pushed"
                        }
                        #expect(trace["reason"]?.string == "background", "\(trace)")
                    }
                    let push = try await arrived("long", vendor, at: simulator)
                    // The receiver of a webhook sets no limit.
                    if vendor != .webhook { #expect(push.body?.hasSuffix("…") == true, "\(vendor)") }
                    #expect(push.body?.hasPrefix("长") == true && push.title?.hasPrefix("题目") == true, "\(vendor)")
                    _ = try await arrived("odd", vendor, at: simulator)
                }
                let rang = simulator.pushes { $0.isShown }.compactMap(\.messageId)
                #expect(!rang.contains { $0.hasPrefix("silent") })
                #expect(tokens.count == SimulatedVendor.allCases.count)
            }
        }

        @Test func `a group goes out in few requests to vendors that take batches`() async throws {
            let people = 20
            try await withVendors(.init(), SimulatedVendor.batching + [.webhook]) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                var users: [String] = []
                for vendor in SimulatedVendor.batching {
                    for number in 0..<people {
                        let user = "\(vendor)-\(number)"
                        _ = try await story.register(user, tokens: [simulator.token(vendor, user)])
                        users.append(user)
                    }
                }
                let group = try await story.app.createGroup(name: "All", users: users)
                try await story.app.send(OutgoingMessage(id: "to-all", to: group, text: "Good morning, all"))
                try await story.traces("to-all", users: users) { $0["outcome"]?.string == "pushed" }
                for user in users {
                    #expect(simulator.alertsRung(token: "token-of-\(user)", messageId: "to-all") == 1, "\(user)")
                }
                for vendor in SimulatedVendor.batching {
                    // One login; vivo takes two steps. Not all twenty need to be due in the same moment.
                    #expect(simulator.counters(vendor).requests <= people / 2, "\(vendor)")
                    #expect(simulator.counters(vendor).accepted == people)
                }

                // Every fifth of a batch is dead: the others ring, once, and only these are put away.
                for vendor in SimulatedVendor.batching where vendor != .xiaomi {
                    try simulator.inject(.partialBatch(every: 5), into: vendor)
                }
                try await story.app.send(OutgoingMessage(id: "part", to: group, text: "Good evening, all"))
                try await expectPart(of: users, story, simulator)
            }
        }

        /// Who was named in an answer has no push and a dead token, or another try; everybody else rang once.
        private func expectPart(
            of users: [String], _ story: Story, _ simulator: VendorSimulator
        ) async throws {
            var dead: Set<String> = []
            let traces = try await story.traces("part", users: users, within: .seconds(30)) {
                ["pushed", "not_pushed"].contains($0["outcome"]?.string)
            }
            for (user, trace) in traces where users.contains(user) {
                let rang = simulator.alertsRung(token: "token-of-\(user)", messageId: "part")
                if trace["outcome"]?.string == "pushed" {
                    #expect(rang == 1, "\(user)")
                } else {
                    #expect(rang == 0 && trace["reason"]?.string == "token_dead", "\(trace)")
                    #expect(trace["remedy"]?.string?.isEmpty == false, "\(trace)")
                    dead.insert(user)
                }
            }
            let page = try await story.admin.call(
                .get, ["v1", "admin", "push-tokens"], query: ["limit": "500"]
            ).json()
            let items = page["items"]?.array ?? []
            #expect(items.count == dead.count, "\(page)")
            #expect(dead.contains { $0.hasPrefix("huawei") } && dead.contains { $0.hasPrefix("meizu") })
            #expect(dead.count <= users.count / 4)
        }
    }
}
