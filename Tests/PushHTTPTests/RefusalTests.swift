import HTTPTypes
import Hummingbird
import PushCore
import PushHTTP
import PushTestSupport
import Testing

@Suite struct RefusalTests {
    @Test func `every problem has the members of RFC 9457 and its own request id`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let reply = try await call(.get, "/v1/devices/me")
            #expect(reply.field("Content-Type") == "application/problem+json")
            #expect(reply.field("Cache-Control") == "no-store")
            #expect(reply.string("type") == "urn:pushgate:problem:unauthenticated")
            #expect(reply.string("title")?.isEmpty == false)
            #expect(reply.json?["status"]?.integer == 401)
            #expect(reply.string("detail")?.isEmpty == false)
            let id = try #require(reply.string("requestId"))
            #expect(!id.isEmpty)
            #expect(reply.field("X-Request-Id") == id)
            #expect(try await call(.get, "/v1/devices/me").string("requestId") != id)
        }
    }

    @Test func `answers are not stored and carry a request id`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let read = try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken)
            #expect(read.field("Cache-Control") == "no-store")
            #expect(read.field("X-Request-Id")?.isEmpty == false)
            let gone = try await call(.delete, "/v1/devices/me", bearer: fixture.deviceToken)
            #expect(gone.field("Cache-Control") == "no-store")
        }
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/oauth/token", "POST"), (.delete, "/v1/messages", "POST"),
        (.post, "/v1/messages/sync", "GET, HEAD"), (.get, "/v1/messages/ack", "POST"),
        (.put, "/v1/messages/m1", "GET, HEAD"), (.post, "/v1/devices/me", "GET, HEAD, PATCH, DELETE"),
        (.patch, "/v1/groups/g/members", "GET, HEAD, PUT, DELETE"), (.options, "/v1/admin/tenants", "POST, GET, HEAD"),
        (.post, "/healthz", "GET, HEAD"), (.get, "/v1/admin/apps/a/rotate", "POST"),
    ])
    func `a wrong method is told the right ones`(
        method: HTTPRequest.Method, path: String, allowed: String
    ) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let reply = try await call(method, path)
            #expect(reply.status == 405)
            #expect(reply.code == "method_not_allowed")
            #expect(reply.field("Allow") == allowed)
        }
    }

    @Test(arguments: [
        "/", "/nothing", "/v1", "/v1/", "/v1/messages/", "/v1/messages/a/b/c", "/v1//messages", "//v1/messages",
        "/v1/accounts/", "/V1/messages", "/v1/groups//members",
    ])
    func `an unknown path is 404`(path: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.get, path, bearer: fixture.appToken)
            #expect(reply.status == 404)
            #expect(reply.code == "not_found")
        }
    }

    @Test(arguments: [
        "/v1/accounts/%", "/v1/accounts/%4", "/v1/accounts/%zz", "/v1/accounts/%00", "/v1/accounts/a%0Ab",
        "/v1/accounts/%ff", "/v1/accounts/%c3%28", "/v1/accounts/%ed%a0%80", "/v1/groups?limit=0",
        "/v1/groups?limit=501", "/v1/groups?limit=x", "/v1/groups?limit=1&limit=2", "/v1/groups?limit=%",
        "/v1/groups?cursor=%ff", "/v1/groups?cursor=!!", "/v1/groups?x=%00", "/v1/groups?a&a",
    ])
    func `what cannot be decoded is 400`(path: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.get, path, bearer: fixture.appToken)
            #expect(reply.status == 400)
            #expect(reply.code == "invalid_request")
        }
    }

    @Test(arguments: [
        "after=-1", "after=x", "after=99999999999999999999", "broadcastAfter=-1", "limit=0", "after=1&after=1",
    ])
    func `a cursor that is none is 400`(query: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.get, "/v1/messages/sync?\(query)", bearer: fixture.deviceToken)
            #expect(reply.status == 400)
        }
    }

    @Test(arguments: [
        "", " ", "{", "}", "[]", "null", "1", "\"x\"", "{\"to\":}", "{\"to\":\"a\",}", "{'to':'a'}", "{} {}",
        "{\"to\":\"\\ud800\"}", "\u{FEFF}{}", "{\"a\":1,\"a\":2}", "{\"to\":01}", "{\"to\":NaN}", "nul",
        "{\"to\":\"\u{1}\"}",
        String(repeating: "[", count: 20_000),
    ])
    func `a body that is no JSON object is 400`(body: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            for (method, path) in [(HTTPRequest.Method.post, "/v1/messages"), (.post, "/v1/groups")] {
                let reply = try await call(method, path, body, bearer: fixture.appToken)
                #expect(reply.status == 400)
                #expect(reply.code == "invalid_request")
            }
            #expect(try await call(.patch, "/v1/devices/me", body, bearer: fixture.deviceToken).status == 400)
            #expect(try await call(.post, "/v1/admin/apps", body, bearer: fixture.adminToken).status == 400)
        }
    }

    @Test func `a syntax fault is named by its place`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.post, "/v1/messages", #"{"to": }"#, bearer: fixture.appToken)
            #expect(reply.string("detail")?.contains("at byte 7") == true)
        }
    }

    @Test(arguments: [
        ("application/json", true), ("application/json; charset=utf-8", true),
        ("Application/JSON;charset=\"UTF-8\"", true),
        (nil, true), ("text/plain", false), ("application/json; charset=gbk", false), ("application/jsonp", false),
        ("application/x-www-form-urlencoded", false), ("", false), ("multipart/form-data; boundary=x", false),
    ])
    func `the content type is JSON or absent`(type: String?, isGood: Bool) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.post, "/v1/groups", "{}", bearer: fixture.appToken, type: type)
            #expect(reply.status == (isGood ? 201 : 415))
            if !isGood { #expect(reply.code == "unsupported_media_type") }
            let empty = try await call(
                .put, "/v1/accounts/x", bearer: fixture.appToken, fields: ["Content-Type": type ?? "text/html"])
            #expect(empty.status == 201)
        }
    }

    @Test func `a body beyond the limit is 413`() async throws {
        var limits = Limits()
        limits.requestBytesMax = 1000
        let fixture = try await Fixture(limits: limits)
        try await fixture.withClient { [fixture] call in
            let fits = #"{"name":"\#(String(repeating: "x", count: 100))"}"#
            #expect(try await call(.post, "/v1/groups", fits, bearer: fixture.appToken).status == 201)
            let big = #"{"name":"\#(String(repeating: "x", count: 1000))"}"#
            let reply = try await call(.post, "/v1/groups", big, bearer: fixture.appToken)
            #expect(reply.status == 413)
            #expect(reply.code == "too_large")
            #expect(reply.field("Connection") == "close")
        }
    }

    @Test func `a fault of the gateway shows nothing of itself`() async throws {
        struct Fault: Error, CustomStringConvertible { let description = "disk /secret/path is full" }
        let fixture = try await Fixture()
        fixture.access.failWrites(with: Fault())
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.post, "/v1/admin/tenants", #"{"tenantNo":"n"}"#, bearer: fixture.adminToken)
            #expect(reply.status == 500)
            #expect(reply.code == "internal_error")
            #expect(!reply.text.contains("secret"))
            #expect(reply.string("requestId") == reply.field("X-Request-Id"))
        }
    }

    @Test func `calls without a credential are limited per address`() async throws {
        let fixture = try await Fixture(anonymousPerSecond: 3)
        try await fixture.withClient { [fixture] call in
            var statuses: [Int] = []
            for _ in 0..<40 { statuses.append(try await call(.get, "/v1/devices/me").status) }
            #expect(statuses.prefix(3) == [401, 401, 401])
            let limited = try #require(statuses.firstIndex(of: 429))
            #expect(limited >= 3)
            let reply = try await call(.get, "/v1/groups", bearer: fixture.appToken)
            #expect(reply.status == 200)
        }
    }

    @Test func `refused credentials are limited and good ones are not`() async throws {
        let fixture = try await Fixture(failedPerSecond: 2)
        try await fixture.withClient { [fixture] call in
            let body = #"{"uniqueCode":"c1","userId":"bob"}"#
            var last: Reply?
            for _ in 0..<30 { last = try await call(.post, "/v1/devices", body, bearer: "a.b.c") }
            #expect(last?.status == 429)
            #expect(last?.code == "rate_limited")
            #expect(last?.field("Retry-After") == "1")
            #expect(try await call(.post, "/v1/devices", body, bearer: try fixture.signature(of: "bob")).status == 201)
            let form = "grant_type=client_credentials&client_id=\(fixture.appID)&client_secret=wrong"
            for _ in 0..<10 {
                last = try await call(.post, "/oauth/token", form, type: "application/x-www-form-urlencoded")
            }
            #expect(last?.status == 429)
        }
    }
}

