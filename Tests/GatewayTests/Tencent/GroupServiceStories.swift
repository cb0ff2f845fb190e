import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct GroupServiceStories {
        private func people(_ story: Story, _ users: String...) async throws {
            try await story.app.importAccounts(users)
        }

        @Test func `a group is made, written to, read, withdrawn and ended`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                try await people(story, "cat")
                let service = try GroupService(story)
                let made = try await service.run(
                    "create_group",
                    [
                        "Owner_Account": "ann", "Type": "Public", "GroupId": "team", "Name": "Team",
                        "Introduction": "hello", "FaceUrl": "",
                        "MemberList": [
                            ["Member_Account": "bob", "Role": "Admin"], ["Member_Account": "cat"],
                        ],
                    ])
                #expect(made["GroupId"] == "team" && made["Type"] == "Public")

                let body: JSONValue = [
                    "GroupId": "team", "From_Account": "ann", "Random": 8_912_345, "MsgPriority": "High",
                    "MsgBody": GroupService.text("hi"), "CloudCustomData": "mine",
                ]
                let sent = try await service.run("send_group_msg", body)
                #expect(sent["MsgSeq"] == 1)
                let got = try await eventually("bob gets it") { bob.received.first { $0.type.rawValue == 0 } }
                #expect(got.from == "team" && got.to == bob.account && got.target == ann.account)
                #expect(got.content?["text"] == "hi" && got.content?["MsgBody"] == GroupService.text("hi"))
                #expect(got.content?["CloudCustomData"] == "mine")
                let time = try #require(sent["MsgTime"]?.integer)
                #expect(got.json["aliases"]?["msgKey"]?.string == "1_8912345_\(time)")
                #expect(got.json["aliases"]?["msgId"] == sent["MsgId"])

                // The same once more is the first one; other content is another message.
                let again = try await service.run("send_group_msg", body)
                #expect(again["MsgSeq"] == 1 && again["MsgTime"]?.integer == time)
                #expect(try await service.send("other", to: "team", random: 8_912_345, ["From_Account": "ann"]) == 2)

                // From a device, and by the native API.
                try await bob.client.send(OutgoingMessage(id: "native", to: "team", text: "from a phone"))
                try await story.app.send(OutgoingMessage(id: "notice", to: "team", text: "from the app"))
                let page = try await service.page("team", 20)
                #expect(page["IsFinished"] == 1 && page["GroupId"] == "team")
                #expect(page[each: "RspMsgList", "MsgSeq"] == [4, 3, 2, 1])
                #expect(page[each: "RspMsgList", "From_Account"] == ["administrator", "bob", "ann", "ann"])
                #expect(page[each: "RspMsgList", "MsgBody"][1] == GroupService.text("from a phone"))
                #expect(page[each: "RspMsgList", "MsgPriority"] == [2, 2, 2, 1])
                #expect(page[each: "RspMsgList", "MsgRandom"].last == 8_912_345)
                #expect(page[each: "RspMsgList", "MsgTimeStamp"].last?.integer == time)

                // Withdrawn by its place; its one id is the same everywhere.
                let recalled = try await service.run(
                    "group_msg_recall",
                    ["GroupId": "team", "MsgSeqList": [["MsgSeq": 1], ["MsgSeq": 3], ["MsgSeq": 99]]])
                for name in ["RecallRetList", "Results"] {
                    #expect(recalled[each: name, "MsgSeq"] == [1, 3, 99])
                    #expect(recalled[each: name, "RetCode"] == [0, 0, 10030])
                }
                for id in [got.id, "native"] {
                    let event = try await eventually("ann learns of \(id)") {
                        ann.received.first { $0.type.rawValue == 257 && $0.content?["messageId"]?.string == id }
                    }
                    #expect(event.from == "team")
                }
                let after = try await service.page("team", 20)
                #expect(after[each: "RspMsgList", "IsPlaceMsg"] == [0, 2, 0, 2])
                #expect(after[each: "RspMsgList", "MsgBody"][3] == [])
                let repeated = try await service.run(
                    "group_msg_recall", ["GroupId": "team", "MsgSeqList": [["MsgSeq": 1]]])
                #expect(repeated[each: "RecallRetList", "RetCode"] == [0])

                try await service.run("destroy_group", ["GroupId": "team"])
                for command in ["destroy_group", "send_group_msg", "group_msg_get_simple"] {
                    let code = try await service.code(
                        command, ["GroupId": "team", "ReqMsgNumber": 1, "Random": 1, "MsgBody": GroupService.text("x")])
                    #expect(code == 10010, "\(command)")
                }
                let info = try await service.run("get_group_info", ["GroupIdList": ["team"]])
                #expect(info[each: "GroupInfo", "ErrorCode"] == [10010])
            }
        }

        @Test func `a history is paged to its end, also by a client that asks on while pages are full`() async throws {
            try await withStory { story in
                try await people(story, "ann")
                let service = try GroupService(story)
                // Made natively; the places are the same.
                try await story.app.createGroup(id: "g", name: "G", users: ["ann"])
                let empty = try await service.page("g", 5)
                #expect(empty["IsFinished"] == 1 && empty["RspMsgList"] == [])
                for number in 1...6 as ClosedRange<Int64> {
                    #expect(try await service.send("t\(number)", to: "g", random: number) == number)
                }
                for limit in [1, 2, 3, 4, 5, 6, 7, 20] as [Int64] {
                    var seen: [Int64] = []
                    var (next, hasMore) = (Int64(0), true)
                    while hasMore, seen.count <= 6 {
                        let page = try await service.page("g", limit, from: next)
                        let places = page[each: "RspMsgList", "MsgSeq"].compactMap(\.integer)
                        seen += places
                        let state = page["IsFinished"]?.integer
                        hasMore = state == 0 || (state == 1 && places.count == limit)
                        next = (places.last ?? 1) - 1
                    }
                    #expect(seen == [6, 5, 4, 3, 2, 1], "limit \(limit)")
                }
                // Upwards: each page by its highest place.
                var upwards: [Int64] = []
                for highest in [3, 6] as [Int64] {
                    upwards += try await service.page("g", 3, from: highest)[each: "RspMsgList", "MsgSeq"]
                        .compactMap(\.integer).reversed()
                }
                #expect(upwards == [1, 2, 3, 4, 5, 6])
                for number in 7...25 as ClosedRange<Int64> { try await service.send("t", to: "g", random: number) }
                let long = try await service.page("g", 100)
                #expect(long[each: "RspMsgList", "MsgSeq"].count == 20 && long["IsFinished"] == 0)
                let beyond = try await service.page("g", 2, from: 1000)
                #expect(beyond[each: "RspMsgList", "MsgSeq"] == [25, 24])
            }
        }

        @Test func `single members, notices and those online get what is meant for them`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let cat = try await story.device("cat")
                let dan = try await story.device("dan")
                let service = try GroupService(story)
                let made = try await service.run(
                    "create_group",
                    [
                        "Type": "ChatRoom", "Name": "Chat",
                        "MemberList": [
                            ["Member_Account": "ann"], ["Member_Account": "bob"], ["Member_Account": "cat"],
                        ],
                    ])
                let group = try #require(made["GroupId"]?.string)
                #expect(group.hasPrefix("grp_"))

                let place = try await service.send(
                    "psst", to: group, random: 1,
                    ["From_Account": "ann", "To_Account": ["bob", "cat"], "SendMsgControl": ["NoUnread"]])
                let toBob = try await eventually("bob's") { bob.received.first { $0.type.rawValue == 0 } }
                let toCat = try await eventually("cat's") { cat.received.first { $0.type.rawValue == 0 } }
                #expect(toBob.from == group && toBob.target == ann.account && toBob.id != toCat.id)
                #expect(try await story.api(bob.session).unread()["total"] == 0)
                // It is nobody else's history, and is withdrawn as one.
                let page = try await service.page(group, 20)
                #expect(
                    page[each: "RspMsgList", "IsPlaceMsg"] == [1, 1] && page[each: "RspMsgList", "MsgBody"] == [[], []])
                try await service.run(
                    "group_msg_recall", ["GroupId": .string(group), "MsgSeqList": [["MsgSeq": JSONValue(place ?? 0)]]])
                for (device, id) in [(bob, toBob.id), (cat, toCat.id)] {
                    _ = try await eventually("\(id) is taken back") {
                        device.received.first { $0.content?["messageId"]?.string == id }
                    }
                }
                #expect(
                    try await service.code(
                        "send_group_msg",
                        [
                            "GroupId": .string(group), "Random": 2, "MsgBody": GroupService.text("x"),
                            "To_Account": ["dan"],
                        ])
                        == 10007)

                // A notice, to all and to one.
                try await service.run(
                    "send_group_system_notification", ["GroupId": .string(group), "Content": "closing at six"])
                for device in [ann, bob, cat] {
                    let notice = try await eventually("the notice") {
                        device.received.first { $0.content?["SystemNotification"]?.string == "closing at six" }
                    }
                    #expect(notice.from == group && notice.target == story.appInfo.id && notice.type.rawValue == 9)
                }
                try await service.run(
                    "send_group_system_notification",
                    ["GroupId": .string(group), "Content": "for cat", "ToMembers_Account": ["cat"]])
                _ = try await eventually("cat's notice") {
                    cat.received.first { $0.content?["SystemNotification"]?.string == "for cat" }
                }
                #expect(try await story.api(cat.session).unread()["total"] == 0)

                // Online only: no place, no history.
                let before = try await service.page(group, 20)
                #expect(try await service.send("typing", to: group, random: 3, ["OnlineOnlyFlag": 1]) == 0)
                _ = try await eventually("the sign") { bob.received.first { $0.content?["text"] == "typing" } }
                #expect(try await service.page(group, 20) == before)
                #expect(!ann.received.contains { $0.content?["SystemNotification"]?.string == "for cat" })
                #expect(dan.received.isEmpty)
            }
        }
    }
}
