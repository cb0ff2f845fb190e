import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

@Suite struct WebhookRouteTests {
    private static let path = "/v1/settings/webhook"
    private static let url = "https://hooks.example.com/in"

    @Test func `a webhook is set, shows its secret once, is read, changed and taken away`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let none = try await call(.get, Self.path, bearer: token)
            #expect(none.status == 404 && none.code == "not_found")
            let made = try await call(.put, Self.path, #"{"url":"\#(Self.url)"}"#, bearer: token)
            #expect(made.status == 200)
            let secret = try #require(made.string("secret"))
            #expect(secret.hasPrefix("whsec_") && secret.utf8.count == 50)
            let expected =
                #"{"url":"\#(Self.url)","events":["*"],"beforeSend":false,"format":"standard","onFailure":"allow","eventsPerRequest":1,"hasToken":false"#
            #expect(made.text == expected + #","secret":"\#(secret)"}"#)
            #expect(try await call(.get, Self.path, bearer: token).text == expected + "}")

            let change = """
                {"url":"\(Self.url)","events":["push.failed","message.sent"],"beforeSend":true,"format":"tencent",
                "token":"t-1","onFailure":"deny","eventsPerRequest":500}
                """
            let changed = try await call(.put, Self.path, change, bearer: token)
            #expect(
                changed.text
                    == #"{"url":"\#(Self.url)","events":["message.sent","push.failed"],"beforeSend":true,"format":"tencent","onFailure":"deny","eventsPerRequest":500,"hasToken":true}"#
            )
            let tenant = try #require(fixture.webhooks.webhooks().keys.first)
            let stored = try #require(fixture.webhooks.webhook(of: tenant))
            #expect(stored.secret == secret && stored.token == "t-1")
            let own = "whsec_" + String(repeating: "BwcH", count: 8)
            let body = #"{"url":"\#(Self.url)","secret":"\#(own)","token":"","events":["*"]}"#
            #expect(try await call(.put, Self.path, body, bearer: token).string("secret") == nil)
            #expect(fixture.webhooks.webhook(of: tenant)?.secret == own)
            #expect(fixture.webhooks.webhook(of: tenant)?.token == nil)
            for _ in 0..<2 { #expect(try await call(.delete, Self.path, bearer: token).status == 204) }
            #expect(try await call(.get, Self.path, bearer: token).status == 404)
        }
    }

    @Test func `faults have pointers and change nothing`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = """
                {"secret":"short","events":["message.sent","message.read ","*"],"beforeSend":"yes","format":"xml",
                "onFailure":"ask","eventsPerRequest":501,"token":5}
                """
            let refused = try await call(.put, Self.path, body, bearer: fixture.appToken)
            #expect(refused.status == 400 && refused.code == "invalid_request")
            let pointers = refused.json?["errors"]?.array?.compactMap { $0.object?["pointer"]?.string }
            #expect(
                Set(pointers ?? [])
                    == [
                        "/url", "/secret", "/events/1", "/beforeSend", "/format", "/onFailure", "/eventsPerRequest",
                        "/token",
                    ])
            #expect(fixture.webhooks.webhooks().isEmpty)
        }
    }

    @Test func `a URL has to leave room for what Tencent's form adds`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let url = Self.url + "/" + String(repeating: "a", count: 1700)
            let body = #"{"url":"\#(url)","format":"tencent"}"#
            let refused = try await call(.put, Self.path, body, bearer: fixture.appToken)
            let pointers = refused.json?["errors"]?.array?.compactMap { $0.object?["pointer"]?.string }
            #expect(refused.status == 400 && pointers == ["/url"])
            let taken = try await call(.put, Self.path, #"{"url":"\#(url)"}"#, bearer: fixture.appToken)
            #expect(taken.status == 200)
        }
    }

    @Test func `only an app with the scope may`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let lines: [(HTTPRequest.Method, String, String?)] = [
                (.get, Self.path, nil), (.put, Self.path, #"{"url":"\#(Self.url)"}"#), (.delete, Self.path, nil),
                (.get, "/v1/events", nil), (.post, "/v1/events/replay", #"{"since":0}"#),
                (.get, "/v1/events/requests", nil), (.get, "/v1/events/retries", nil),
            ]
            let other = try fixture.appToken(scope: "messages:send")
            for (method, path, body) in lines {
                for token in [other, fixture.deviceToken] {
                    #expect(try await call(method, path, body, bearer: token).status == 403)
                }
                #expect(try await call(method, path, body).status == 401)
            }
        }
    }

    private func event(
        _ position: Int64, _ type: WebhookEventType, of tenant: TenantKey, detail: String = "{}"
    ) throws -> WebhookEvent {
        WebhookEvent(
            position: position, tenant: tenant, type: type, at: 1_700_000_000_123 + position, account: nil,
            message: nil, device: nil, person: .init(account: "acct_a", userID: "ann"),
            detail: try RawJSON(parsing: Array(detail.utf8)))
    }

    @Test func `events come oldest first, page by page and by type`() async throws {
        let fixture = try await Fixture()
        let tenant = try #require(fixture.access.tenant(no: "acme")?.key)
        for position in 1...3 as ClosedRange<Int64> {
            fixture.webhooks.add(
                try event(position, .messageRead, of: tenant, detail: #"{"peer":"acct_b","seq":\#(position)}"#))
        }
        fixture.webhooks.add(try event(4, .deviceOnline, of: tenant))
        fixture.webhooks.add(try event(5, .messageRead, of: TenantKey(rawValue: 99)))
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let page = try await call(.get, "/v1/events?limit=2", bearer: token)
            let cursors = page.json?["items"]?.array?.compactMap { $0.object?["cursor"]?.string } ?? []
            #expect(page.status == 200 && cursors.count == 2 && page.string("nextCursor") == cursors.last)
            let first = page.json?["items"]?.array?.first?.object
            #expect(first?.members.map(\.key) == ["cursor", "id", "type", "timestamp", "data"])
            #expect(first?["id"]?.string == "evt_1" && first?["type"]?.string == "message.read")
            #expect(first?["timestamp"]?.string == "2023-11-14T22:13:20.124Z")
            #expect(first?["data"]?.text == #"{"account":"acct_a","userId":"ann","peer":"acct_b","seq":1}"#)
            let rest = try await call(.get, "/v1/events?cursor=\(cursors.last ?? "")", bearer: token)
            #expect(rest.json?["items"]?.array?.compactMap { $0.object?["id"]?.string } == ["evt_3", "evt_4"])
            #expect(rest.string("nextCursor") == nil)
            let online = try await call(.get, "/v1/events?type=device.online", bearer: token)
            #expect(online.json?["items"]?.array?.count == 1)
            for bad in ["type=device.gone", "limit=0", "limit=501", "cursor=%21", "cursor=LTE"] {
                #expect(try await call(.get, "/v1/events?\(bad)", bearer: token).status == 400)
            }
        }
    }

    @Test func `events are told again after a cursor or from a time on`() async throws {
        let fixture = try await Fixture()
        let tenant = try #require(fixture.access.tenant(no: "acme")?.key)
        for position in 1...3 as ClosedRange<Int64> {
            fixture.webhooks.add(try event(position, .messageRead, of: tenant))
        }
        try await fixture.withClient { [fixture] call in
            let (path, token) = ("/v1/events/replay", fixture.appToken)
            let none = try await call(.post, path, #"{"since":0}"#, bearer: token)
            #expect(none.status == 409 && none.code == "conflict")
            _ = try await call(.put, Self.path, #"{"url":"\#(Self.url)"}"#, bearer: token)
            let cursor = try await call(.get, "/v1/events?limit=1", bearer: token).string("nextCursor") ?? ""
            let after = try await call(.post, path, #"{"after":"\#(cursor)"}"#, bearer: token)
            #expect(after.status == 202 && after.text == #"{"queued":2}"#)
            let since = try await call(.post, path, #"{"since":1700000000126}"#, bearer: token)
            #expect(since.status == 202 && since.text == #"{"queued":1}"#)
            let future = try await call(.post, path, #"{"since":1800000000000}"#, bearer: token)
            #expect(future.text == #"{"queued":0}"#)
            #expect(fixture.webhooks.replays == [1, 2])
            for bad in ["{}", #"{"after":"","since":1}"#, #"{"after":"!"}"#, #"{"since":"x"}"#, #"{"since":-1}"#] {
                #expect(try await call(.post, path, bad, bearer: token).status == 400)
            }
        }
    }

    @Test func `the delivery log and what waits are read page by page`() async throws {
        let fixture = try await Fixture()
        for key in 1...3 as ClosedRange<Int64> {
            fixture.webhooks.add(
                WebhookRequest(
                    key: key, at: 5, firstPosition: key, lastPosition: key + 1, events: 2, attempt: 1,
                    status: key == 3 ? nil : 200, milliseconds: 7, reason: key == 3 ? "timeout" : nil))
        }
        fixture.webhooks.add(WebhookRetry(position: 1, account: nil, attempts: 2, notBefore: 9, status: 503))
        fixture.webhooks.add(
            WebhookRetry(position: 2, account: nil, attempts: 9, notBefore: 9, isAside: true, reason: "timeout"))
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let log = try await call(.get, "/v1/events/requests?limit=2", bearer: token)
            #expect(
                log.json?["items"]?.array?.first?.text
                    == #"{"at":5,"firstId":"evt_3","lastId":"evt_4","events":2,"attempt":1,"milliseconds":7,"reason":"timeout"}"#
            )
            let next = try #require(log.string("nextCursor"))
            let rest = try await call(.get, "/v1/events/requests?cursor=\(next)", bearer: token)
            #expect(rest.json?["items"]?.array?.compactMap { $0.object?["firstId"]?.string } == ["evt_1"])
            let waiting = try await call(.get, "/v1/events/retries", bearer: token)
            #expect(
                waiting.json?["items"]?.array?.map(\.text)
                    == [#"{"cursor":"MQ","id":"evt_1","attempts":2,"nextTryAt":9,"status":503}"#])
            let aside = try await call(.get, "/v1/events/retries?aside=true", bearer: token)
            #expect(
                aside.json?["items"]?.array?.map(\.text)
                    == [#"{"cursor":"Mg","id":"evt_2","attempts":9,"reason":"timeout"}"#])
            #expect(try await call(.get, "/v1/events/retries?aside=yes", bearer: token).status == 400)
        }
    }
}
