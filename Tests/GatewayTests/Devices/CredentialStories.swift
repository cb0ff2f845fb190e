import MosquittoClient
import PushGateClient
import Testing

extension GatewayStories {
    @Suite struct CredentialStories {
        @Test func `a user signature that is not right opens nothing`() async throws {
            try await withStory { story in
                let registration = DeviceRegistration(uniqueCode: "phone", userID: "ann", osType: .android)
                let (app, key) = (story.appInfo.id, story.appInfo.signingKey)
                let good = try story.signature("ann")
                let refused: [(signature: String, code: String)] = [
                    (try Signatures.jwt(app: app, key: key, user: "ann", secondsLeft: -5), "token_expired"),
                    (try Signatures.jwt(app: app, key: key, user: "ann", secondsLeft: 8 * 86_400), "unauthenticated"),
                    (try Signatures.jwt(app: app, key: key + "x", user: "ann"), "unauthenticated"),
                    (try Signatures.jwt(app: "app_unknown", key: key, user: "ann"), "unauthenticated"),
                    (Signatures.withHeader(#"{"alg":"none"}"#, credential: good, signature: ""), "unauthenticated"),
                    (Signatures.withHeader(#"{"alg":"HS512","typ":"JWT"}"#, credential: good), "unauthenticated"),
                    ("not a token", "unauthenticated"),
                ]
                for (signature, code) in refused {
                    let problem = try await refusal {
                        try await story.api.register(registration, signature: signature)
                    }
                    #expect(problem.status == 401 && problem.code == code, "\(signature)")
                }
                let other = try await refusal {
                    try await story.api.register(registration, signature: story.signature("bob"))
                }
                #expect(other.status == 403 && other.code == "forbidden")
            }
        }

        @Test func `a device credential that is not right opens neither door`() async throws {
            try await withStory { story in
                let session = try await story.register("ann")
                let other = try await story.register("bob")
                let good = session.credential.value
                let expired = try Signatures.expiredCredential(
                    dataDirectory: story.gateway.dataDirectory, account: session.account, device: session.deviceID,
                    tenant: story.tenant)
                let foreign = try Signatures.foreignCredential(
                    account: session.account, device: session.deviceID, tenant: story.tenant)
                let refused: [(credential: String, code: String)] = [
                    (expired, "token_expired"),
                    (foreign, "unauthenticated"),
                    (Signatures.withHeader(#"{"alg":"none"}"#, credential: good, signature: ""), "unauthenticated"),
                    (Signatures.withHeader(#"{"alg":"HS256","typ":"JWT"}"#, credential: good), "unauthenticated"),
                    (try story.signature("ann"), "unauthenticated"),
                ]
                for (credential, code) in refused {
                    let problem = try await refusal {
                        try await story.api.authorized(by: .bearer(credential)).thisDevice()
                    }
                    #expect(problem.status == 401 && problem.code == code, "\(credential)")
                    let client = try PlainClient(session, password: credential)
                    #expect(try await client.admission() != nil, "\(credential)")
                    await client.end()
                }
                // A good credential under another name.
                for client in [
                    try PlainClient(session, clientID: other.deviceID),
                    try PlainClient(session, username: other.account),
                    try PlainClient(session, username: ""), try PlainClient(session, password: other.credential.value),
                    try PlainClient(session, version: .v311, clientID: "pushgate-downlink-0", username: "pushgate"),
                ] {
                    #expect(try await client.admission() != nil)
                    await client.end()
                }
                let renewed = try await story.api(session).newCredential()
                #expect(renewed.value != good)
                for credential in [good, renewed.value] {
                    let client = try PlainClient(session, password: credential)
                    #expect(try await client.admission() == nil)
                    await client.end()
                }
            }
        }

        @Test func `an app's token dies with its secret and with the app`() async throws {
            try await withStory { story in
                let (id, secret) = (story.appInfo.id, story.appInfo.secret)
                let token = try await story.api.token(appID: id, secret: secret)
                #expect(token.expiresInSeconds == 7200)
                let holder = story.api.authorized(by: .bearer(token.value))
                _ = try await holder.createAccount(userID: "ann")
                let wrong = try await refusal { try await story.api.token(appID: id, secret: secret + "x") }
                #expect(wrong.status == 401 && wrong.code == "invalid_client")

                let rotated = try await story.admin.call(.post, ["v1", "admin", "apps", id, "rotate"], body: [:]).json()
                let newSecret = try #require(rotated["appSecret"]?.string)
                let dead = try await refusal { try await holder.account(userID: "ann") }
                #expect(dead.status == 401 && dead.code == "token_revoked")
                #expect(try await refusal { try await story.api.token(appID: id, secret: secret) }.status == 401)

                let fresh = try await story.api.token(appID: id, secret: newSecret)
                let again = story.api.authorized(by: .bearer(fresh.value))
                _ = try await again.account(userID: "ann")
                _ = try await story.admin.call(.patch, ["v1", "admin", "apps", id], body: ["enabled": false])
                #expect(try await refusal { try await again.account(userID: "ann") }.code == "token_revoked")
            }
        }

        @Test func `another tenant's things are not there`() async throws {
            try await withStory { story in
                let session = try await story.register("ann")
                _ = try await story.register("bob")
                let sent = try await story.app.send(OutgoingMessage(to: "user:ann", text: "hi"))
                let group = try await story.app.createGroup(id: "team", users: ["ann", "bob"])
                try await story.admin.createTenant("other", name: "Other")
                let info = try await story.admin.createApp(tenantNo: "other", name: "Spy")
                let spy = story.admin.authorized(by: .app(id: info.id, secret: info.secret))
                let spyDevice = try await story.api.register(
                    DeviceRegistration(uniqueCode: "code-ann", userID: "ann", osType: .android),
                    signature: Signatures.jwt(app: info.id, key: info.signingKey, user: "ann"))
                #expect(spyDevice.account != session.account && spyDevice.deviceID != session.deviceID)

                let calls: [@Sendable () async throws -> Void] = [
                    { _ = try await spy.message(sent.id) },
                    { _ = try await spy.account(userID: "bob") },
                    { try await spy.deleteGroup(group) },
                    { try await spy.addMembers(["ann"], toGroup: group) },
                    { _ = try await spy.call(.get, ["v1", "groups", group, "members"]) },
                    { try await spy.send(OutgoingMessage(to: session.account, text: "hi")) },
                    { try await spy.send(OutgoingMessage(to: group, text: "hi")) },
                    { try await spy.send(OutgoingMessage(to: "user:bob", text: "hi")) },
                    { try await story.api(spyDevice).send(OutgoingMessage(to: session.account, text: "hi")) },
                    { _ = try await story.api(spyDevice).message(sent.id) },
                ]
                for (number, call) in calls.enumerated() {
                    let problem = try await refusal { try await call() }
                    #expect(problem.status == 404, "call \(number): \(problem)")
                }
                // The same id may be used in each tenant.
                #expect(try await !spy.send(OutgoingMessage(id: sent.id, to: "user:ann", text: "mine")).isDuplicate)
                let messages = try await StoryDevice.inbox(story.api(session)).filter { !$0.type.isEvent }
                #expect(messages.map(\.id) == [sent.id])
                let tenant = try await refusal {
                    try await spy.call(
                        .post, ["v1", "messages"],
                        body: ["to": "user:ann", "type": 0, "content": ["text": "x"], "tenantNo": "acme"])
                }
                #expect(tenant.status == 403 && tenant.code == "tenant_mismatch")
            }
        }
    }
}
