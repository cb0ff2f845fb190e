import Foundation
import PushCore
import PushTestSupport
import Testing

@Suite struct BatchRouteTests {
    private static func text(_ id: String?, to: String = "acct_9", _ more: String = "") -> String {
        let name = id.map { #""id":"\#($0)","# } ?? ""
        return #"{\#(name)"to":"\#(to)","type":0,"content":{"text":"hi"}\#(more)}"#
    }

    private static func body(_ messages: [String], _ more: String = "") -> String {
        #"{"messages":[\#(messages.joined(separator: ","))]\#(more)}"#
    }

    @Test func `a batch tells for each message what it would have been told alone`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let long = String(repeating: "x", count: 33_000)
            let messages = [
                Self.text("m1"), Self.text("m1"), Self.text("m2", to: "nobody"), #"{"id":"m3"}"#, Self.text(nil),
                Self.text("bad id"), #"{"id":7}"#, Self.text("m4", #","tenantNo":"other""#),
                #"{"id":"m5","to":"acct_9","type":0,"content":{"text":"\#(long)"}}"#,
                Self.text("m6", #","ephemeral":true"#),
            ]
            let reply = try await call(.post, "/v1/messages/batch", Self.body(messages), bearer: fixture.appToken)
            #expect(reply.status == 200)
            let results = reply.json?["results"]?.array?.compactMap(\.object) ?? []
            try #require(results.count == messages.count)
            #expect(results.map { $0["status"]?.integer } == [200, 200, 404, 400, 200, 400, 400, 403, 413, 404])
            #expect(results.map { $0["id"]?.string }.dropFirst(5) == ["bad id", nil, "m4", "m5", "m6"])
            #expect(results[0]["duplicate"]?.bool == false && results[0]["recipients"]?.integer == 1)
            #expect(results[1]["duplicate"]?.bool == true)
            #expect(results[2]["code"]?.string == "recipient_not_found" && results[2]["detail"]?.string != nil)
            let pointers = results[3]["errors"]?.array?.compactMap { $0.object?["pointer"]?.string }
            #expect(pointers == ["/type", "/content", "/to"])
            // An app's message without an id gets one.
            #expect(results[4]["id"]?.string?.utf8.count == 36)
            #expect(results[7]["code"]?.string == "tenant_mismatch")
        }
    }

