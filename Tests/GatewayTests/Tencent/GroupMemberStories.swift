import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct GroupMemberStories {
        @Test func `members come, change and go, and both APIs tell the same`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                try await story.app.importAccounts(["cat", "dan"])
                let service = try GroupService(story)
                try await story.app.createGroup(id: "g", name: "Native", users: ["ann"])
                let added = try await service.run(
                    "add_group_member",
                    [
                        "GroupId": "g",
                        "MemberList": [
                            ["Member_Account": "bob"], ["Member_Account": "ann"], ["Member_Account": "ghost"],
                        ],
                    ])
                #expect(added[each: "MemberList", "Member_Account"] == ["bob", "ann", "ghost"])
                #expect(added[each: "MemberList", "Result"] == [1, 2, 0])
                let event = try await eventually("bob learns that he joined") {
                    bob.received.first { $0.type.rawValue == 260 }
                }
                #expect(event.content?["change"] == "joined" && event.content?["groupId"] == "g")
                try await service.run(
                    "add_group_member", ["GroupId": "g", "Silence": 1, "MemberList": [["Member_Account": "cat"]]])
                #expect(try await story.app.call(.get, ["v1", "groups", "g"]).json()["memberCount"] == 3)

                try await service.run("change_group_owner", ["GroupId": "g", "NewOwner_Account": "ann"])
                #expect(
                    try await service.code("change_group_owner", ["GroupId": "g", "NewOwner_Account": "dan"]) == 10004)
                try await service.run(
                    "modify_group_member_info",
                    ["GroupId": "g", "Member_Account": "bob", "Role": "Admin", "NameCard": "Bobby"])
                let roles = try await service.run(
                    "get_role_in_group", ["GroupId": "g", "User_Account": ["ann", "bob", "cat", "dan"]])
                #expect(roles[each: "UserIdList", "Role"] == ["Owner", "Admin", "Member", "NotMember"])
                let info = try await service.run("get_group_member_info", ["GroupId": "g", "Limit": 1, "Offset": 1])
                #expect(info["MemberNum"] == 3 && info[each: "MemberList", "Member_Account"] == ["bob"])
                #expect(info[each: "MemberList", "NameCard"] == ["Bobby"])
                #expect(info[each: "MemberList", "JoinTime"].first?.integer ?? 0 > 1_600_000_000)

                try await service.run(
                    "modify_group_base_info",
                    [
                        "GroupId": "g", "Name": "Renamed", "Introduction": "what we do", "MaxMemberNum": 3,
                        "AppDefinedData": [["Key": "k", "Value": "v"]],
                    ])
                let group = try await service.run(
                    "get_group_info", ["GroupIdList": ["g", "none", "@TGS#1"], "ResponseFilter": nil])
                #expect(group[each: "GroupInfo", "ErrorCode"] == [0, 10010, 10015])
                let first = try #require(group["GroupInfo"]?.array?.first)
                #expect(first["Name"] == "Renamed" && first["Type"] == "Public" && first["Owner_Account"] == "ann")
                #expect(first["Introduction"] == "what we do" && first["MemberNum"] == 3 && first["NextMsgSeq"] == 1)
                #expect(first["AppDefinedData"] == [["Key": "k", "Value": "v"]])
                #expect(first[each: "MemberList", "Member_Account"] == ["ann", "bob", "cat"])
                let narrow = try await service.run(
                    "get_group_info",
                    [
                        "GroupIdList": ["g"],
                        "ResponseFilter": ["GroupBaseInfoFilter": ["Name"], "MemberInfoFilter": ["Role"]],
                    ])
                #expect(
                    narrow["GroupInfo"]?.array?.first?.members?.map(\.name)
                        == ["GroupId", "ErrorCode", "ErrorInfo", "Name", "MemberList"])
                #expect(
                    try await service.code(
                        "add_group_member", ["GroupId": "g", "MemberList": [["Member_Account": "dan"]]]) == 10014)
                #expect(try await story.app.call(.get, ["v1", "groups", "g"]).json()["name"] == "Renamed")

                // Who left gets nothing more and may not write.
                try await service.run(
                    "delete_group_member", ["GroupId": "g", "MemberToDel_Account": ["bob", "ghost"]])
                _ = try await eventually("bob learns that he left") {
                    bob.received.first { $0.content?["change"] == "left" }
                }
                try await service.send("without bob", to: "g", random: 1, ["From_Account": "cat"])
                _ = try await eventually("ann gets it") { ann.received.first { $0.content?["text"] == "without bob" } }
                #expect(
                    try await service.code(
                        "send_group_msg",
                        ["GroupId": "g", "From_Account": "bob", "Random": 2, "MsgBody": GroupService.text("x")])
                        == 10007)
                let joined = try await service.run("get_joined_group_list", ["Member_Account": "bob"])
                #expect(joined["TotalCount"] == 0 && joined["GroupIdList"] == [])
                #expect(!bob.received.contains { $0.content?["text"] == "without bob" })
            }
        }

        @Test func `a group of elsewhere comes with its members and its past`() async throws {
            try await withStory { story in
                try await story.app.importAccounts(["ann", "bob", "cat"])
                let service = try GroupService(story)
                try await service.run(
                    "import_group",
                    [
                        "GroupId": "old", "Type": "Work", "Name": "Old", "Owner_Account": "ann",
                        "CreateTime": 1_500_000_000,
                    ])
                let members = try await service.run(
                    "import_group_member",
                    [
                        "GroupId": "old",
                        "MemberList": [
                            ["Member_Account": "bob", "Role": "Admin", "JoinTime": 1_500_000_100],
                            ["Member_Account": "ghost"],
                        ],
                    ])
                #expect(members[each: "MemberList", "Result"] == [1, 0])
                let past: JSONValue = [
                    "GroupId": "old",
                    "MsgList": [
                        [
                            "From_Account": "ann", "SendTime": 1_500_000_200, "Random": 7,
                            "MsgBody": GroupService.text("one"),
                        ],
                        ["From_Account": "bob", "SendTime": 1_500_000_300, "MsgBody": GroupService.text("two")],
                        // Who wrote may have left, or never was in it as far as this side knows.
                        [
                            "From_Account": "cat", "SendTime": 1_500_000_400, "Random": 9,
                            "MsgBody": GroupService.text("three"),
                        ],
                        [
                            "From_Account": "ghost", "SendTime": 1_500_000_500, "Random": 1,
                            "MsgBody": GroupService.text("x"),
                        ],
                        ["From_Account": "ann", "Random": 1, "MsgBody": GroupService.text("x")],
                    ],
                ]
                for _ in 0..<2 {
                    let imported = try await service.run("import_group_msg", past)
                    #expect(imported[each: "ImportMsgResult", "Result"] == [0, 0, 0, 10019, 10004])
                    #expect(imported[each: "ImportMsgResult", "MsgSeq"] == [1, 2, 3, 0, 0])
                }
                let bob = try await story.device("bob")
                #expect(bob.received.isEmpty)
                #expect(try await service.send("now", to: "old", random: 1, ["From_Account": "bob"]) == 4)
                let page = try await service.page("old", 20)
                #expect(page[each: "RspMsgList", "MsgSeq"] == [4, 3, 2, 1])
                #expect(page[each: "RspMsgList", "From_Account"] == ["bob", "cat", "bob", "ann"])
                #expect(
                    page[each: "RspMsgList", "MsgTimeStamp"].dropFirst() == [
                        1_500_000_400, 1_500_000_300, 1_500_000_200,
                    ])
                let native = try await story.api(bob.session).history(with: "old")
                #expect(
                    native["items"]?.array?.map { $0["content"]?["text"]?.string ?? "" } == [
                        "now", "three", "two", "one",
                    ])
                let group = try await service.run("get_group_info", ["GroupIdList": ["old"]])["GroupInfo"]?.array?.first
                #expect(group?["CreateTime"] == 1_500_000_000 && group?["NextMsgSeq"] == 5 && group?["Type"] == "Work")
                #expect(group?[each: "MemberList", "JoinTime"] == [1_500_000_000, 1_500_000_100])
                #expect(group?[each: "MemberList", "Role"] == ["Owner", "Admin"])

                let joined = try await service.run(
                    "get_joined_group_list",
                    [
                        "Member_Account": "bob",
                        "ResponseFilter": ["GroupBaseInfoFilter": ["Type"], "SelfInfoFilter": ["Role"]],
                    ])
                #expect(joined["TotalCount"] == 1)
                #expect(joined["GroupIdList"] == [["GroupId": "old", "Type": "Work", "SelfInfo": ["Role": "Admin"]]])
                try await service.run("delete_group_msg_by_sender", ["GroupId": "old", "Sender_Account": "bob"])
                #expect(try await service.page("old", 20)[each: "RspMsgList", "IsPlaceMsg"] == [2, 0, 2, 0])
            }
        }

        @Test func `what is wrong has the code that it has`() async throws {
            try await withStory { story in
                try await story.app.importAccounts(["ann", "bob"])
                let service = try GroupService(story)
                let good: JSONValue = ["Type": "Public", "Name": "G", "GroupId": "g", "Owner_Account": "ann"]
                try await service.run("create_group", good)
                func wrong(_ command: String, _ body: JSONValue, _ code: Int64) async throws {
                    #expect(try await service.code(command, body) == code, "\(command) \(body)")
                }
                try await wrong("create_group", good, 10021)
                try await wrong("create_group", ["Type": "Public", "Name": "G", "GroupId": "@TGS#x"], 10015)
                try await wrong("create_group", ["Type": "Public", "Name": "G", "GroupId": "acct_1"], 10015)
                try await wrong("create_group", ["Type": "Nonsense", "Name": "G"], 10004)
                try await wrong("create_group", ["Type": "Public"], 10004)
                try await wrong("create_group", ["Type": "Public", "Name": 1], 10004)
                try await wrong("create_group", ["Type": "Public", "Name": "G", "Owner_Account": "ghost"], 10019)
                let tooMany = JSONValue.array((0...500).map { ["Member_Account": .string("u\($0)")] })
                try await wrong("create_group", ["Type": "Public", "Name": "G", "MemberList": tooMany], 10005)
                try await wrong("add_group_member", ["GroupId": "g", "MemberList": tooMany], 10005)
                try await wrong("add_group_member", ["GroupId": "g"], 10004)
                try await wrong("add_group_member", ["GroupId": "none", "MemberList": tooMany], 10010)
                try await wrong("get_group_info", [:], 10004)
                try await wrong("get_joined_group_list", ["Member_Account": "ghost"], 10019)
                let text = GroupService.text("x")
                try await wrong("send_group_msg", ["GroupId": "g", "MsgBody": text], 10004)
                try await wrong("send_group_msg", ["GroupId": "g", "Random": 1], 10004)
                try await wrong("send_group_msg", ["GroupId": "g", "Random": 1, "MsgBody": []], 10004)
                try await wrong("send_group_msg", ["GroupId": "g", "Random": 1, "MsgBody": "x"], 10004)
                try await wrong("send_group_msg", ["GroupId": "g", "Random": -1, "MsgBody": text], 10004)
                try await wrong("send_group_msg", ["GroupId": "user:x", "Random": 1, "MsgBody": text], 10015)
                for (sender, code) in [("ghost", 10019), ("bob", 10007)] as [(JSONValue, Int64)] {
                    try await wrong(
                        "send_group_msg", ["GroupId": "g", "Random": 1, "MsgBody": text, "From_Account": sender], code)
                }
                let long = GroupService.text(String(repeating: "x", count: 40_000))
                try await wrong("send_group_msg", ["GroupId": "g", "Random": 1, "MsgBody": long], 80002)
                try await wrong("group_msg_get_simple", ["GroupId": "g"], 10004)
                try await wrong("group_msg_get_simple", ["GroupId": "g", "ReqMsgNumber": 0], 10004)
                let places = JSONValue.array((1...11).map { ["MsgSeq": JSONValue($0)] })
                try await wrong("group_msg_recall", ["GroupId": "g", "MsgSeqList": places], 10005)
                try await wrong("group_msg_recall", ["GroupId": "g", "MsgSeqList": [[:]]], 10004)
                try await wrong("no_such_command", [:], 60009)
                // An administrator without an account is the app, which is in every group.
                #expect(try await service.send("x", to: "g", random: 1, ["From_Account": "administrator"]) == 1)

                // All groups, page by page, to the end.
                for number in 1...4 { try await story.app.createGroup(id: "n\(number)", users: []) }
                var (ids, next) = ([JSONValue](), Int64(0))
                repeat {
                    let page = try await service.run("get_appid_group_list", ["Limit": 2, "Next": JSONValue(next)])
                    #expect(page["TotalCount"] == 5)
                    ids += page[each: "GroupIdList", "GroupId"]
                    next = try #require(page["Next"]?.integer)
                } while next != 0 && ids.count < 10
                #expect(ids == ["g", "n1", "n2", "n3", "n4"])
            }
        }
    }
}
