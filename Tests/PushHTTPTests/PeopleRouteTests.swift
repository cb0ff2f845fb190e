import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

/// Tags, accounts and presence over HTTP.
@Suite struct PeopleRouteTests {
    private static let tooMany =
        "{\"users\":[" + (0..<501).map { "\"u\($0)\"" }.joined(separator: ",") + "]}"

    @Test func `tags are made, listed by page and read`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let made = try await call(.put, "/v1/tags/vip/members", #"{"users":["ann","bob"]}"#, bearer: token)
            #expect(made.status == 200)
            #expect(made.json?["memberCount"]?.integer == 2 && made.json?["changed"]?.integer == 2)
            let removed = try await call(.delete, "/v1/tags/vip/members", #"{"users":["bob","x"]}"#, bearer: token)
            #expect(removed.json?["memberCount"]?.integer == 1 && removed.json?["changed"]?.integer == 1)
            let read = try await call(.get, "/v1/tags/vip", bearer: token)
            #expect(read.string("tag") == "vip" && read.json?["memberCount"]?.integer == 1)
            _ = try await call(.put, "/v1/tags/%E4%B8%8A%E6%B5%B7/members", #"{"users":["ann"]}"#, bearer: token)
            let first = try await call(.get, "/v1/tags?limit=1", bearer: token)
            #expect(first.json?["items"]?.array?.count == 1)
            let cursor = try #require(first.string("nextCursor"))
            let second = try await call(.get, "/v1/tags?limit=1&cursor=\(cursor)", bearer: token)
            #expect(second.json?["items"]?.array?.first?.object?["tag"]?.string == "上海")
            #expect(second.text.hasSuffix(#""nextCursor":null}"#))
        }
    }

    @Test func `what is wrong about tags is refused`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let good = #"{"users":["ann"]}"#
            #expect(try await call(.get, "/v1/tags/none", bearer: token).status == 404)
            #expect(try await call(.delete, "/v1/tags/none/members", good, bearer: token).status == 404)
            for name in ["a%2Cb", "a%2Fb", "%00", String(repeating: "x", count: 65)] {
                #expect(try await call(.put, "/v1/tags/\(name)/members", good, bearer: token).status == 400, "\(name)")
            }
            let longest = String(repeating: "x", count: 64)
            #expect(try await call(.put, "/v1/tags/\(longest)/members", good, bearer: token).status == 200)
            for body in ["{}", #"{"users":"ann"}"#, #"{"users":[""]}"#, #"{"users":["a,b"]}"#, "[]", "nonsense"] {
                #expect(try await call(.put, "/v1/tags/t/members", body, bearer: token).status == 400, "\(body)")
            }
            #expect(try await call(.put, "/v1/tags/t/members", Self.tooMany, bearer: token).status == 413)
            for query in ["limit=0", "limit=1000000000", "limit=x", "cursor=***"] {
                #expect(try await call(.get, "/v1/tags?\(query)", bearer: token).status == 400, "\(query)")
            }
            for token in [fixture.deviceToken, try fixture.appToken(scope: "groups accounts")] {
                #expect(try await call(.get, "/v1/tags", bearer: token).code == "forbidden")
                #expect(try await call(.get, "/v1/tags/t", bearer: token).code == "forbidden")
                #expect(try await call(.put, "/v1/tags/t/members", good, bearer: token).code == "forbidden")
                #expect(try await call(.delete, "/v1/tags/t/members", good, bearer: token).code == "forbidden")
            }
        }
    }

    @Test func `accounts are imported`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(
                .post, "/v1/accounts/import", #"{"users":["ann","new","new"]}"#, bearer: fixture.appToken)
            let results = reply.json?["results"]?.array?.map(\.object) ?? []
            #expect(results.map { $0?["userId"]?.string } == ["ann", "new", "new"])
            #expect(results.map { $0?["status"]?.string } == ["exists", "created", "exists"])
            #expect(results[1]?["account"]?.string == results[2]?["account"]?.string)
            for (body, status) in [("{}", 400), (#"{"users":["a/b"]}"#, 400), (Self.tooMany, 413)] {
                #expect(
                    try await call(.post, "/v1/accounts/import", body, bearer: fixture.appToken).status == status)
            }
            // The word is a user's name as well.
            #expect(try await call(.put, "/v1/accounts/import", "{}", bearer: fixture.appToken).status == 201)
            #expect(
                try await call(.get, "/v1/accounts/import", bearer: fixture.appToken).string("userId") == "import")
            #expect(try await call(.delete, "/v1/accounts/import", bearer: fixture.appToken).status == 204)
        }
    }

    @Test func `presence names known users once`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            _ = try await call(.put, "/v1/accounts/a%20b", "{}", bearer: token)
            let reply = try await call(.get, "/v1/presence?users=ann,nobody,a%20b", bearer: token)
            let items = reply.json?["items"]?.array?.map(\.object) ?? []
            #expect(items.map { $0?["userId"]?.string } == ["ann", "a b"])
            #expect(items.first??["online"]?.bool == false)
            let device = items.first??["devices"]?.array?.first?.object
            #expect(device?["deviceId"]?.string == fixture.deviceID && device?["osType"]?.integer == 2)
            #expect(device?["online"]?.bool == false && device?["since"]?.integer == Fixture.now)
            #expect(items.last??["devices"]?.array?.isEmpty == true)
            for query in ["", "?users=", "?users=a,,b", "?users=a%00"] {
                #expect(try await call(.get, "/v1/presence\(query)", bearer: token).status == 400, "\(query)")
            }
            let many = (0..<501).map { "u\($0)" }.joined(separator: ",")
            #expect(try await call(.get, "/v1/presence?users=\(many)", bearer: token).status == 413)
        }
    }

    @Test func `devices and people are ended`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let device = "/v1/accounts/ann/devices/\(fixture.deviceID)"
            #expect(try await call(.delete, "/v1/accounts/ann/devices/dev_none", bearer: token).status == 404)
            #expect(
                try await call(.delete, "/v1/accounts/bob/devices/\(fixture.deviceID)", bearer: token).status == 404)
            for _ in 0..<2 { #expect(try await call(.delete, device, bearer: token).status == 204) }
            #expect(fixture.changes.endedDevices == [fixture.deviceID, fixture.deviceID])
            #expect(
                try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken).code == "token_revoked")
            let kicked = try await call(.post, "/v1/accounts/ann/kick", bearer: token)
            #expect(kicked.status == 200 && kicked.json?["devices"]?.integer == 0)
            #expect(try await call(.post, "/v1/accounts/nobody/kick", bearer: token).status == 404)
            #expect(try await call(.delete, "/v1/accounts/ann", bearer: token).status == 204)
            #expect(try await call(.delete, "/v1/accounts/ann", bearer: token).status == 404)
            #expect(try await call(.get, "/v1/accounts/ann", bearer: token).status == 404)
        }
    }

    @Test func `people are for apps with the scope`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            for token in [fixture.deviceToken, try fixture.appToken(scope: "groups tags settings")] {
                for (method, path, body) in [
                    (HTTPRequest.Method.post, "/v1/accounts/import", #"{"users":["a"]}"#),
                    (.get, "/v1/presence?users=ann", nil), (.post, "/v1/accounts/ann/kick", nil),
                    (.delete, "/v1/accounts/ann", nil), (.delete, "/v1/accounts/ann/devices/d", nil),
                ] {
                    let reply = try await call(method, path, body, bearer: token)
                    #expect(reply.status == 403 && reply.code == "forbidden", "\(method) \(path)")
                }
            }
        }
    }

    @Test func `the operator sees the whole and what was done`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let admin = fixture.adminToken
            let stats = try await call(.get, "/v1/admin/stats", bearer: admin)
            #expect(stats.json?["tenants"]?.integer == 1 && stats.json?["apps"]?.integer == 1)
            #expect(stats.json?["devices"]?.object?["online"]?.integer == 0)
            _ = try await call(.post, "/v1/admin/tenants", #"{"tenantNo":"b"}"#, bearer: admin)
            let first = try await call(.get, "/v1/admin/audit?limit=1", bearer: admin)
            let newest = first.json?["items"]?.array?.first?.object
            #expect(newest?["action"]?.string == "tenant.create" && newest?["subject"]?.string == "b")
            #expect(newest?["actor"]?.string == "operator" && newest?["at"]?.integer == Fixture.now)
            let cursor = try #require(first.string("nextCursor"))
            let rest = try await call(.get, "/v1/admin/audit?cursor=\(cursor)", bearer: admin)
            #expect(
                rest.json?["items"]?.array?.compactMap { $0.object?["action"]?.string } == [
                    "app.create", "tenant.create",
                ])
            for query in ["limit=0", "limit=1000000000", "cursor=YWJj"] {
                #expect(try await call(.get, "/v1/admin/audit?\(query)", bearer: admin).status == 400, "\(query)")
            }
            for path in ["/v1/admin/stats", "/v1/admin/audit"] {
                #expect(try await call(.get, path, bearer: fixture.appToken).status == 403)
                #expect(try await call(.get, path).status == 401)
            }
        }
    }
}
