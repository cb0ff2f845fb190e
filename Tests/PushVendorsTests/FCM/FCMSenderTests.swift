import CryptoExtras
import JWTKit
import PushCore
import Synchronization
import Testing

@testable import PushVendors

/// Against a real HTTP server that is login and push service at once.
@Suite struct FCMSenderTests {
    private struct Claims: JWTPayload {
        let iss: String
        let scope: String
        let aud: String
        let iat: Int64
        let exp: Int64
        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private func withSender<Result>(
        clock: HandClock = HandClock(),
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (FCMSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let server = try await StubServer.start(answering: answering)
        let connections = try connections(timeout: .seconds(5))
        let base = "http://127.0.0.1:\(server.port)"
        let settings = try FCMSettings(
            reading: fcmSettings(endpoint: base, tokenURI: base + "/token"), policy: connections.policy)
        let sender = FCMSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: clock.wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    private static func login(_ number: Int, expiresIn: Int = 3600) -> StubServer.Reply {
        .answer(200, body: #"{"access_token":"t\#(number)","expires_in":\#(expiresIn),"token_type":"Bearer"}"#)
    }

    private static let accepted = StubServer.Reply.answer(200, body: #"{"name":"projects/demo-1/messages/1"}"#)

    @Test func `the assertion verifies with another implementation`() async throws {
        let text = try await withSender { request in
            request.path == "/token" ? Self.login(1) : Self.accepted
        } _: { sender, server in
            #expect(await sender.send(push(.fcm)) == .sent(vendorID: "projects/demo-1/messages/1"))
            let first = try #require(server.requests.first)
            #expect(first.path == "/token")
            #expect(first.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            #expect(server.requests.last?.path == "/v1/projects/demo-1/messages:send")
            #expect(server.requests.last?.headers.first(name: "authorization") == "Bearer t1")
            return (String(decoding: first.body, as: UTF8.self), server.port)
        }
        let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
        #expect(text.0.hasPrefix(prefix))
        let assertion = String(text.0.dropFirst(prefix.count))
        let keys = JWTKeyCollection()
        let key = try Insecure.RSA.PublicKey(pem: ExampleKeys.fcm.get().publicKey.pemRepresentation)
        await keys.add(rsa: key, digestAlgorithm: .sha256, kid: "kid-1")
        let claims = try await keys.verify(assertion, as: Claims.self)
        #expect(claims.iss == "push@demo-1.iam.gserviceaccount.com")
        #expect(claims.scope == "https://www.googleapis.com/auth/firebase.messaging")
        #expect(claims.aud == "http://127.0.0.1:\(text.1)/token")
        #expect(claims.exp - claims.iat == 3600)
    }

    @Test func `a push begins after the login, before its own request`() async throws {
        try await withSender { request in
            request.path == "/token" ? Self.login(1) : Self.accepted
        } _: { sender, server in
            let before = Mutex<[[String]]>([])
            let start = RequestStart { before.withLock { $0.append(server.requests.map(\.path)) } }
            _ = await RequestStart.$current.withValue(start) { await sender.send(push(.fcm)) }
            #expect(before.withLock { $0 } == [["/token"]])
        }
    }

    @Test func `200 pushes at once log in once`() async throws {
        let logins = Counter()
        try await withSender { request in
            request.path == "/token" ? Self.login(logins.next()) : Self.accepted
        } _: { sender, server in
            let sent = await withTaskGroup(of: VendorAnswer.self) { group in
                for _ in 0..<200 { group.addTask { await sender.send(push(.fcm)) } }
                return await group.reduce(into: 0) { count, answer in
                    if case .sent = answer { count += 1 }
                }
            }
            #expect(sent == 200)
            #expect(logins.value == 1)
            #expect(server.requests.count == 201)
        }
    }

    @Test func `the token is renewed five minutes before it ends`() async throws {
        let clock = HandClock()
        let logins = Counter()
        try await withSender(clock: clock) { request in
            request.path == "/token" ? Self.login(logins.next()) : Self.accepted
        } _: { sender, _ in
            _ = await sender.send(push(.fcm))
            clock.advance(minutes: 54)
            _ = await sender.send(push(.fcm))
            #expect(logins.value == 1)
            clock.advance(minutes: 1)
            _ = await sender.send(push(.fcm))
            #expect(logins.value == 2)
        }
    }

    @Test func `a refused access token is renewed once and the push repeated`() async throws {
        let logins = Counter()
        try await withSender { request in
            if request.path == "/token" { return Self.login(logins.next()) }
            let isFresh = request.headers.first(name: "authorization") == "Bearer t2"
            return isFresh ? Self.accepted : .answer(401, body: #"{"error":{"status":"UNAUTHENTICATED"}}"#)
        } _: { sender, _ in
            let sent = await withTaskGroup(of: VendorAnswer.self) { group in
                for _ in 0..<20 { group.addTask { await sender.send(push(.fcm)) } }
                return await group.reduce(into: 0) { count, answer in
                    if case .sent = answer { count += 1 }
                }
            }
            #expect(sent == 20)
            #expect(logins.value == 2)
        }
    }

    @Test func `an access token that is refused again stops the credential`() async throws {
        let logins = Counter()
        try await withSender { request in
            if request.path == "/token" { return Self.login(logins.next()) }
            return .answer(401, body: #"{"error":{"status":"UNAUTHENTICATED"}}"#)
        } _: { sender, _ in
            #expect(await sender.send(push(.fcm)) == .auth(VendorReply(code: "UNAUTHENTICATED")))
            #expect(logins.value == 2)
        }
    }

    @Test func `an APNs key that is missing at Google is no reason to log in again`() async throws {
        let logins = Counter()
        let body =
            #"{"error":{"status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"THIRD_PARTY_AUTH_ERROR"}]}}"#
        try await withSender { request in
            request.path == "/token" ? Self.login(logins.next()) : .answer(401, body: body)
        } _: { sender, _ in
            #expect(await sender.send(push(.fcm)) == .auth(VendorReply(code: "THIRD_PARTY_AUTH_ERROR")))
            #expect(logins.value == 1)
        }
    }

    @Test(arguments: [
        (
            400, #"{"error":"invalid_grant","error_description":"Bad clock"}"#,
            VendorAnswer.auth(VendorReply(code: "invalid_grant", text: "Bad clock"))
        ),
        (503, "", .retry(VendorReply(code: "503"))), (200, "{}", .retry(VendorReply(code: "login_answer"))),
        (429, "", .slow(VendorReply(code: "429"), scope: .credential)),
    ])
    func `a login that fails answers for the push`(status: Int, body: String, expected: VendorAnswer) async throws {
        try await withSender { _ in
            .answer(status, body: body)
        } _: { sender, server in
            #expect(await sender.send(push(.fcm)) == expected)
            #expect(server.requests.allSatisfy { $0.path == "/token" })
        }
    }

    @Test func `a login without an answer is a retry, since no push was written`() async throws {
        try await withSender { _ in
            .close
        } _: { sender, _ in
            #expect(await sender.send(push(.fcm)) == .retry(VendorReply(code: "connection_lost")))
        }
    }

    @Test func `a check is a dry run`() async throws {
        try await withSender { request in
            request.path == "/token" ? Self.login(1) : Self.accepted
        } _: { sender, server in
            #expect(await sender.check(push(.fcm)) == .sent(vendorID: "projects/demo-1/messages/1"))
            #expect(server.requests.last?.json?.object?["validate_only"]?.bool == true)
        }
    }
}
