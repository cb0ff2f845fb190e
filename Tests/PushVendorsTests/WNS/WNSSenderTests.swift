import PushCore
import Testing

@testable import PushVendors

/// Against a real HTTP server that is login and push service at once.
@Suite struct WNSSenderTests {
    private func withSender<Result>(
        clock: HandClock = HandClock(), settings change: String = #""tenantId":"t-1","clientId":"app-1""#,
        allowsPrivate: Bool = true, hasEndpoint: Bool = true,
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (WNSSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let server = try await StubServer.start(answering: answering)
        let connections = try connections(allowsPrivate: allowsPrivate, timeout: .seconds(5))
        let endpoint = hasEndpoint ? #","endpoint":"http://127.0.0.1:\#(server.port)""# : ""
        let settings = try WNSSettings(
            reading: json(#"{"clientSecret":"s&1",\#(change)\#(endpoint)}"#), policy: connections.policy)
        let sender = WNSSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: clock.wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    private static let loginPath = "/t-1/oauth2/v2.0/token"
    private static let received = StubServer.Reply.answer(200, headers: ["x-wns-status": "received"])

    private static func login(_ number: Int) -> StubServer.Reply {
        .answer(200, body: #"{"access_token":"t\#(number)","expires_in":"86399","token_type":"bearer"}"#)
    }

    private func toast(to server: StubServer) -> VendorPush {
        push(.wns, token: "http://127.0.0.1:\(server.port)/c?token=abc%2F")
    }

    @Test func `a push logs in and goes to the channel`() async throws {
        try await withSender { request in
            request.path == Self.loginPath ? Self.login(1) : Self.received
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .sent(vendorID: nil))
            #expect(server.requests.map(\.path) == [Self.loginPath, "/c?token=abc%2F"])
            #expect(
                server.requests.first.map { String(decoding: $0.body, as: UTF8.self) }
                    == "grant_type=client_credentials&client_id=app-1&client_secret=s%261"
                    + "&scope=https%3A%2F%2Fwns.windows.com%2F.default")
            let request = try #require(server.requests.last)
            #expect(request.headers.first(name: "authorization") == "Bearer t1")
            #expect(request.headers.first(name: "content-length") == "\(request.body.count)")
            #expect(request.headers.first(name: "transfer-encoding") == nil)
            #expect(request.headers.first(name: "expect") == nil)
            #expect(await sender.send(toast(to: server)) == .sent(vendorID: nil))
            #expect(server.requests.count == 3)
        }
    }

    @Test func `a legacy app logs in at the Store`() async throws {
        try await withSender(settings: #""legacy":true,"clientId":"ms-app://s-1""#) { request in
            request.path == "/accesstoken.srf"
                ? .answer(200, body: #"{"access_token":"old"}"#) : Self.received
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .sent(vendorID: nil))
            #expect(
                server.requests.first.map { String(decoding: $0.body, as: UTF8.self) }
                    == "grant_type=client_credentials&client_id=ms-app%3A%2F%2Fs-1&client_secret=s%261"
                    + "&scope=notify.windows.com")
        }
    }

    @Test func `an access token lives for the seconds that a text names`() async throws {
        let clock = HandClock()
        let logins = Counter()
        try await withSender(clock: clock) { request in
            request.path == Self.loginPath ? Self.login(logins.next()) : Self.received
        } _: { sender, server in
            _ = await sender.send(toast(to: server))
            clock.advance(minutes: 1434)
            _ = await sender.send(toast(to: server))
            #expect(logins.value == 1)
            clock.advance(minutes: 1)
            _ = await sender.send(toast(to: server))
            #expect(logins.value == 2)
        }
    }

    @Test func `a refused access token is renewed once`() async throws {
        let logins = Counter()
        try await withSender { request in
            if request.path == Self.loginPath { return Self.login(logins.next()) }
            return request.headers.first(name: "authorization") == "Bearer t2" ? Self.received : .answer(401)
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .sent(vendorID: nil))
            #expect(logins.value == 2 && server.requests.count == 4)
        }
        try await withSender { request in
            request.path == Self.loginPath ? Self.login(1) : .answer(401)
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .auth(VendorReply(code: "401")))
            #expect(server.requests.count == 4)
        }
    }

    @Test(arguments: [
        "channel", "https://example.com/", "https://notify.windows.com.example.com/", "https://evilnotify.windows.com/",
        "https://8.8.8.8/", "http://db5p.notify.windows.com/",
    ])
    func `the access token goes to Microsoft alone`(token: String) async throws {
        try await withSender(allowsPrivate: false, hasEndpoint: false) { _ in
            Self.received
        } _: { sender, server in
            let answer: VendorAnswer = await sender.send(push(.wns, token: token))
            // Plain http is what the operator may allow.
            let isHTTP = token.hasPrefix("http:")
            switch answer {
            case .dead(let said, nil, false): #expect(said.code == "illegal_token" && said.isLocal && !isHTTP)
            case .drop(let said): #expect(said.code == "vendor_refused" && said.isLocal && isHTTP)
            default: Issue.record("\(answer)")
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `with an endpoint a channel of Microsoft's goes there too`() async throws {
        let resolver = HostResolver { _ in [IPAddress(v4: [8, 8, 8, 8])] }
        let server = try await StubServer.start { request in
            request.path == Self.loginPath ? Self.login(1) : Self.received
        }
        let connections = try connections(timeout: .seconds(5), resolver: resolver)
        let settings = try WNSSettings(
            reading: json(
                #"{"tenantId":"t-1","clientId":"a","clientSecret":"s","endpoint":"http://127.0.0.1:\#(server.port)"}"#),
            policy: connections.policy)
        let sender = WNSSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: .system, connections: connections))
        #expect(
            await sender.send(push(.wns, token: "https://db5p.notify.windows.com/w?token=x")) == .sent(vendorID: nil))
        #expect(server.requests.last?.path == "/w?token=x")
        await sender.shutdown()
        await server.stop()
    }

    @Test func `a toast is not repeated after silence, a raw push is`() async throws {
        let toast = push(.wns)
        let raw = push(.wns) { $0.isSilent = true }
        try await withSender { _ in
            Self.received
        } _: { sender, _ in
            #expect(!sender.repeatReplaces(toast) && sender.repeatReplaces(raw))
        }
        try await withSender(settings: #""tenantId":"t-1","clientId":"a","tagReplaces":true"#) { _ in
            Self.received
        } _: { sender, _ in
            #expect(sender.repeatReplaces(toast))
        }
    }

    @Test func `silence after the push is unknown, at the login it is not`() async throws {
        try await withSender { request in
            request.path == Self.loginPath ? Self.login(1) : .close
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .unknown(VendorReply(code: "connection_lost")))
        }
        try await withSender { _ in
            .close
        } _: { sender, server in
            #expect(await sender.send(toast(to: server)) == .retry(VendorReply(code: "connection_lost")))
        }
    }

    @Test func `a check logs in and sends nothing`() async throws {
        try await withSender { _ in
            Self.login(1)
        } _: { sender, server in
            #expect(await sender.check(toast(to: server)) == .sent(vendorID: nil))
            #expect(server.requests.map(\.path) == [Self.loginPath])
        }
        try await withSender { _ in
            .answer(401, body: #"{"error":"invalid_client","error_description":"AADSTS7000215"}"#)
        } _: { sender, server in
            #expect(
                await sender.check(toast(to: server))
                    == .auth(VendorReply(code: "invalid_client", text: "AADSTS7000215")))
        }
    }
}
