import PushCore
import PushHTTP
import PushTestSupport
import Testing

@Suite struct BroadcastRouteTests {
    @Test func `a job is read, held up, let go on and stopped`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let read = try await call(.get, "/v1/broadcasts/b-1", bearer: fixture.appToken)
            #expect(read.status == 200 && read.string("state") == "running")
            #expect(
                read.json?.members.map(\.key) == [
                    "id", "state", "audience", "published", "acknowledged", "pushed", "failed", "skipped", "startedAt",
                    "finishedAt",
                ])
            #expect(read.json?["skipped"]?.object?["no_token"]?.integer == 1)
            for (action, state) in [
                ("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled"),
            ] {
                let reply = try await call(.post, "/v1/broadcasts/b-1/\(action)", "{}", bearer: fixture.appToken)
                #expect(reply.status == 200 && reply.string("state") == state && reply.string("id") == "b-1")
            }
            let again = try await call(.post, "/v1/broadcasts/b-1/cancel", bearer: fixture.appToken)
            #expect(again.status == 200 && again.string("state") == "cancelled")
            let late = try await call(.post, "/v1/broadcasts/b-1/resume", bearer: fixture.appToken)
            #expect(late.status == 409 && late.code == "conflict")
        }
    }

    @Test func `what is not there, and who may not`() async throws {
        let fixture = try await Fixture()
        let limited = try fixture.appToken(scope: "messages:read groups")
        let other = try fixture.appToken(scope: "groups")
        try await fixture.withClient { call in
            let anonymous = try await call(.get, "/v1/broadcasts/b-1")
            #expect(anonymous.status == 401)
            #expect(try await call(.get, "/v1/broadcasts/none", bearer: fixture.appToken).code == "not_found")
            #expect(try await call(.post, "/v1/broadcasts/none/cancel", bearer: fixture.appToken).code == "not_found")
            #expect(try await call(.get, "/v1/broadcasts/b-1", bearer: fixture.deviceToken).code == "forbidden")
            #expect(try await call(.post, "/v1/broadcasts/b-1/cancel", bearer: fixture.deviceToken).code == "forbidden")
            #expect(try await call(.get, "/v1/broadcasts/b-1", bearer: limited).status == 200)
            #expect(try await call(.post, "/v1/broadcasts/b-1/pause", bearer: limited).code == "forbidden")
            #expect(try await call(.get, "/v1/broadcasts/b-1", bearer: other).code == "forbidden")
            #expect(try await call(.delete, "/v1/broadcasts/b-1", bearer: fixture.appToken).status == 405)
        }
    }

    @Test func `sync has the broadcast channel`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let head = try await call(.get, "/v1/messages/sync", bearer: fixture.deviceToken).json?["broadcast"]?.object
            #expect(
                head?["head"]?.integer == 1 && head?["items"]?.array?.isEmpty == true && head?["more"]?.bool == false)
            let page = try await call(.get, "/v1/messages/sync?broadcastAfter=0", bearer: fixture.deviceToken)
                .json?["broadcast"]?.object
            #expect(page?["items"]?.array?.first?.object?["to"]?.string == "*" && page?["more"]?.bool == false)
            #expect(page?["items"]?.array?.first?.object?["seq"]?.integer == 1)
            let bad = try await call(.get, "/v1/messages/sync?broadcastAfter=-1", bearer: fixture.deviceToken)
            #expect(bad.status == 400 && bad.code == "invalid_request")
        }
    }
}
