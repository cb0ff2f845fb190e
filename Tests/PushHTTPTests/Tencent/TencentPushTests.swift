import Hummingbird
import PushCore
import Testing

@Suite struct TencentPushTests {
    private static let text = #""MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]"#

    private func withUsers(_ body: @Sendable @escaping (TencentCaller) async throws -> Void) async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            let imported = try await call("im_open_login_svc/multiaccount_import", #"{"Accounts":["ann","bob","cat"]}"#)
            #expect(imported.isOK)
            try await body(call)
        }
    }

    @Test(arguments: ["all_member_push", "openim"])
    func `tags in both generations of names`(service: String) async throws {
        try await withUsers { call in
            let new = #"{"UserTags":[{"To_Account":"ann","Tags":["a","b"]},{"To_Account":"bob","Tags":["b"]}]}"#
            #expect(try await call("\(service)/im_add_tag", new).isOK)
            let old = #"{"Tags":[{"To_Account":"bob","Tags":["c","c"]}]}"#
            #expect(try await call("\(service)/im_add_tag", old).isOK)
            let read = try await call("\(service)/im_get_tag", #"{"To_Account":["bob","ann"]}"#)
            let list = #"[{"To_Account":"bob","Tags":["b","c"]},{"To_Account":"ann","Tags":["a","b"]}]"#
            #expect(
                read.text
                    == #"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"UserTags":\#(list),"Tags":\#(list)}"#)
            let native = try await call.http(.get, "/v1/tags/b", bearer: call.fixture.appToken)
            #expect(native.json?["memberCount"]?.integer == 2)
            #expect(try await call("\(service)/im_remove_tag", old.replacing("\"c\",", with: "\"b\",\"z\",")).isOK)
            #expect(try await call("\(service)/im_remove_all_tags", #"{"To_Account":["ann"]}"#).isOK)
            let rest = try await call("\(service)/im_get_tag", #"{"To_Account":["ann","bob"]}"#)
            #expect(rest.json?["Tags"]?.text == #"[{"To_Account":"ann","Tags":[]},{"To_Account":"bob","Tags":[]}]"#)
        }
    }

    @Test(
        arguments: [
            ("im_add_tag", "{}", 90019), ("im_add_tag", #"{"UserTags":[]}"#, 90019),
            ("im_add_tag", #"{"UserTags":[{"To_Account":"ann"}]}"#, 90019),
            ("im_add_tag", #"{"UserTags":[{"Tags":["a"]}]}"#, 90035),
            ("im_add_tag", #"{"UserTags":[{"To_Account":"ghost","Tags":["a"]}]}"#, 90035),
            ("im_add_tag", #"{"UserTags":[{"To_Account":"ann","Tags":[""]}]}"#, 90040),
            ("im_add_tag", #"{"UserTags":[{"To_Account":"ann","Tags":["\u0001sex\u0001f"]}]}"#, 90034),
            ("im_add_tag", #"{"UserTags":[{"To_Account":"ann","Tags":[1]}]}"#, 90034),
            (
                "im_add_tag",
                #"{"UserTags":[{"To_Account":"ann","Tags":["1","2","3","4","5","6","7","8","9","0","x"]}]}"#, 90032
            ),
            ("im_get_tag", "{}", 90019), ("im_get_tag", #"{"To_Account":[]}"#, 90019),
            ("im_get_tag", #"{"To_Account":[1]}"#, 90035), ("im_get_tag", #"{"To_Account":["ghost"]}"#, 90035),
            ("im_remove_all_tags", #"{"To_Account":["ann","ghost"]}"#, 90035),
            ("im_set_attr_name", "{}", 90019), ("im_set_attr_name", #"{"AttrNames":{"10":"x"}}"#, 90019),
            ("im_set_attr_name", #"{"AttrNames":{"00":"x"}}"#, 90019),
            ("im_set_attr_name", #"{"AttrNames":{"1":""}}"#, 90033),
            ("im_set_attr_name", #"{"AttrNames":{"1":"x","2":"x"}}"#, 90033),
            ("im_set_attr", #"{"UserAttrs":[{"To_Account":"ann","Attrs":{"none":"x"}}]}"#, 90033),
            ("im_set_attr", #"{"UserAttrs":[{"To_Account":"ann","Attrs":["x"]}]}"#, 90019),
            ("im_remove_attr", #"{"UserAttrs":[{"To_Account":"ghost","Attrs":["x"]}]}"#, 90035),
            ("im_get_attr", #"{"To_Account":["ghost"]}"#, 90035),
        ] as [(String, String, Int64)])
    func `what is wrong about tags and attributes has its code`(command: String, body: String, code: Int64) async throws
    {
        try await withUsers { call in
            #expect(try await call("all_member_push/\(command)", body).errorCode == code)
            let read = try await call("all_member_push/im_get_tag", #"{"To_Account":["ann"]}"#)
            #expect(read.json?["Tags"]?.text == #"[{"To_Account":"ann","Tags":[]}]"#)
        }
    }

    @Test func `limits on users, tags and bytes`() async throws {
        try await withUsers { call in
            func users(_ count: Int) -> String {
                #"{"UserTags":["#
                    + Array(repeating: #"{"To_Account":"ann","Tags":["t"]}"#, count: count)
                    .joined(separator: ",") + "]}"
            }
            let (most, tooMany) = (users(500), users(501))
            let taken = try await call("openim/im_add_tag", most)
            #expect(taken.isOK)
            let refused = try await call("openim/im_add_tag", tooMany)
            #expect(refused.errorCode == 90018)
            func add(_ tags: [String]) async throws -> Int64? {
                let list = tags.map { "\"\($0)\"" }.joined(separator: ",")
                return try await call(
                    "openim/im_add_tag", #"{"UserTags":[{"To_Account":"bob","Tags":[\#(list)]}]}"#
                ).errorCode
            }
            var codes = [try await add([String(repeating: "字", count: 17)])]
            codes.append(try await add([String(repeating: "x", count: 50)]))
            for ten in 0..<9 { codes.append(try await add((0..<10).map { "\(ten)-\($0)" })) }
            codes.append(try await add((0..<10).map { "more-\($0)" }))
            codes.append(try await add((0..<9).map { "more-\($0)" }))
            #expect(codes == [90034] + Array(repeating: 0, count: 10) + [90046, 0])
        }
    }

    @Test(arguments: ["all_member_push", "openim"])
    func `attributes in both generations of names, which are no tags`(service: String) async throws {
        try await withUsers { call in
            let names = #"{"AttrNames":{"0":"sex","1":"city"}}"#
            #expect(try await call("\(service)/im_set_attr_name", names).isOK)
            let named = try await call("\(service)/im_get_attr_name")
            #expect(named.json?["AttrNames"]?.text == #"{"0":"sex","1":"city"}"#)
            let new = #"{"UserAttrs":[{"To_Account":"ann","Attrs":{"sex":"f","city":"上海"}}]}"#
            #expect(try await call("\(service)/im_set_attr", new).isOK)
            let old = #"{"Attrs":[{"To_Account":"ann","Attrs":{"city":"北京"}}]}"#
            #expect(try await call("\(service)/im_set_attr", old).isOK)
            let read = try await call("\(service)/im_get_attr", #"{"To_Account":["ann","bob"]}"#)
            let list = #"[{"To_Account":"ann","Attrs":{"city":"北京","sex":"f"}},{"To_Account":"bob","Attrs":{}}]"#
            #expect(read.json?["UserAttrs"]?.text == list && read.json?["Attrs"]?.text == list)
            let tags = try await call.http(.get, "/v1/tags", bearer: call.fixture.appToken)
            #expect(tags.json?["items"]?.array?.isEmpty == true)
            let hidden = try await call.http(.get, "/v1/tags/%01sex%01f", bearer: call.fixture.appToken)
            // Control characters are in no name.
            #expect(hidden.status == 400 && hidden.code == "invalid_request")
            let taken = try await call.http(
                .delete, "/v1/tags/%01sex%01f/members", #"{"users":["ann"]}"#, bearer: call.fixture.appToken)
            #expect(taken.status == 400)
            #expect(
                try await call(
                    "\(service)/im_remove_attr", #"{"UserAttrs":[{"To_Account":"ann","Attrs":["city"]}]}"#
                ).isOK)
            let rest = try await call("\(service)/im_get_attr", #"{"To_Account":["ann"]}"#)
            #expect(rest.json?["Attrs"]?.text == #"[{"To_Account":"ann","Attrs":{"sex":"f"}}]"#)
        }
    }

    @Test(
        arguments: [
            (#""MsgRandom":1"#, 90002), (#""MsgBody":[]"#, 90002), (#""MsgBody":{}"#, 90007), ("TEXT", 90005),
            (#"TEXT,"MsgRandom":1,"MsgLifeTime":604801"#, 90026), (#"TEXT,"MsgRandom":1,"MsgLifeTime":"x""#, 90044),
            (#"TEXT,"MsgRandom":1,"MsgLifeTime":5,"From_Account":"ghost""#, 90008),
            (#"TEXT,"MsgRandom":1,"OfflinePushInfo":[]"#, 90043), (#"TEXT,"MsgRandom":1,"Condition":[]"#, 90019),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagOr":["a"]}"#, 90019),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagsOr":[]}"#, 90019),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagsOr":[""]}"#, 90040),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagsOr":["a"],"TagsAnd":["a"]}"#, 90022),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagsOr":["a"],"AttrsOr":{"sex":"f"}}"#, 90039),
            (#"TEXT,"MsgRandom":1,"Condition":{"AttrsOr":{"none":"f"}}"#, 90033),
            (#"TEXT,"MsgRandom":1,"Condition":{"TagsOr":["1","2","3","4","5","6","7","8","9","0","x"]}"#, 90032),
        ] as [(String, Int64)])
    func `what is wrong about a push has its code`(members: String, code: Int64) async throws {
        try await withUsers { call in
            let body = "{" + members.replacing("TEXT", with: Self.text) + "}"
            let reply = try await call("all_member_push/im_push", body)
            #expect(reply.errorCode == code, "\(reply.text)")
            #expect(call.fixture.published.transient.withLock { $0.isEmpty })
        }
    }

    @Test func `a push for who is online is not archived, and a repeat has the same id`() async throws {
        try await withUsers { call in
            let everyone = #"{"MsgRandom":7,\#(Self.text),"Condition":{"TagsOr":null,"AttrsAnd":null}}"#
            var ids: [String?] = []
            for _ in 0..<2 { ids.append(try await call("all_member_push/im_push", everyone).string("TaskId")) }
            ids.append(try await call("openim/im_push", everyone.replacing("7", with: "8")).string("TaskId"))
            let seen = call.fixture.published.transient.withLock { $0 }
            #expect(seen.map(\.topic) == Array(repeating: "tenant/acme/broadcast", count: 3))
            #expect(seen.map { $0.payload?["id"]?.string } == ids)
            #expect(ids[0] != nil && ids[0] == ids[1] && ids[0] != ids[2])
            #expect(seen.first?.payload?["from"]?.string == call.fixture.appID)
            let id = try #require(ids[0])
            #expect(IDRules.isMessageID(id))
            let read = try await call.http(.get, "/v1/messages/\(id)", bearer: call.fixture.appToken)
            #expect(read.status == 404)
        }
    }

    @Test func `a push that is kept is a broadcast or a job that can be followed`() async throws {
        try await withUsers { call in
            let kept = #"{"MsgRandom":7,"MsgLifeTime":3600,"From_Account":"ann",\#(Self.text)}"#
            let first = try await call("all_member_push/im_push", kept)
            let again = try await call("all_member_push/im_push", kept)
            let id = try #require(first.string("TaskId"))
            #expect(first.isOK && again.string("TaskId") == id)
            let read = try await call.http(.get, "/v1/messages/\(id)", bearer: call.fixture.appToken)
            let message = read.json?["message"]?.object
            #expect(message?["to"]?.string == "*" && message?["ttl"]?.integer == 3600)
            #expect(message?["from"]?.string?.hasPrefix("acct_") == true)
            let job = try await call.http(.get, "/v1/broadcasts/\(id)", bearer: call.fixture.appToken)
            #expect(job.status == 200)
            // Nobody has the tag: the push is taken and reaches nobody.
            let nobody = try await call(
                "all_member_push/im_push",
                #"{"MsgRandom":9,"MsgLifeTime":60,\#(Self.text),"Condition":{"TagsAnd":["x"]}}"#)
            let empty = try #require(nobody.string("TaskId"))
            let done = try await call.http(.get, "/v1/broadcasts/\(empty)", bearer: call.fixture.appToken)
            #expect(done.string("state") == "done" && done.json?["audience"]?.integer == 0)
        }
    }
}
