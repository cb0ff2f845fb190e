import Hummingbird
import PushCore
import PushHTTP
import PushTestSupport
import Testing

@Suite struct ConversationRouteTests {
    @Test func `a device reads its history, its conversations and what is unread`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let device = fixture.deviceToken
            func ids(_ query: String) async throws -> [String?] {
                let reply = try await call(.get, "/v1/messages/history?\(query)", bearer: device)
                #expect(reply.status == 200)
                return reply.json?["items"]?.array?.map { $0.object?["id"]?.string } ?? []
            }
            #expect(try await ids("") == ["m-2", "m-1"])
            #expect(try await ids("order=asc&with=team&from=0&to=9") == ["m-1", "m-2"])
            let first = try await call(.get, "/v1/messages/history?limit=1", bearer: device)
            #expect(first.json?.members.map(\.key) == ["items", "nextCursor"])
            #expect(try await ids("limit=1&cursor=\(first.string("nextCursor") ?? "")") == ["m-1"])

            let listed = try await call(.get, "/v1/conversations", bearer: device)
            #expect(listed.json?["items"]?.array?.first?.object?["unread"]?.integer == 2)
            let unread = try await call(.get, "/v1/unread?ids=true", bearer: device)
            #expect(unread.text == #"{"total":2,"peers":[{"peer":"team","unread":2,"ids":["m-1","m-2"]}]}"#)
            let one = try await call(.post, "/v1/conversations/team/read", #"{"seq":1}"#, bearer: device)
            #expect(one.text == #"{"peer":"team","seq":1,"unread":1}"#)
            let all = try await call(.post, "/v1/conversations/team/read", bearer: device)
            #expect(all.text == #"{"peer":"team","seq":2,"unread":0}"#)
            #expect(try await call(.get, "/v1/unread", bearer: device).text == #"{"total":0,"peers":[]}"#)
        }
    }

    @Test func `an app names the account, a device only its own`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let bob = try await call(
                .post, "/v1/devices", #"{"uniqueCode":"c1","osType":2}"#, bearer: try fixture.signature(of: "bob"))
            #expect(bob.status == 201)
            for path in ["/v1/messages/history", "/v1/conversations", "/v1/unread"] {
                for (account, status) in [("", 400), ("?account=user:ann", 200), ("?account=user:nobody", 404)] {
                    let reply = try await call(.get, path + account, bearer: fixture.appToken)
                    #expect(reply.status == status, "\(path)\(account)")
                }
                for (account, status) in [("?account=user:ann", 200), ("?account=user:bob", 403), ("?account=x", 404)] {
                    let reply = try await call(.get, path + account, bearer: fixture.deviceToken)
                    #expect(reply.status == status, "\(path)\(account)")
                }
                #expect(try await call(.get, path).status == 401)
                #expect(try await call(.post, path, "{}", bearer: fixture.deviceToken).status == 405)
            }
            let read = "/v1/conversations/team/read"
            let byApp = try await call(.post, read + "?account=user:bob", bearer: fixture.appToken)
            #expect(byApp.status == 200)
            #expect(try await call(.post, read, #"{"account":"user:bob"}"#, bearer: fixture.appToken).status == 200)
            #expect(try await call(.post, read, bearer: fixture.appToken).code == "invalid_request")
            let other = try await call(.post, read, #"{"account":"user:bob"}"#, bearer: fixture.deviceToken)
            #expect(other.code == "forbidden")
        }
    }

    @Test func `bad input is refused with its code`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let queries = [
                "/v1/messages/history?limit=0", "/v1/messages/history?limit=1000000000", "/v1/messages/history?limit=x",
                "/v1/messages/history?cursor=AAAA", "/v1/messages/history?cursor=%21", "/v1/messages/history?order=up",
                "/v1/messages/history?from=soon", "/v1/messages/history?to=1e9", "/v1/messages/history?to=1&to=2",
                "/v1/conversations?limit=0", "/v1/conversations?limit=1000000000", "/v1/conversations?cursor=AAAA",
                "/v1/unread?ids=maybe",
            ]
            for query in queries {
                let reply = try await call(.get, query, bearer: fixture.deviceToken)
                #expect(reply.status == 400 && reply.code == "invalid_request", "\(query)")
            }
            let stranger = try await call(.get, "/v1/messages/history?with=nobody", bearer: fixture.deviceToken)
            #expect(stranger.status == 404 && stranger.code == "recipient_not_found")
            let unknown = try await call(.post, "/v1/conversations/nobody/read", "{}", bearer: fixture.deviceToken)
            #expect(unknown.status == 404 && unknown.code == "recipient_not_found")
            for body in [#"{"seq":-1}"#, #"{"seq":1.5}"#, #"{"seq":"1"}"#, "[]", "7", #"{"seq":1,"seq":2}"#] {
                let reply = try await call(.post, "/v1/conversations/team/read", body, bearer: fixture.deviceToken)
                #expect(reply.status == 400, "\(body)")
            }
            // A cursor of one order is none of another.
            let down = try await call(.get, "/v1/messages/history?limit=1", bearer: fixture.deviceToken)
            let cursor = try #require(down.string("nextCursor"))
            let up = try await call(
                .get, "/v1/messages/history?order=asc&cursor=\(cursor)", bearer: fixture.deviceToken)
            #expect(up.status == 400)
        }
    }
}
