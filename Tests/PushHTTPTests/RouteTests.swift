import HTTPTypes
import Hummingbird
import PushCore
import PushCredentials
import PushHTTP
import PushTestSupport
import Testing

@Suite struct RouteTests {
    @Test func `health and readiness answer without a credential`() async throws {
        let fixture = try await Fixture(anonymousPerSecond: 1)
        try await fixture.withClient { call in
            for _ in 0..<5 {
                #expect(try await call(.get, "/healthz").status == 200)
                #expect(try await call(.get, "/readyz").status == 200)
            }
            let head = try await call(.head, "/healthz")
            #expect(head.status == 200)
            #expect(head.text.isEmpty)
            #expect(head.field("Content-Length") == "15")
        }
    }

    @Test func `readiness names what is missing`() async throws {
        let fixture = try await Fixture(missing: ["broker"])
        try await fixture.withClient { call in
            let reply = try await call(.get, "/readyz")
            #expect(reply.status == 503)
            #expect(reply.code == "overloaded")
            #expect(reply.json?["missing"]?.array?.map(\.string) == ["broker"])
            #expect(reply.field("Retry-After") == "1")
            #expect(reply.field("Content-Type") == "application/problem+json")
        }
    }

    @Test func `the key set is public`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let reply = try await call(.get, "/.well-known/jwks.json")
            #expect(reply.status == 200)
            #expect(reply.json?["keys"]?.array?.count == 1)
        }
    }

    @Test func `the operator manages tenants and apps`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let admin = fixture.adminToken
            #expect(
                try await call(.post, "/v1/admin/tenants", #"{"tenantNo":"b","name":"B"}"#, bearer: admin).status == 201
            )
            let again = try await call(.post, "/v1/admin/tenants", #"{"tenantNo":"b"}"#, bearer: admin)
            #expect(again.status == 409)
            #expect(again.code == "conflict")
            #expect(try await call(.get, "/v1/admin/tenants", bearer: admin).json?["items"]?.array?.count == 2)
            let patched = try await call(.patch, "/v1/admin/tenants/b", #"{"name":"C"}"#, bearer: admin)
            #expect(patched.string("name") == "C")
            #expect(try await call(.patch, "/v1/admin/tenants/zz", "{}", bearer: admin).status == 404)

            let made = try await call(.post, "/v1/admin/apps", #"{"tenantNo":"b","name":"X"}"#, bearer: admin)
            #expect(made.status == 201)
            let id = try #require(made.string("appId"))
            #expect(made.string("appSecret") != nil)
            let listed = try await call(.get, "/v1/admin/apps?tenantNo=b", bearer: admin)
            #expect(listed.json?["items"]?.array?.count == 1)
            #expect(!listed.text.contains("appSecret"))
            #expect(try await call(.get, "/v1/admin/apps?tenantNo=none", bearer: admin).status == 404)
            let changed = try await call(.patch, "/v1/admin/apps/\(id)", #"{"enabled":false}"#, bearer: admin)
            #expect(changed.json?["enabled"]?.bool == false)
            #expect(try await call(.post, "/v1/admin/apps/\(id)/rotate", bearer: admin).string("appSecret") != nil)
            let both = try await call(.post, "/v1/admin/apps/\(id)/rotate", #"{"signingKey":true}"#, bearer: admin)
            #expect(both.string("signingKey") != nil)
        }
    }

    @Test func `admin routes are for the operator alone`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let none = try await call(.get, "/v1/admin/tenants")
            #expect(none.status == 401)
            #expect(none.field("WWW-Authenticate") == #"Bearer realm="pushgate""#)
            let app = try await call(.get, "/v1/admin/tenants", bearer: fixture.appToken)
            #expect(app.status == 403)
            let device = try await call(.get, "/v1/admin/tenants", bearer: fixture.deviceToken)
            #expect(device.status == 401)
            let wrong = try await call(.get, "/v1/admin/tenants", bearer: "nonsense")
            #expect(wrong.status == 401)
            #expect(wrong.field("WWW-Authenticate")?.contains("invalid_token") == true)
        }
    }

    @Test func `the operator uses app routes in a tenant's name`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let admin = fixture.adminToken
            #expect(try await call(.get, "/v1/groups", bearer: admin, fields: ["X-Tenant": "acme"]).status == 200)
            let named = ["X-Tenant": "acme", "X-App": fixture.appID]
            #expect(try await call(.get, "/v1/groups", bearer: admin, fields: named).status == 200)
            #expect(try await call(.get, "/v1/groups", bearer: admin, fields: ["X-Tenant": "zz"]).status == 404)
            let foreign = ["X-Tenant": "acme", "X-App": "app_other"]
            #expect(try await call(.get, "/v1/groups", bearer: admin, fields: foreign).status == 404)
            #expect(try await call(.get, "/v1/groups", bearer: admin).status == 401)
            let app = try await call(.get, "/v1/groups", bearer: fixture.appToken, fields: ["X-Tenant": "acme"])
            #expect(app.status == 403)
        }
    }

    @Test func `a device registers, reads, changes and leaves`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body =
                #"{"uniqueCode":"c1","userId":"bob","osType":"IOS","pushToken":"0123456789","pushVendor":"apns"}"#
            let new = try await call(.post, "/v1/devices", body, bearer: try fixture.signature(of: "bob"))
            #expect(new.status == 201)
            #expect(new.json?["im"]?.object?["host"]?.string == "localhost")
            let known = try await call(.post, "/v1/devices", body, bearer: try fixture.signature(of: "bob"))
            #expect(known.status == 200)
            #expect(known.string("deviceId") == new.string("deviceId"))
            let token = try #require(new.string("credential"))

            let read = try await call(.get, "/v1/devices/me", bearer: token)
            #expect(read.status == 200)
            #expect(!read.text.contains("0123456789"))
            let patched = try await call(.patch, "/v1/devices/me", #"{"pushEnabled":false}"#, bearer: token)
            #expect(patched.json?["pushEnabled"]?.bool == false)
            #expect(try await call(.post, "/v1/devices/me/credential", bearer: token).string("credential") != nil)
            #expect(try await call(.delete, "/v1/devices/me", bearer: token).status == 204)
            let dead = try await call(.get, "/v1/devices/me", bearer: token)
            #expect(dead.status == 401)
            #expect(dead.code == "token_revoked")
            #expect(fixture.changes.endedDevices == [new.string("deviceId")])
        }
    }

    @Test func `a registration needs a good signature`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = #"{"uniqueCode":"c1","userId":"bob"}"#
            #expect(try await call(.post, "/v1/devices", body).code == "unauthenticated")
            #expect(try await call(.post, "/v1/devices", body, bearer: "a.b.c").code == "unauthenticated")
            let old = try fixture.signature(of: "bob", expiresIn: -5)
            #expect(try await call(.post, "/v1/devices", body, bearer: old).code == "token_expired")
            let other = try fixture.signature(of: "carol")
            #expect(try await call(.post, "/v1/devices", body, bearer: other).code == "forbidden")
            let basic = try await call(.post, "/v1/devices", body, fields: ["Authorization": "Basic eA=="])
            #expect(basic.status == 401)
        }
    }

    @Test func `messages are sent, repeated, read and acknowledged`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = #"{"id":"m1","to":"acct_9","type":0,"content":{"text":"hi"}}"#
            let sent = try await call(.post, "/v1/messages", body, bearer: fixture.appToken)
            #expect(sent.status == 200)
            #expect(sent.json?["duplicate"]?.bool == false)
            let repeated = try await call(.post, "/v1/messages", body, bearer: fixture.deviceToken)
            #expect(repeated.json?["duplicate"]?.bool == true)
            let other = body.replacing("hi", with: "ho")
            #expect(
                try await call(.post, "/v1/messages", other, bearer: fixture.appToken).code == "message_id_conflict")
            let nobody = body.replacing("acct_9", with: "nobody")
            #expect(
                try await call(.post, "/v1/messages", nobody, bearer: fixture.appToken).code == "recipient_not_found")
            let busy = try await call(
                .post, "/v1/messages", body.replacing("acct_9", with: "everyone-busy"), bearer: fixture.appToken)
            #expect(busy.status == 503)
            #expect(busy.field("Retry-After") == "2")
            let faulty = try await call(
                .post, "/v1/messages", #"{"to":"a","type":0,"content":{}}"#, bearer: fixture.appToken)
            #expect(faulty.status == 400)
            #expect(faulty.json?["errors"]?.array?.first?.object?["pointer"]?.string == "/content/text")

            #expect(try await call(.get, "/v1/messages/m1", bearer: fixture.appToken).status == 200)
            #expect(try await call(.get, "/v1/messages/m1", bearer: fixture.deviceToken).status == 404)
            #expect(try await call(.get, "/v1/messages/m2", bearer: fixture.appToken).status == 404)
            let sync = try await call(.get, "/v1/messages/sync?after=0&limit=10", bearer: fixture.deviceToken)
            #expect(sync.json?["head"]?.integer == 7)
            #expect(try await call(.get, "/v1/messages/sync", bearer: fixture.appToken).status == 403)
            let ack = try await call(.post, "/v1/messages/ack", #"{"seq":99}"#, bearer: fixture.deviceToken)
            #expect(ack.json?["seq"]?.integer == 7)
        }
    }

    @Test func `groups and their members`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let app = fixture.appToken
            let made = try await call(.post, "/v1/groups", #"{"groupId":"team","users":["a","b"]}"#, bearer: app)
            #expect(made.status == 201)
            #expect(made.json?["memberCount"]?.integer == 2)
            #expect(try await call(.post, "/v1/groups", #"{"groupId":"team"}"#, bearer: app).status == 409)
            #expect(try await call(.get, "/v1/groups/team", bearer: app).status == 200)
            #expect(try await call(.get, "/v1/groups/none", bearer: app).status == 404)
            let added = try await call(.put, "/v1/groups/team/members", #"{"users":["b","c"]}"#, bearer: app)
            #expect(added.json?["changed"]?.integer == 1)
            let removed = try await call(.delete, "/v1/groups/team/members", #"{"users":["a"]}"#, bearer: app)
            #expect(removed.json?["memberCount"]?.integer == 2)
            let page = try await call(.get, "/v1/groups/team/members?limit=1", bearer: app)
            #expect(page.json?["items"]?.array?.count == 1)
            let cursor = try #require(page.string("nextCursor"))
            let rest = try await call(.get, "/v1/groups/team/members?limit=1&cursor=\(cursor)", bearer: app)
            #expect(rest.json?["items"]?.array?.first?.object?["userId"]?.string == "c")
            #expect(rest.json?["nextCursor"] == nil)
            #expect(try await call(.get, "/v1/groups", bearer: fixture.deviceToken).status == 403)
            #expect(try await call(.delete, "/v1/groups/team", bearer: app).status == 204)
            #expect(try await call(.delete, "/v1/groups/team", bearer: app).status == 404)
        }
    }

    @Test(arguments: ["bob", "b%20b", "%E5%BC%A0%E4%B8%89", "a%2Bb", "a+b", "%25", "a%3Fb%23c", "x:y@z;=&"])
    func `user ids are decoded once`(encoded: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let made = try await call(.put, "/v1/accounts/\(encoded)", "{}", bearer: fixture.appToken)
            #expect(made.status == 201)
            #expect(made.string("userId") == encoded.removingPercentEncoding)
            #expect(try await call(.put, "/v1/accounts/\(encoded)", bearer: fixture.appToken).status == 200)
            #expect(try await call(.get, "/v1/accounts/\(encoded)", bearer: fixture.appToken).status == 200)
        }
    }

    @Test func `vendor settings come back without secrets`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let app = fixture.appToken
            #expect(try await call(.get, "/v1/settings/push/apns", bearer: app).json?["configured"]?.bool == false)
            let put = try await call(.put, "/v1/settings/push/apns", #"{"topic":"t","privateKey":"PK"}"#, bearer: app)
            #expect(put.json?["configured"]?.bool == true)
            #expect(put.string("topic") == "t")
            #expect(!put.text.contains("PK"))
            let second = try await call(.put, "/v1/settings/push/apns", #"{"privateKey":"PK2"}"#, bearer: app)
            #expect(second.string("topic") == "t", "what was made for the tenant stays")
            let other = try await call(.get, "/v1/settings/push/apns?app=\(fixture.appID)", bearer: app)
            #expect(other.json?["configured"]?.bool == false)
            #expect(try await call(.get, "/v1/settings/push/apns?app=app_zz", bearer: app).status == 404)
            #expect(try await call(.get, "/v1/settings/push/pager", bearer: app).status == 404)
            #expect(try await call(.delete, "/v1/settings/push/apns", bearer: app).status == 204)
            #expect(try await call(.get, "/v1/settings/push/apns", bearer: app).json?["configured"]?.bool == false)
        }
    }

    @Test func `a user signature from the end of time is an answer, not the end of the gateway`() async throws {
        let fixture = try await Fixture()
        let apps = try fixture.administration.apps(
            tenantNo: nil, PageRequest(limit: nil, cursor: nil, limits: Limits())
        ).object?["items"]?.array
        let sdkAppID = try #require(apps?.first?.object?["sdkAppId"]?.integer)
        let signature = try UserSignature.makeUserSig(
            sdkAppID: sdkAppID, userID: "bob", key: fixture.signingKey, issuedAt: .max - 10, lifetime: 5)
        try await fixture.withClient { call in
            let reply = try await call(.post, "/v1/devices", #"{"uniqueCode":"late","osType":2}"#, bearer: signature)
            #expect([201, 401].contains(reply.status))
        }
    }

    @Test func `tenants and apps are listed by page`() async throws {
        let fixture = try await Fixture()
        for number in ["beta", "gamma"] {
            _ = try await fixture.administration.createTenant(
                try RawJSON(parsing: Array(#"{"tenantNo":"\#(number)"}"#.utf8)))
        }
        try await fixture.withClient { call in
            var seen: [String] = []
            var cursor = ""
            repeat {
                let page = try await call(
                    .get, "/v1/admin/tenants?limit=2&cursor=\(cursor)", bearer: fixture.adminToken)
                seen += page.json?["items"]?.array?.compactMap { $0.object?["tenantNo"]?.string } ?? []
                cursor = page.string("nextCursor") ?? ""
            } while !cursor.isEmpty
            #expect(seen == ["acme", "beta", "gamma"])
            for path in ["tenants", "apps"] {
                for limit in ["0", "-1", "501", "x"] {
                    let refused = try await call(
                        .get, "/v1/admin/\(path)?limit=\(limit)", bearer: fixture.adminToken)
                    #expect(refused.status == 400 && refused.code == "invalid_request")
                }
            }
        }
    }
}
