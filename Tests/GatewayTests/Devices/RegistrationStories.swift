import MosquittoClient
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct RegistrationStories {
        @Test func `an installation keeps its device until another user has it`() async throws {
            try await withStory { story in
                let first = try await story.register("ann", code: "phone")
                let again = try await story.register("ann", code: "phone")
                #expect(first.isNew && !again.isNew)
                #expect(again.deviceID == first.deviceID)
                #expect(again.account == first.account)
                // Registering again does not kill the older credential.
                _ = try await story.api(first).thisDevice()

                let live = try PlainClient(first)
                #expect(try await live.admission() == nil)
                let moved = try await story.register("bob", code: "phone")
                #expect(moved.isNew && moved.deviceID != first.deviceID && moved.account != first.account)
                try await eventually("the old session is cut off") { live.ends == 1 }
                await live.end()
                try await expectDead(first, story, status: "moved")
                _ = try await story.api(moved).thisDevice()

                let back = try await story.register("ann", code: "phone")
                #expect(back.isNew && back.account == first.account)
                #expect(![first.deviceID, moved.deviceID].contains(back.deviceID))
            }
        }

        @Test func `a push token rings one device only`() async throws {
            try await withStory { story in
                let token = DeviceRegistration.PushToken(vendor: "fcm", token: "the-one-token-of-this-phone")
                let before = try await story.register("ann", tokens: [token])
                #expect(try await story.api(before).thisDevice()["pushTokens"]?.array?.count == 1)
                let after = try await story.register("bob", tokens: [token])
                #expect(try await story.api(before).thisDevice()["pushTokens"]?.array == [])
                let shown = try await story.api(after).thisDevice()
                #expect(shown["pushTokens"]?.array?.first?["token"]?.string == "…hone")
                #expect(!shown.description.contains(token.token))
            }
        }

        @Test(arguments: [true, false])
        func `a device that leaves is dead at once and may come back as a new one`(overMQTT: Bool) async throws {
            try await withStory { story in
                let session = try await story.register("ann")
                let live = try PlainClient(session)
                #expect(try await live.admission() == nil)
                if overMQTT {
                    try await live.session.publish(topic: "\(session.topics.up)/deregister", payload: Array("{}".utf8))
                } else {
                    try await story.api(session).deregisterThisDevice()
                }
                try await eventually("the session is cut off") { live.ends == 1 }
                await live.end()
                try await expectDead(session, story, status: "deregistered")
                let back = try await story.register("ann")
                #expect(back.isNew && back.deviceID != session.deviceID && back.account == session.account)
            }
        }

        /// The credential opens no door, and history says why.
        private func expectDead(_ session: DeviceSession, _ story: Story, status: String) async throws {
            let problem = try await refusal { try await story.api(session).thisDevice() }
            #expect(problem.status == 401 && problem.code == "token_revoked")
            for version in [MQTTSession.ProtocolVersion.v311, .v5] {
                let late = try PlainClient(session, version: version)
                #expect(try await late.admission() != nil)
                await late.end()
            }
            let devices = try await story.app.account(userID: session.userID)["devices"]?.array ?? []
            #expect(devices.first { $0["deviceId"]?.string == session.deviceID }?["status"]?.string == status)
        }

        @Test func `users are signed for by JWT or UserSig, or register openly where the operator says so`()
            async throws
        {
            try await withStory { story in
                let registration = DeviceRegistration(uniqueCode: "phone", userID: "ann", osType: .iOS)
                let byJWT = try await story.api.register(registration, signature: story.signature("ann"))
                let sdkAppID = try #require(story.appInfo.json["sdkAppId"]?.integer)
                let byUserSig = try await story.api.register(
                    registration,
                    signature: Signatures.userSig(sdkAppID: sdkAppID, key: story.appInfo.signingKey, user: "ann"))
                #expect(byJWT.deviceID == byUserSig.deviceID && !byUserSig.isNew)

                var open = DeviceRegistration(uniqueCode: "kiosk", userID: "guest", osType: .web)
                #expect(try await refusal { try await story.api.register(open, signature: nil) }.status == 401)
                open.appID = story.appInfo.id
                #expect(try await refusal { try await story.api.register(open, signature: nil) }.status == 401)
                let openApp = try await story.admin.createApp(
                    tenantNo: story.tenant, name: "Kiosk", isRegistrationOpen: true)
                open.appID = openApp.id
                let guest = try await story.api.register(open, signature: nil)
                #expect(guest.isNew && guest.userID == "guest")
                // A signed user's account is closed to whoever only says a name.
                open.userID = "ann"
                open.uniqueCode = "another kiosk"
                let problem = try await refusal { try await story.api.register(open, signature: nil) }
                #expect(problem.status == 403)
            }
        }
    }
}