    @Test func `a device sends a batch, with an id for each`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let messages = [
                Self.text("m1"), Self.text(nil), #"{"id":"m3","audience":{"users":["a"]},"type":9,"content":{}}"#,
            ]
            let reply = try await call(.post, "/v1/messages/batch", Self.body(messages), bearer: fixture.deviceToken)
            let results = reply.json?["results"]?.array?.compactMap(\.object) ?? []
            #expect(results.map { $0["status"]?.integer } == [200, 400, 403])
            #expect(results.dropFirst().first?["errors"]?.array?.first?.object?["pointer"]?.string == "/id")
        }
    }

    @Test(arguments: ["/v1/messages/batch", "/v1/messages/import"])
    func `what is no list of 1 to 500 messages is refused as a whole`(_ path: String) async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            func refusal(_ body: String?) async throws -> Reply {
                try await call(.post, path, body, bearer: fixture.appToken)
            }
            func pointers(_ reply: Reply) -> [String?] {
                reply.json?["errors"]?.array?.map { $0.object?["pointer"]?.string } ?? []
            }
            for (body, pointer) in [
                ("{}", "/messages"), (#"{"messages":null}"#, "/messages"), (#"{"messages":{}}"#, "/messages"),
                (#"{"messages":"m"}"#, "/messages"), (#"{"messages":[]}"#, "/messages"), ("[]", "/"), ("7", "/"),
            ] {
                let reply = try await refusal(body)
                #expect(reply.status == 400 && reply.code == "invalid_request", "\(body)")
                #expect(pointers(reply) == [pointer == "/" ? "" : pointer], "\(body)")
            }
            let mixed = try await refusal(Self.body([Self.text("m1"), "1", "[]", "null"]))
            #expect(mixed.status == 400 && pointers(mixed) == ["/messages/1", "/messages/2", "/messages/3"])
            let many = try await refusal(Self.body((0..<501).map { Self.text("m\($0)") }))
            #expect(many.status == 413 && many.code == "too_large")
            let long = String(repeating: "x", count: 30_000)
            let large = try await refusal(
                Self.body((0..<40).map { #"{"id":"l\#($0)","to":"b","type":0,"content":{"text":"\#(long)"}}"# }))
            #expect(large.status == 413)
            #expect(try await refusal(nil).status == 400)
            #expect(try await refusal("{").status == 400)
            let twice = try await refusal(#"{"messages":[{}],"messages":[{}]}"#)
            #expect(twice.status == 400)
            let form = try await call(.post, path, "messages=1", bearer: fixture.appToken, type: "text/plain")
            #expect(form.status == 415)
            #expect(try await call(.post, path, Self.body([Self.text("m1")])).status == 401)
            #expect(try await call(.put, path, Self.body([Self.text("m1")]), bearer: fixture.appToken).status == 405)
            let exact = try await refusal(Self.body((0..<500).map { Self.text("e\($0)") }))
            #expect(exact.status == 200 && exact.json?["results"]?.array?.count == 500)
        }
    }

    @Test func `a full queue refuses the whole batch with a time to come back`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let body = Self.body([Self.text("m1", to: "everyone-busy"), Self.text("m2")])
            let reply = try await call(.post, "/v1/messages/batch", body, bearer: fixture.appToken)
            #expect(reply.status == 503 && reply.code == "overloaded" && reply.field("Retry-After") == "2")
            let later = Self.body([Self.text("m2"), Self.text("m3", to: "everyone-busy")])
            let partly = try await call(.post, "/v1/messages/batch", later, bearer: fixture.appToken)
            #expect(partly.status == 200)
            #expect(
                partly.json?["results"]?.array?.map { $0.object?["status"]?.integer } == [200, 503])
        }
    }

    @Test func `scopes are checked`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let form = "grant_type=client_credentials&scope=groups"
            let basic = Data("\(fixture.appID):\(fixture.appSecret)".utf8).base64EncodedString()
            let token = try await call(
                .post, "/oauth/token", form, type: "application/x-www-form-urlencoded",
                fields: ["Authorization": "Basic \(basic)"])
            let groupsOnly = try #require(token.string("access_token"))
            let body = Self.body([Self.text("m1")])
            for path in ["/v1/messages/batch", "/v1/messages/import"] {
                #expect(try await call(.post, path, body, bearer: groupsOnly).code == "forbidden")
            }
            #expect(try await call(.get, "/v1/messages/lookup?key=m1", bearer: groupsOnly).code == "forbidden")
        }
    }

    @Test func `an import needs the original's id, sender and time, and neither audience nor ephemeral`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            let good = #","from":"user:a","timestamp":5"#
            let tomorrow = Fixture.now + 86_400_000
            let messages = [
                Self.text("h1", good), Self.text("h1", good), Self.text(nil, ""),
                Self.text("h3", good + #","ephemeral":true"#),
                #"{"id":"h4","audience":{"users":["a"]},"type":0,"content":{"text":"x"},"from":"user:a","timestamp":1}"#,
                Self.text("h5", #","from":"user:a","timestamp":\#(tomorrow + 1)"#),
                Self.text("h6", #","from":"user:a","timestamp":\#(tomorrow)"#),
                Self.text("h7", #","from":"user:ghost","timestamp":1"#), Self.text("sync", good),
                Self.text("h8", #","from":"user:a","timestamp":-1"#),
            ]
            func run(_ more: String = "") async throws -> Reply {
                try await call(.post, "/v1/messages/import", Self.body(messages, more), bearer: fixture.appToken)
            }
            for more in [#","dryRun":true"#, ""] {
                let reply = try await run(more)
                #expect(reply.status == 200)
                let results = reply.json?["results"]?.array?.compactMap(\.object) ?? []
                #expect(
                    results.map { $0["status"]?.string } == [
                        "imported", "exists", "refused", "refused", "refused", "refused", "imported", "refused",
                        "refused", "refused",
                    ])
                #expect(reply.json?["imported"]?.integer == 2 && reply.json?["exists"]?.integer == 1)
                #expect(reply.json?["refused"]?.integer == 7)
                func pointers(_ index: Int) -> [String?] {
                    results[index]["errors"]?.array?.map { $0.object?["pointer"]?.string } ?? []
                }
                #expect(pointers(2) == ["/id", "/from", "/timestamp"])
                #expect(pointers(3) == ["/ephemeral"])
                #expect(pointers(4) == ["/to", "/audience"])
                #expect(pointers(5) == ["/timestamp"])
                #expect(results[7]["code"]?.string == "recipient_not_found")
                #expect(pointers(8) == ["/id"] && pointers(9) == ["/timestamp"])
            }
            #expect(try await run().json?["exists"]?.integer == 3)
            let text = try await run(#","dryRun":"yes""#)
            #expect(text.status == 400)
            let device = try await call(
                .post, "/v1/messages/import", Self.body([Self.text("h1", good)]), bearer: fixture.deviceToken)
            #expect(device.status == 403)
        }
    }

    @Test func `lookup answers as reading does, for apps, by a key that is given`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            _ = try await call(.post, "/v1/messages", Self.text("m1"), bearer: fixture.appToken)
            let read = try await call(.get, "/v1/messages/m1", bearer: fixture.appToken)
            #expect(read.json?["aliases"]?.object?["msgKey"]?.string?.hasSuffix("_1") == true)
            #expect(read.json?["aliases"]?.object?["msgId"]?.string != nil && read.json?["trace"] != nil)
            let found = try await call(.get, "/v1/messages/lookup?key=m1", bearer: fixture.appToken)
            #expect(found.status == 200 && found.text == read.text)
            for query in ["", "?key=", "?other=m1"] {
                let missing = try await call(.get, "/v1/messages/lookup\(query)", bearer: fixture.appToken)
                #expect(missing.status == 400, "\(query)")
            }
            for key in ["unknown", "1_2_3", "a%20b", "a%2Fb"] {
                let unknown = try await call(.get, "/v1/messages/lookup?key=\(key)", bearer: fixture.appToken)
                #expect(unknown.status == 404, "\(key)")
            }
            #expect(try await call(.get, "/v1/messages/lookup?key=m1", bearer: fixture.deviceToken).status == 403)
            #expect(try await call(.get, "/v1/messages/lookup?key=m1").status == 401)
        }
    }

    @Test func `a group call takes at most 500 users, named twice or not`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            func users(_ count: Int) -> String { (0..<count).map { #""u\#($0)""# }.joined(separator: ",") }
            func create(_ id: String, _ users: String) async throws -> Reply {
                try await call(
                    .post, "/v1/groups", #"{"groupId":"\#(id)","users":[\#(users)]}"#, bearer: fixture.appToken)
            }
            #expect(try await create("g1", users(501)).status == 413)
            #expect(try await create("g1", users(500)).json?["memberCount"]?.integer == 500)
            #expect(try await create("g2", #""a","a","b""#).json?["memberCount"]?.integer == 2)
            let put = try await call(
                .put, "/v1/groups/g1/members", #"{"users":[\#(users(501))]}"#, bearer: fixture.appToken)
            #expect(put.status == 413)
            let delete = try await call(
                .delete, "/v1/groups/g1/members", #"{"users":[\#(users(501))]}"#, bearer: fixture.appToken)
            #expect(delete.status == 413)
        }
    }
}
