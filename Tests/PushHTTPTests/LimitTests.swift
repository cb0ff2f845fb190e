import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

@Suite struct LimitTests {
    private static let path = "/v1/settings/limits"

    @Test func `a limited caller is told what is left, and refused beyond it`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let first = try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken)
            #expect(first.field("RateLimit-Limit") == "200")
            #expect(first.field("RateLimit-Remaining") == "199")
            #expect(first.field("RateLimit-Reset") == "1")
            #expect(first.field("RateLimit-Policy") == "50;w=1;burst=200")
            let free = try await call(.get, Self.path, bearer: fixture.appToken)
            #expect(free.status == 200 && free.field("RateLimit-Limit") == nil)

            let body = #"{"deviceRequestsPerSecond": 1, "deviceBurst": 2, "appRequestsPerSecond": 3}"#
            #expect(try await call(.put, Self.path, body, bearer: fixture.appToken).status == 200)
            for remaining in ["1", "0"] {
                let reply = try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken)
                #expect(reply.status == 200 && reply.field("RateLimit-Remaining") == remaining)
            }
            let refused = try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken)
            #expect(refused.status == 429 && refused.code == "rate_limited")
            #expect(refused.field("Retry-After") == "1")
            #expect(refused.field("RateLimit-Limit") == "2" && refused.field("RateLimit-Remaining") == "0")
            #expect(refused.field("RateLimit-Policy") == "1;w=1;burst=2")
            // A refusal of another kind tells it too.
            let app = try await call(.get, "/v1/groups/none", bearer: fixture.appToken)
            #expect(app.status == 404 && app.field("RateLimit-Remaining") == "2")
        }
    }

    @Test func `settings are merged and shown with what holds`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            func read() async throws -> [Int64?] {
                let json = try await call(.get, Self.path, bearer: fixture.appToken).json
                return [
                    "deviceRequestsPerSecond", "deviceBurst", "appRequestsPerSecond", "contentBytes", "requestBytes",
                    "batchMessages",
                ].map { json?[$0]?.integer }
            }
            #expect(try await read() == [50, 200, 0, 32_768, 1_048_576, 500])
            let first = try await call(
                .put, Self.path, #"{"contentBytes": 1000, "deviceBurst": 0}"#, bearer: fixture.appToken)
            #expect(first.json?["contentBytes"]?.integer == 1000)
            _ = try await call(.put, Self.path, #"{"batchMessages": 9}"#, bearer: fixture.appToken)
            #expect(try await read() == [50, 0, 0, 1000, 1_048_576, 9])
            _ = try await call(.put, Self.path, #"{"contentBytes": 0}"#, bearer: fixture.appToken)
            #expect(try await read() == [50, 0, 0, 32_768, 1_048_576, 9])
        }
    }

    @Test(arguments: [
        #"{"deviceBurst": -1}"#, #"{"deviceRequestsPerSecond": 1.5}"#, #"{"appRequestsPerSecond": 1000001}"#,
        #"{"contentBytes": 32769}"#, #"{"requestBytes": 9223372036854775807}"#, #"{"batchMessages": "9"}"#, "[]",
        #"{"deviceBurst": 1, "deviceBurst": 2}"#, "",
    ])
    func `settings that make no sense change nothing`(body: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let reply = try await call(.put, Self.path, body, bearer: fixture.appToken)
            #expect(reply.status == 400 && reply.code == "invalid_request")
            #expect(try await call(.get, Self.path, bearer: fixture.appToken).json?["deviceBurst"]?.integer == 200)
        }
    }

    @Test func `limits are set by apps with the scope`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            for token in [fixture.deviceToken, try fixture.appToken(scope: "accounts tags")] {
                #expect(try await call(.get, Self.path, bearer: token).status == 403)
                #expect(try await call(.put, Self.path, "{}", bearer: token).status == 403)
            }
        }
    }

    @Test func `a tenant's sizes hold for its callers`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            _ = try await call(
                .put, Self.path, #"{"contentBytes": 30, "requestBytes": 200}"#, bearer: fixture.appToken)
            func send(_ text: String, pad: Int = 0) async throws -> Reply {
                try await call(
                    .post, "/v1/messages",
                    #"{"to":"acct_b","type":0,"content":{"text":"\#(text)"},"pad":"\#(String(repeating: "x", count: pad))"}"#,
                    bearer: fixture.appToken)
            }
            #expect(try await send("short").status == 200)
            for reply in [try await send(String(repeating: "x", count: 30)), try await send("short", pad: 200)] {
                #expect(reply.status == 413 && reply.code == "too_large")
            }
        }
    }

    @Test func `a full writer is 503 with Retry-After, before anything is accepted`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = #"{"id":"m","to":"everyone-busy","type":0,"content":{"text":"hi"}}"#
            let reply = try await call(.post, "/v1/messages", body, bearer: fixture.appToken)
            #expect(reply.status == 503 && reply.code == "overloaded" && reply.field("Retry-After") == "2")
            #expect(try await call(.get, "/v1/messages/m", bearer: fixture.appToken).status == 404)
        }
    }
}
