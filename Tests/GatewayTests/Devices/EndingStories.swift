import MosquittoClient
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct EndingStories {
        @Test func `an app ends a device, kicks a user, and deletes one`() async throws {
            try await withStory { story in
                let phone = try await story.register("ann", code: "phone")
                let tablet = try await story.register("ann", code: "tablet")
                let (onPhone, onTablet) = (try PlainClient(phone), try PlainClient(tablet))
                for client in [onPhone, onTablet] { #expect(try await client.admission() == nil) }
                try await eventually("both are online") {
                    let user = try await story.app.presence(users: ["ann", "nobody"]).first
                    return user?["devices"]?.array?.allSatisfy { $0["online"]?.bool == true } ?? false
                }

                try await story.app.endDevice(phone.deviceID, userID: "ann")
                try await eventually("the phone is cut off") { onPhone.ends == 1 }
                #expect(onTablet.ends == 0)
                #expect(try await refusal { try await story.api(phone).thisDevice() }.code == "token_revoked")
                _ = try await story.api(tablet).thisDevice()

                let oldSignature = try story.signature("ann")
                #expect(try await story.app.kick(userID: "ann") == 1)
                try await eventually("the tablet is cut off") { onTablet.ends == 1 }
                let late = try PlainClient(tablet)
                #expect(try await late.admission() != nil)
                let registration = DeviceRegistration(uniqueCode: "tablet", userID: "ann", osType: .android)
                let refused = try await refusal {
                    try await story.api.register(registration, signature: oldSignature)
                }
                #expect(refused.status == 401 && refused.code == "token_revoked")
                for client in [onPhone, onTablet, late] { await client.end() }

                let bob = try await story.device("bob")
                var message = OutgoingMessage(to: "user:ann", text: "hi")
                message.from = "user:bob"
                let fromBob = try await story.app.send(message)
                let toBob = try await story.app.send(OutgoingMessage(to: "user:bob", text: "secret"))
                _ = try await bob.entry(toBob.id)
                try await story.app.deleteAccount(userID: "bob")
                try await eventually("bob is cut off") {
                    bob.events.contains { if case .disconnected = $0 { true } else { false } }
                }
                #expect(try await refusal { try await story.app.account(userID: "bob") }.status == 404)
                #expect(try await story.app.message(toBob.id)["message"]?["content"] == .null)
                #expect(try await story.app.message(fromBob.id)["message"]?["content"] != .null)
                let send = try await refusal { try await story.app.send(OutgoingMessage(to: "user:bob", text: "x")) }
                #expect(send.code == "recipient_not_found")
                let back = try await story.register("bob")
                #expect(back.isNew && back.account != bob.account)
                #expect(try await StoryDevice.inbox(story.api(back)).isEmpty)
            }
        }

        @Test func `another tenant's people, tags and limits are not there`() async throws {
            try await withStory { story in
                let session = try await story.register("ann")
                try await story.app.addMembers(["ann"], toTag: "vip")
                try await story.admin.createTenant("other", name: "Other")
                let info = try await story.admin.createApp(tenantNo: "other", name: "Spy")
                let spy = story.admin.authorized(by: .app(id: info.id, secret: info.secret))
                let calls: [@Sendable () async throws -> GatewayAPI.Answer] = [
                    { try await spy.call(.get, ["v1", "tags", "vip"]) },
                    { try await spy.call(.delete, ["v1", "tags", "vip", "members"], body: ["users": ["ann"]]) },
                    { try await spy.call(.delete, ["v1", "accounts", "ann", "devices", session.deviceID]) },
                    { try await spy.call(.post, ["v1", "accounts", "ann", "kick"]) },
                    { try await spy.call(.delete, ["v1", "accounts", "ann"]) },
                ]
                for call in calls { #expect(try await refusal(of: call).status == 404) }
                #expect(try await spy.presence(users: ["ann"]).isEmpty)
                try await spy.setLimits(["deviceBurst": 1])
                let limits = try await story.app.call(.get, ["v1", "settings", "limits"]).json()
                #expect(limits["deviceBurst"]?.integer == 200)
                _ = try await story.api(session).thisDevice()
            }
        }

        @Test func `a device beyond its rate is told so at both doors, and its acknowledgements are taken`()
            async throws
        {
            try await withStory { story in
                let session = try await story.register("ann")
                try await story.app.setLimits(["deviceRequestsPerSecond": 1, "deviceBurst": 3])
                let client = try PlainClient(session)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([session.topics.reply]) == [1])
                var codes: [String?] = []
                for _ in 0..<8 {
                    codes.append(try await client.request("sync", of: session)["error"]?["code"]?.string)
                }
                #expect(codes.first == .some(nil))
                #expect(codes.contains("rate_limited"))
                for _ in 0..<20 {
                    #expect(try await client.request("ack", of: session, ["seq": 0])["ok"]?.bool == true)
                }
                var answers: [Int] = []
                for _ in 0..<8 {
                    answers.append(
                        try await story.raw("GET", "/v1/devices/me", token: session.credential.value).status)
                }
                #expect(answers.contains(429))
                await client.end()
            }
        }
    }
}
