import Foundation
import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

@Suite struct TokenEndpointTests {
    private static let form = "application/x-www-form-urlencoded"

    private static func basic(_ id: String, _ secret: String) -> [String: String] {
        ["Authorization": "Basic " + Data("\(id):\(secret)".utf8).base64EncodedString()]
    }

    @Test func `a client may come with a form, with JSON, or with HTTP Basic`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let id = fixture.appID
            let secret = fixture.appSecret
            let replies = [
                try await call(
                    .post, "/oauth/token", "grant_type=client_credentials&client_id=\(id)&client_secret=\(secret)",
                    type: Self.form),
                try await call(
                    .post, "/oauth/token",
                    #"{"grant_type":"client_credentials","client_id":"\#(id)","client_secret":"\#(secret)"}"#),
                try await call(
                    .post, "/oauth/token", "grant_type=client_credentials", type: Self.form,
                    fields: Self.basic(id, secret)),
                try await call(
                    .post, "/oauth/token", "grant_type=client_credentials&client_id=\(id)", type: Self.form,
                    fields: Self.basic(id, secret)),
            ]
            for reply in replies {
                #expect(reply.status == 200)
                #expect(reply.string("token_type") == "Bearer")
                #expect(reply.json?["expires_in"]?.integer == 7200)
                #expect(reply.field("Cache-Control") == "no-store")
                #expect(reply.field("Pragma") == "no-cache")
                let token = try #require(reply.string("access_token"))
                #expect(try await call(.get, "/v1/groups", bearer: token).status == 200)
            }
        }
    }

    @Test func `a token has the scopes that were asked for`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let form = "grant_type=client_credentials&scope=messages:send+groups"
            let fields = Self.basic(fixture.appID, fixture.appSecret)
            let reply = try await call(.post, "/oauth/token", form, type: Self.form, fields: fields)
            #expect(reply.string("scope") == "groups messages:send")
            let token = try #require(reply.string("access_token"))
            #expect(try await call(.get, "/v1/groups", bearer: token).status == 200)
            #expect(try await call(.get, "/v1/accounts/x", bearer: token).code == "forbidden")
        }
    }

    @Test func `rotation and disabling end tokens at once`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let path = "/v1/admin/apps/\(fixture.appID)"
            _ = try await call(.post, path + "/rotate", "{}", bearer: fixture.adminToken)
            #expect(try await call(.get, "/v1/groups", bearer: fixture.appToken).code == "token_revoked")
            let reply = try await call(
                .post, "/oauth/token", "grant_type=client_credentials", type: Self.form,
                fields: Self.basic(fixture.appID, fixture.appSecret))
            #expect(reply.string("error") == "invalid_client")
        }
    }

    @Test(arguments: [
        ("", 401, "invalid_client"),
        ("grant_type=client_credentials", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=ID", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=ID&client_secret=bad", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=app_none&client_secret=SECRET", 401, "invalid_client"),
        ("client_id=ID&client_secret=SECRET", 400, "invalid_request"),
        ("grant_type=&client_id=ID&client_secret=SECRET", 400, "invalid_request"),
        ("grant_type=password&client_id=ID&client_secret=SECRET", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&client_id=ID&client_secret=SECRET&scope=root", 400, "invalid_scope"),
        ("grant_type=client_credentials&grant_type=x&client_id=ID&client_secret=SECRET", 400, "invalid_request"),
        ("grant_type=%zz", 400, "invalid_request"), ("grant_type=%ff", 400, "invalid_request"),
    ])
    func `refusals speak RFC 6749`(template: String, status: Int, error: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = template.replacing("ID", with: fixture.appID).replacing("SECRET", with: fixture.appSecret)
            let reply = try await call(.post, "/oauth/token", body, type: Self.form)
            #expect(reply.status == status)
            #expect(reply.string("error") == error)
            #expect(reply.field("Cache-Control") == "no-store")
            #expect(reply.field("WWW-Authenticate") == nil)
        }
    }

    @Test func `a wrong Basic credential is challenged`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let grant = "grant_type=client_credentials"
            let attempts = [
                Self.basic(fixture.appID, "bad"), ["Authorization": "Basic !!!"], ["Authorization": "Basic"],
                ["Authorization": "Bearer x"],
            ]
            for fields in attempts {
                let reply = try await call(.post, "/oauth/token", grant, type: Self.form, fields: fields)
                #expect(reply.status == 401)
                #expect(reply.string("error") == "invalid_client")
                #expect(reply.field("WWW-Authenticate")?.hasPrefix("Basic ") == true)
            }
            let twice = try await call(
                .post, "/oauth/token", "\(grant)&client_id=\(fixture.appID)&client_secret=x", type: Self.form,
                fields: Self.basic(fixture.appID, fixture.appSecret))
            #expect(twice.string("error") == "invalid_request")
        }
    }

    @Test func `other bodies are refused`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            for (type, body) in [
                ("text/plain", "grant_type=x"), ("application/json", "{"), ("application/json", "[1]"),
            ] {
                let reply = try await call(.post, "/oauth/token", body, type: type)
                #expect(reply.status == 400)
                #expect(reply.string("error") == "invalid_request")
            }
        }
    }
}