@Suite struct ChangeRouteTests {
    @Test func `changes read their bodies strictly`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            for body in [nil, "[]", "{}", #"{"content":1}"#, #"{"content":{},"content":{}}"#] as [String?] {
                let reply = try await call(.post, "/v1/messages/m1/update", body, bearer: fixture.deviceToken)
                #expect(reply.status == 400 && reply.code == "invalid_request", "\(body ?? "nothing")")
            }
            let long = String(repeating: "x", count: Limits().contentBytesMax)
            let large = try await call(
                .post, "/v1/messages/m1/update", #"{"content":{"text":"\#(long)"}}"#, bearer: fixture.deviceToken)
            #expect(large.status == 413 && large.code == "too_large")
            for operation in ["revoke", "burn"] {
                for body in [nil, "{}", #"{"more":1}"#] as [String?] {
                    let reply = try await call(
                        .post, "/v1/messages/m1/\(operation)", body, bearer: fixture.deviceToken)
                    #expect(reply.status == 404 && reply.code == "not_found")
                }
                for body in ["[]", "1", "{"] {
                    let reply = try await call(
                        .post, "/v1/messages/m1/\(operation)", body, bearer: fixture.deviceToken)
                    #expect(reply.status == 400 && reply.code == "invalid_request")
                }
                #expect(try await call(.post, "/v1/messages/m1/\(operation)").status == 401)
                #expect(try await call(.get, "/v1/messages/m1/\(operation)", bearer: fixture.appToken).status == 405)
            }
            #expect(try await call(.post, "/v1/messages/m1/burn", bearer: fixture.appToken).code == "forbidden")
        }
    }
}
