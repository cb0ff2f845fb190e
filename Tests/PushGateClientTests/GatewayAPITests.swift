import PushGateClient
import Synchronization
import Testing

@Suite struct GatewayAPITests {
    @Test func `a registration carries the signature and gives a session`() async throws {
        let server = try await ScriptedHTTPServer { _ in
            .init(
                status: 201,
                body: #"""
                    {"account":"acct_1","deviceId":"dev_1","userId":"ann","tenantNo":"t1","credential":"c.r.d",
                    "credentialExpiresAt":1700000000500,"im":{"host":"h","port":8883,"tls":true,"websocketPort":null,
                    "clientId":"dev_1","username":"acct_1"},"topics":{"inbox":"account/acct_1",
                    "broadcast":"tenant/t1/broadcast","reply":"device/dev_1","up":"up/dev_1"},"seq":5,"broadcastSeq":2}
                    """#)
        }
        var draft = DeviceRegistration(
            uniqueCode: "code", userID: "ann", osType: .iOS,
            pushTokens: [.init(vendor: "apns", token: "aa", isSandbox: true)])
        draft.isPushEnabled = false
        let session = try await GatewayAPI(server.url + "/").register(draft, signature: "signed")
        #expect(session.isNew)
        #expect(session.account == "acct_1")
        #expect(session.broker == .init(host: "h", port: 8883, usesTLS: true))
        #expect(session.topics == .init(account: "acct_1", deviceID: "dev_1", tenantNo: "t1"))
        #expect(session.seq == 5)
        #expect(session.credential.expiresAt.timeIntervalSince1970 == 1_700_000_000.5)
        let request = try #require(server.requests.first)
        #expect(request.method == "POST")
        #expect(request.target == "/v1/devices")
        #expect(request.headers.first(name: "authorization") == "Bearer signed")
        #expect(request.headers.first(name: "content-type") == "application/json")
        #expect(
            request.body
                == #"{"uniqueCode":"code","userId":"ann","osType":1,"pushTokens":[{"vendor":"apns","token":"aa","kind":"alert","environment":"sandbox"}],"pushEnabled":false}"#
        )
        try await server.stop()
    }

    @Test func `a refusal is a problem with its code, request and reasons`() async throws {
        let server = try await ScriptedHTTPServer { request in
            request.method == "GET"
                ? .init(status: 502, body: "<html>")
                : .init(
                    status: 429,
                    body: #"""
                        {"type":"about:blank","title":"t","status":429,"detail":"too fast","code":"rate_limited",
                        "requestId":"r1","errors":[{"pointer":"/content/text","detail":"missing"}]}
                        """#, headers: [("retry-after", "7")])
        }
        let api = GatewayAPI(server.url, authorization: .bearer("b"))
        let expected = GatewayProblem(
            status: 429, code: "rate_limited", detail: "too fast", requestID: "r1", retryAfterSeconds: 7,
            errors: [.init(pointer: "/content/text", detail: "missing")])
        await #expect(throws: expected) { try await api.send(OutgoingMessage(to: "acct_1", text: "x")) }
        await #expect(throws: GatewayProblem(status: 502, code: "http_502", detail: "")) {
            _ = try await api.thisDevice()
        }
        try await server.stop()
    }

    @Test func `an access token is fetched once, kept, and fetched again when it was refused`() async throws {
        let given = Mutex(0)
        let server = try await ScriptedHTTPServer { request in
            if request.target == "/oauth/token" {
                let number = given.withLock { given in
                    given += 1
                    return given
                }
                return .init(
                    status: 200,
                    body: #"{"access_token":"t\#(number)","token_type":"Bearer","expires_in":7200,"scope":"groups"}"#)
            }
            let isOld = request.headers.first(name: "authorization") == "Bearer t1" && request.target.hasSuffix("late")
            return isOld
                ? .init(status: 401, body: #"{"code":"token_revoked"}"#)
                : .init(status: 200, body: #"{"account":"acct_1","userId":"u"}"#)
        }
        let api = GatewayAPI(server.url).authorized(by: .app(id: "app_1", secret: "s"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = try await api.account(userID: "early") } }
            try await group.waitForAll()
        }
        #expect(given.withLock { $0 } == 1)
        #expect(try await api.createAccount(userID: "ü b/x") == "acct_1")
        #expect(given.withLock { $0 } == 1)
        #expect(server.requests.last?.target == "/v1/accounts/%C3%BC%20b%2Fx")
        #expect(try await api.createAccount(userID: "late") == "acct_1")
        #expect(given.withLock { $0 } == 2)
        #expect(server.requests.last?.headers.first(name: "authorization") == "Bearer t2")
        try await server.stop()
    }

    @Test func `a page of sync is read with its broadcasts`() async throws {
        let server = try await ScriptedHTTPServer { _ in
            .init(
                status: 200,
                body: #"""
                    {"items":[{"id":"a","seq":3},{"id":"b","seq":4}],"head":9,"more":true,
                    "broadcast":{"items":[{"id":"c","seq":1}],"head":1,"more":false}}
                    """#)
        }
        let page = try await GatewayAPI(server.url, authorization: .bearer("d"))
            .sync(after: 2, broadcastAfter: 0, limit: 2)
        #expect(page.items.map(\.id) == ["a", "b"])
        #expect(page.head == 9)
        #expect(page.more)
        #expect(page.broadcast.items.map(\.channel) == [.broadcast])
        #expect(server.requests.first?.target == "/v1/messages/sync?after=2&broadcastAfter=0&limit=2")
        try await server.stop()
    }
}
