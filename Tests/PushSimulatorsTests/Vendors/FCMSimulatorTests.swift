import CryptoExtras
import Foundation
import PushSimulators
import Testing

@Suite struct FCMSimulatorTests {
    typealias Client = SimulatorClient

    static func errorCode(_ reply: Client.Reply) -> String? {
        details(reply).first { ($0["@type"] as? String)?.hasSuffix("FcmError") ?? false }?["errorCode"] as? String
    }

    static func details(_ reply: Client.Reply) -> [[String: any Sendable]] {
        (reply.json["error"] as? [String: any Sendable])?["details"] as? [[String: any Sendable]] ?? []
    }

    static func canonical(_ reply: Client.Reply) -> String? {
        (reply.json["error"] as? [String: any Sendable])?["status"] as? String
    }

    @Test func `a service account logs in and sends`() async throws {
        try await Client.run { client async throws in
            let login = try await client.login()
            #expect(login.status == 200 && login.json["token_type"] as? String == "Bearer")
            #expect(login.json["expires_in"] as? Int == 3600)
            let reply = try await client.sendFCM(
                """
                {"message":{"token":"t:1","data":{"messageId":"m1","a":"b"},"notification":{"title":"Hi","body":"There"},
                "android":{"ttl":"60s","priority":"HIGH","collapse_key":"c1","notification":{"tag":"m1"}}}}
                """, access: login.json["access_token"] as? String ?? "")
            #expect(reply.status == 200 && reply.version == .http2)
            let push = try #require(client.simulator.pushes().first)
            #expect(reply.json["name"] as? String == push.vendorId)
            #expect(push.vendorId.hasPrefix("projects/push-simulator/messages/"))
            #expect(push.vendor == .fcm && push.token == "t:1" && push.messageId == "m1")
            #expect(push.title == "Hi" && push.body == "There" && push.form == .visible && push.replaceKey == "m1")
        }
    }

    @Test func `plain HTTP and HTTP 1 serve as well`() async throws {
        try await Client.run(http1Only: true) { client async throws in
            let access = try await client.accessToken()
            let body = #"{"message":{"token":"t1","data":{"messageId":"m1"}}}"#
            let secure = try await client.sendFCM(body, access: access)
            let plain = try await client.sendFCM(
                body, access: access, base: "http://127.0.0.1:\(client.simulator.httpPort)")
            #expect(secure.status == 200 && secure.version == .http1_1 && plain.status == 200)
            #expect(client.simulator.pushes().map(\.form) == [.silent, .silent])
        }
    }

    @Test func `names in camel case are taken`() async throws {
        try await Client.run { client async throws in
            let body = #"{"validateOnly":true,"message":{"token":"t1","android":{"collapseKey":"c","ttl":"0s"}}}"#
            #expect(try await client.sendFCM(body, access: client.accessToken()).status == 200)
            #expect(client.simulator.pushes().first?.discarded == .dryRun)
            #expect(client.simulator.pushes().first?.replaceKey == "c")
        }
    }

    static let wrongMessages = [
        #"{"message":"#,
        #"{"message":{"data":{}}}"#,
        #"{"validate_only":true}"#,
        #"{"message":{"token":"t1","topic":"news"}}"#,
        #"{"message":{"topic":"/topics/news"}}"#,
        #"{"message":{"token":"t1","data":{"n":5}}}"#,
        #"{"message":{"token":"t1","data":{"from":"x"}}}"#,
        #"{"message":{"token":"t1","data":{"message_type":"x"}}}"#,
        #"{"message":{"token":"t1","data":{"google.x":"x"}}}"#,
        #"{"message":{"token":"t1","data":{"gcm_x":"x"}}}"#,
        #"{"message":{"token":"t1","colour":"red"}}"#,
        #"{"message":{"token":"t1","notification":{"tag":"x"}}}"#,
        #"{"message":{"token":"t1","android":{"ttl":60}}}"#,
        #"{"message":{"token":"t1","android":{"ttl":"60"}}}"#,
        #"{"message":{"token":"t1","android":{"ttl":"2419201s"}}}"#,
        #"{"message":{"token":"t1","android":{"ttl":"-1s"}}}"#,
        #"{"message":{"token":"t1","android":{"priority":"high"}}}"#,
        #"{"message":{"token":"t1","android":{"notification":{"color":"red"}}}}"#,
        #"{"message":{"token":"t1","android":{"notification":{"notification_count":"many"}}}}"#,
        #"{"message":{"token":"t1","android":{"notification":{"visibility":"public"}}}}"#,
        #"{"message":{"token":"t1","webpush":{"fcm_options":{"link":"http://example.com"}}}}"#,
        #"{"message":{"token":"t1","apns":{"headers":{"apns-priority":10}}}}"#,
        #"{"message":{"token":"t1","data":{"x":"\#(String(repeating: "a", count: 4096))"}}}"#,
        #"{"message":{"topic":"t1","data":{"x":"\#(String(repeating: "a", count: 2048))"}}}"#,
    ]

