import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

@Suite struct TemplateRouteTests {
    @Test func `texts are set, read and taken away, by name or number`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let token = fixture.appToken
            let body = #"{"zh":{"body":"{{text}}"},"en":{"title":"{{sender}}","body":"{{text}}"}}"#
            let put = try await call(.put, "/v1/settings/templates/TEXT", body, bearer: token)
            #expect(put.status == 200 && put.text == body)
            for path in ["TEXT", "0"] {
                let read = try await call(.get, "/v1/settings/templates/\(path)", bearer: token)
                #expect(read.status == 200 && read.text == body)
            }
            #expect(try await call(.get, "/v1/settings/templates/IMAGE", bearer: token).text == "{}")
            let second = #"{"en":{"body":"x"}}"#
            #expect(try await call(.put, "/v1/settings/templates/0", second, bearer: token).text == second)
            #expect(try await call(.get, "/v1/settings/templates/TEXT", bearer: token).text == second)
            for _ in 0..<2 {
                #expect(try await call(.delete, "/v1/settings/templates/TEXT", bearer: token).status == 204)
            }
            #expect(try await call(.get, "/v1/settings/templates/TEXT", bearer: token).text == "{}")
        }
    }

    @Test func `faults have pointers and change nothing`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let path = "/v1/settings/templates/CALL"
            let bad = #"{"en":{"title":"{{#x}}","body":"ok"},"de":{"text":"x"}}"#
            let refused = try await call(.put, path, bad, bearer: fixture.appToken)
            #expect(refused.status == 400 && refused.code == "invalid_request")
            let pointers = refused.json?["errors"]?.array?.compactMap { $0.object?["pointer"]?.string }
            #expect(pointers == ["/en/title", "/de/text"])
            #expect(try await call(.get, path, bearer: fixture.appToken).text == "{}")
        }
    }

    @Test func `only an app with the scope may, and only for a type there is`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let (path, body) = ("/v1/settings/templates/TEXT", #"{"en":{"body":"x"}}"#)
            let other = try fixture.appToken(scope: "messages:send")
            for token in [other, fixture.deviceToken] {
                #expect(try await call(.put, path, body, bearer: token).status == 403)
                #expect(try await call(.get, path, bearer: token).status == 403)
                #expect(try await call(.delete, path, bearer: token).status == 403)
            }
            #expect(try await call(.get, path).status == 401)
            for type in ["text", "256", "-2", "x", "1.5"] {
                let path = "/v1/settings/templates/\(type)"
                #expect(try await call(.put, path, body, bearer: fixture.appToken).status == 404)
            }
            for type in ["-1", "255"] {
                let path = "/v1/settings/templates/\(type)"
                #expect(try await call(.put, path, body, bearer: fixture.appToken).status == 200)
            }
        }
    }

    @Test func `the operator hides previews and chooses a language`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let (path, admin) = ("/v1/admin/tenants/acme", fixture.adminToken)
            let plain = try await call(.patch, path, "{}", bearer: admin)
            #expect(plain.string("pushPreviews") == "full" && plain.json?["language"] == nil)
            let changed = try await call(
                .patch, path, #"{"pushPreviews":"hidden","language":"zh-Hans"}"#, bearer: admin)
            #expect(changed.string("pushPreviews") == "hidden" && changed.string("language") == "zh-Hans")
            let back = try await call(.patch, path, #"{"language":""}"#, bearer: admin)
            #expect(back.string("pushPreviews") == "hidden" && back.json?["language"] == nil)
            for body in [#"{"pushPreviews":"some"}"#, #"{"language":"x_y"}"#, #"{"pushPreviews":true}"#] {
                #expect(try await call(.patch, path, body, bearer: admin).status == 400)
            }
        }
    }
}