    @Test(arguments: wrongMessages) func `a wrong message is an invalid argument`(_ body: String) async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendFCM(body, access: client.accessToken())
            #expect(reply.status == 400)
            #expect(Self.canonical(reply) == "INVALID_ARGUMENT")
            let details = Self.details(reply)
            let badRequest = details.first { $0["@type"] as? String == "type.googleapis.com/google.rpc.BadRequest" }
            #expect((badRequest?["fieldViolations"] as? [any Sendable])?.count == 1)
            #expect(client.simulator.pushes().isEmpty)
            #expect(client.simulator.refusals.first?.reason.hasPrefix("INVALID_ARGUMENT") == true)
        }
    }

    @Test func `a malformed token is named as such`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendFCM(#"{"message":{"token":"a b"}}"#, access: client.accessToken())
            #expect(reply.status == 400 && Self.errorCode(reply) == "INVALID_ARGUMENT")
            #expect(reply.body.contains("not a valid FCM registration token"))
        }
    }

    @Test func `exactly 4096 bytes of data are accepted`() async throws {
        try await Client.run { client async throws in
            let data = String(repeating: "a", count: 4095)
            let body = #"{"message":{"token":"t1","data":{"x":"\#(data)"}}}"#
            #expect(try await client.sendFCM(body, access: client.accessToken()).status == 200)
        }
    }

    @Test func `an unknown, a revoked and an expired access token are refused`() async throws {
        try await Client.run {
            $0.accessTokenSeconds = 0
        } _: { client async throws in
            let expired = try await client.sendFCM(#"{"message":{"token":"t1"}}"#, access: client.accessToken())
            #expect(expired.status == 401 && Self.canonical(expired) == "UNAUTHENTICATED")
            #expect(Self.errorCode(expired) == nil)
        }
        try await Client.run { client async throws in
            let body = #"{"message":{"token":"t1"}}"#
            #expect(try await client.sendFCM(body, access: "made-up").status == 401)
            let access = try await client.accessToken()
            #expect(try await client.sendFCM(body, access: access).status == 200)
            client.simulator.revokeAccessTokens()
            #expect(try await client.sendFCM(body, access: access).status == 401)
        }
    }

    @Test func `another project is not found`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendFCM(
                #"{"message":{"token":"t1"}}"#, access: client.accessToken(), project: "other")
            #expect(reply.status == 404 && Self.canonical(reply) == "NOT_FOUND" && Self.errorCode(reply) == nil)
        }
    }

    @Test func `a wrong assertion is refused`() async throws {
        try await Client.run { client async throws in
            let now = Int(Date().timeIntervalSince1970)
            func error(_ reply: Client.Reply) -> String? {
                reply.status == 400 ? reply.json["error"] as? String : nil
            }
            #expect(try await error(client.login { $0.iss = "nobody@example.com" }) == "invalid_grant")
            #expect(try await error(client.login { $0.aud = "https://oauth2.googleapis.com/token" }) == "invalid_grant")
            #expect(try await error(client.login { $0.exp = now + 7200 }) == "invalid_grant")
            #expect(
                error(
                    try await client.login {
                        $0.iat = now - 7200
                        $0.exp = now - 3600
                    }) == "invalid_grant")
            #expect(
                error(
                    try await client.login {
                        $0.iat = now + 600
                        $0.exp = now + 1200
                    }) == "invalid_grant")
            #expect(try await error(client.login { $0.scope = nil }) == "invalid_scope")
            #expect(try await error(client.login { $0.scope = "https://example.com/scope" }) == "invalid_scope")
            #expect(try await error(client.login(grantType: "client_credentials")) == "unsupported_grant_type")
            let stranger = try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8PEMRepresentation
            #expect(try await error(client.login(pem: stranger)) == "invalid_grant")
            #expect(client.simulator.counters(.fcm).refused == 9)
        }
    }
}
