import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    /// One-to-one messages by a server that has an SDK of Tencent's IM.
    @Suite struct TencentMessageStories {
        private func users(_ names: [String], _ story: Story) async throws -> TencentCaller {
            for name in names { _ = try await story.app.createAccount(userID: name) }
            return try TencentCaller(story)
        }

        @Test func `a repeated send is one message, and another content another`() async throws {
            try await withStory { story in
                let tim = try await users(["ann", "bob"], story)
                let first = try await tim.send("hi", from: "ann", to: "bob", random: 7)
                let key = try #require(first["MsgKey"]?.string)
                let parts = key.split(separator: "_").map(String.init)
                #expect(parts.count == 3 && parts[1] == "7" && Int64(parts[2]) == first["MsgTime"]?.integer)
                #expect(first["MsgId"]?.string?.split(separator: "-").last == "7")
                let again = try await tim.send("hi", from: "ann", to: "bob", random: 7)
                #expect(again["MsgKey"] == first["MsgKey"] && again["MsgId"] == first["MsgId"])
                #expect(again["MsgTime"] == first["MsgTime"])
                // With the same numbers in the same second: each has a name of its own.
                var keys: Set<String> = [key]
                for text in ["a", "b", "c"] {
                    let other = try await tim.send(text, from: "ann", to: "bob", random: 7, ["MsgSeq": 5])
                    keys.insert(try #require(other["MsgKey"]?.string))
                    let same = try await tim.send(text, from: "ann", to: "bob", random: 7, ["MsgSeq": 5])
                    #expect(same["MsgKey"] == other["MsgKey"])
                    let otherSequence = try await tim.send(text, from: "ann", to: "bob", random: 7, ["MsgSeq": 6])
                    keys.insert(try #require(otherSequence["MsgKey"]?.string))
                }
                #expect(keys.count == 7)
                let history = try await tim.history(of: "bob", with: "ann", pageSize: 100)
                #expect(history.compactMap(\.tencentText) == ["hi", "a", "a", "b", "b", "c", "c"])
                #expect(Set(history.compactMap { $0["MsgKey"]?.string }) == keys)
                for pageSize in [1, 2] as [Int64] {
                    #expect(try await tim.history(of: "ann", with: "bob", pageSize: pageSize) == history)
                }
            }
        }

        @Test func `a batch is one message for each receiver under one key`() async throws {
            try await withStory { story in
                let names = (0..<140).map { "user\($0)" }
                let tim = try await users(["ann"] + names, story)
                let body: JSONValue = [
                    "From_Account": "ann", "MsgRandom": 9, "MsgBody": TencentCaller.text("all"),
                    "To_Account": .array((["a/b"] + names + ["user3", "nobody"]).map { .string($0) }),
                ]
                let answer = try await tim("openim/batchsendmsg", body)
                let failed: JSONValue = [
                    ["To_Account": "a/b", "ErrorCode": 70107], ["To_Account": "nobody", "ErrorCode": 70107],
                ]
                #expect(answer["ErrorList"] == failed)
                let key = try #require(answer["MsgKey"]?.string)
                // Who asks again, with one more receiver, continues it.
                _ = try await story.app.createAccount(userID: "nobody")
                let again = try await tim("openim/batchsendmsg", body)
                #expect(again["MsgKey"]?.string == key && again["MsgId"] == answer["MsgId"])
                for name in ["user0", "user3", "user139", "nobody"] {
                    let history = try await tim.history(of: name, with: "ann", pageSize: 10)
                    #expect(history.map { $0["MsgKey"]?.string } == [key] && history.first?.tencentText == "all")
                }
                // The key and a receiver name one of them.
                let withdrawal: JSONValue = ["From_Account": "ann", "To_Account": "user3", "MsgKey": .string(key)]
                try await tim("openim/admin_msgwithdraw", withdrawal)
                #expect(try await tim.code("openim/admin_msgwithdraw", withdrawal) == 20023)
                let withdrawn = try await tim.history(of: "ann", with: "user3", pageSize: 10)
                #expect(withdrawn.first?["MsgFlagBits"] == 8 && withdrawn.first?["MsgBody"] == [])
                let left = try await tim.history(of: "ann", with: "user4", pageSize: 10)
                #expect(left.first?["MsgFlagBits"] == 0 && left.first?.tencentText == "all")

                let many = JSONValue.array((0...500).map { .string("user\($0)") })
                func code(_ receivers: JSONValue) async throws -> Int64 {
                    try await tim.code(
                        "openim/batchsendmsg",
                        ["MsgRandom": 1, "MsgBody": TencentCaller.text("x"), "To_Account": receivers])
                }
                #expect(try await code(many) == 90011)
                #expect(try await code([]) == 90029)
                #expect(try await code("ann") == 90028)
                #expect(
                    try await tim.code(
                        "openim/batchsendmsg",
                        [
                            "From_Account": "stranger", "MsgRandom": 1, "MsgBody": TencentCaller.text("x"),
                            "To_Account": ["user1"],
                        ]) == 20003)
            }
        }

        @Test func `a history is paged without a gap or a double, whatever the page size`() async throws {
            try await withStory { story in
                let tim = try await users(["ann", "bob", "cat"], story)
                let old: Int64 = 1_600_000_000
                for number in 0..<20 as Range<Int64> {
                    // Four in a second each.
                    try await tim(
                        "openim/importmsg",
                        [
                            "SyncFromOldSystem": 2, "From_Account": number % 3 == 0 ? "bob" : "ann",
                            "To_Account": number % 3 == 0 ? "ann" : "bob", "MsgRandom": JSONValue(number),
                            "MsgSeq": JSONValue(number), "MsgTimeStamp": JSONValue(old + number / 4),
                            "MsgBody": TencentCaller.text("old \(number)"),
                        ])
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for sender in 0..<5 as Range<Int64> {
                        group.addTask {
                            for number in 0..<50 as Range<Int64> {
                                let isAnn = (number + sender) % 2 == 0
                                try await tim.send(
                                    "\(sender)/\(number)", from: isAnn ? "ann" : "bob", to: isAnn ? "bob" : "ann",
                                    random: sender * 1000 + number)
                                if number % 10 == 0 {
                                    try await tim.send("beside", from: "cat", to: "ann", random: number)
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let whole = try await tim.history(of: "ann", with: "bob", pageSize: 1000)
                #expect(whole.count == 270 && Set(whole.compactMap { $0["MsgKey"]?.string }).count == 270)
                #expect(whole.prefix(20).compactMap(\.tencentText) == (0..<20).map { "old \($0)" })
                let times = whole.compactMap { $0["MsgTimeStamp"]?.integer }
                #expect(times == times.sorted() && Set(times).count < 200)
                for pageSize in [1, 2, 3, 7, 49, 100] as [Int64] {
                    let paged = try await tim.history(of: "ann", with: "bob", pageSize: pageSize)
                    #expect(paged == whole, "\(pageSize)")
                }
                let others = try await tim.history(of: "bob", with: "ann", pageSize: 64)
                #expect(others == whole)
                // Both ends of the range are part of it.
                let part = try await tim.history(of: "ann", with: "bob", pageSize: 3, from: old + 1, to: old + 3)
                #expect(part.compactMap(\.tencentText) == (4..<16).map { "old \($0)" })
                let none = try await tim.history(of: "ann", with: "bob", pageSize: 3, from: 5, to: 6)
                #expect(none.isEmpty)
                // 13 KB are the most, and one element always goes out.
                for number in 0..<4 as Range<Int64> {
                    try await tim.send(String(repeating: "x", count: 6000), from: "ann", to: "cat", random: number)
                }
                try await tim.send(String(repeating: "y", count: 14_000), from: "ann", to: "cat", random: 9)
                let large = try await tim(
                    "openim/admin_getroammsg",
                    ["From_Account": "cat", "To_Account": "ann", "MaxCnt": 100, "MinTime": 0, "MaxTime": 4_000_000_000])
                #expect(large["Complete"] == 0 && large["MsgCnt"] == 1)
                #expect(try await tim.history(of: "cat", with: "ann", pageSize: 100).count == 10)
                #expect(
                    try await tim.code(
                        "openim/admin_getroammsg",
                        [
                            "Operator_Account": "ann", "Peer_Account": "bob", "MaxCnt": 1, "MinTime": 0,
                            "MaxTime": 4_000_000_000, "LastMsgKey": "1_2_3",
                        ]) == 90001)
            }
        }

        @Test func `every element comes back byte for byte`() async throws {
            try await withStory { story in
                let tim = try await users(["ann", "bob"], story)
                let body =
                    #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":"é\u0041\/"}},"#
                    + #"{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"x","Latitude":29.340656774469956,"Longitude":1e2}},"#
                    + #"{"MsgType":"TIMFaceElem","MsgContent":{"Index":1,"Data":"\u0000\u0001"}},"#
                    + #"{"MsgContent":{"Data":"{}","Desc":"","Ext":"e","Sound":"s","More":[1, 2]},"MsgType":"TIMCustomElem"},"#
                    + #"{"MsgType":"TIMSoundElem","MsgContent":{"Url":"u","UUID":"1","Size":1,"Second":2,"Download_Flag":2}},"#
                    + #"{"MsgType":"TIMImageElem","MsgContent":{"UUID":"1","ImageFormat":255,"ImageInfoArray":[{"Type":1,"URL":"u"}]}},"#
                    + #"{"MsgType":"TIMFileElem","MsgContent":{"Url":"u","UUID":"1","FileSize":1,"FileName":"f","Download_Flag":2}},"#
                    + #"{"MsgType":"TIMVideoFileElem","MsgContent":{"VideoUrl":"v","VideoDownloadFlag":2,"ThumbUrl":"t"}},"#
                    + #"{"MsgType":"TIMRelayElem","MsgContent":{"Title":"t","MsgNum":1,"AbstractList":["a"],"MsgList":[]}}]"#
                let sent = try await tim.answer(
                    "openim/sendmsg",
                    #"{"From_Account":"ann","To_Account":"bob","MsgRandom":1,"CloudCustomData":"c\u0041","MsgBody":\#(body)}"#
                )
                #expect(sent.json["ActionStatus"] == "OK")
                let page = try await tim.answer(
                    "openim/admin_getroammsg",
                    #"{"Operator_Account":"bob","Peer_Account":"ann","MaxCnt":1,"MinTime":0,"MaxTime":4000000000}"#)
                #expect(page.text.contains(#""MsgBody":\#(body),"CloudCustomData":"c\u0041""#))
            }
        }

        @Test func `what is unread is counted, read up to a time, and told to the sender`() async throws {
            try await withStory { story in
                let tim = try await users(["ann", "bob", "cat"], story)
                func unread(_ peers: JSONValue? = nil) async throws -> JSONValue {
                    try await tim(
                        "openim/get_c2c_unread_msg_num", .object(["To_Account": "bob", "Peer_Account": peers]))
                }
                let first = try await tim.send("1", from: "ann", to: "bob", random: 1)
                let second = try #require(first["MsgTime"]?.integer)
                // The next is in another second.
                try await eventually("the second has passed") { Int64(Date().timeIntervalSince1970) > second }
                try await tim.send("2", from: "ann", to: "bob", random: 2)
                try await tim.send("3", from: "cat", to: "bob", random: 3)
                try await tim.send("4", from: nil, to: "bob", random: 4)
                try await tim.send("5", from: "ann", to: "bob", random: 5, ["SendMsgControl": ["NoUnread"]])
                #expect(try await unread()["AllC2CUnreadMsgNum"] == 4)
                let listed = try await unread(["ann", "cat", "administrator", "stranger"])
                let counts: JSONValue = [
                    ["Peer_Account": "ann", "C2CUnreadMsgNum": 2], ["Peer_Account": "cat", "C2CUnreadMsgNum": 1],
                    ["Peer_Account": "administrator", "C2CUnreadMsgNum": 1],
                ]
                #expect(listed["C2CUnreadMsgNumList"] == counts)
                let unknown: JSONValue = [["Peer_Account": "stranger", "ErrorCode": 70107]]
                #expect(listed["ErrorList"] == unknown)

                try await tim(
                    "openim/admin_set_msg_read",
                    ["Report_Account": "bob", "Peer_Account": "ann", "MsgReadTime": .string(String(second))])
                #expect(try await unread()["AllC2CUnreadMsgNum"] == 3)
                let partly = try await tim.history(of: "ann", with: "bob", pageSize: 10)
                #expect(partly.map { $0["IsPeerRead"]?.integer } == [1, 0, 0])
                try await tim("openim/admin_set_msg_read", ["Report_Account": "bob", "Peer_Account": "ann"])
                try await tim(
                    "openim/admin_set_msg_read", ["Report_Account": "bob", "Peer_Account": "administrator"])
                #expect(try await unread()["AllC2CUnreadMsgNum"] == 1)
                let read = try await tim.history(of: "ann", with: "bob", pageSize: 10)
                #expect(read.map { $0["IsPeerRead"]?.integer } == [1, 1, 1])
                #expect(
                    try await tim.code(
                        "openim/admin_set_msg_read", ["Report_Account": "nobody", "Peer_Account": "ann"]) == 90008)
                #expect(
                    try await tim.code(
                        "openim/admin_set_msg_read", ["Report_Account": "ann", "Peer_Account": "nobody"]) == 90003)
                #expect(try await tim.code("openim/get_c2c_unread_msg_num", ["To_Account": "nobody"]) == 90003)
            }
        }

        @Test func `an import is repeated without a trace, live or as history, in either direction`() async throws {
            try await withStory { story in
                let tim = try await users(["ann", "bob"], story)
                func run(
                    _ kind: Int64, _ text: String, from: String = "ann", to: String = "bob", seq: Int64? = nil,
                    random: Int64, time: Int64 = 1_600_000_000
                ) async throws -> Int64 {
                    try await tim.code(
                        "openim/importmsg",
                        .object([
                            "SyncFromOldSystem": JSONValue(kind), "From_Account": .string(from),
                            "To_Account": .string(to), "MsgSeq": seq.map { JSONValue($0) },
                            "MsgRandom": JSONValue(random), "MsgTimeStamp": JSONValue(time),
                            "MsgBody": TencentCaller.text(text),
                        ]))
                }
                for kind in [2, 5, 1] as [Int64] {
                    #expect(try await run(kind, "a", seq: 1, random: kind) == 0)
                    #expect(try await run(kind, "a", seq: 1, random: kind) == 0)
                    #expect(try await run(kind, "b", seq: 1, random: kind) == 0)
                    #expect(try await run(kind, "c", from: "bob", to: "ann", seq: 1, random: kind) == 0)
                }
                #expect(try await run(2, "no sequence", random: 9) == 0)
                #expect(try await run(2, "no sequence again", random: 9) == 0)
                let history = try await tim.history(of: "bob", with: "ann", pageSize: 2)
                #expect(history.compactMap(\.tencentText) == ["a", "no sequence", "a", "a"])
                #expect(history[0]["MsgKey"] == "1_2_1600000000" && history[0]["MsgTimeStamp"] == 1_600_000_000)
                let unread = try await tim("openim/get_c2c_unread_msg_num", ["To_Account": "bob"])
                #expect(unread["AllC2CUnreadMsgNum"] == 2)
                try await tim(
                    "openim/admin_msgwithdraw",
                    ["From_Account": "ann", "To_Account": "bob", "MsgKey": "1_2_1600000000"])
                let withdrawn = try await tim.history(of: "ann", with: "bob", pageSize: 10)
                #expect(withdrawn.first?["MsgFlagBits"] == 8 && withdrawn.first?["MsgBody"] == [])

                #expect(try await run(3, "x", random: 1) == 90030)
                #expect(try await run(2, "x", from: "nobody", random: 1) == 20003)
                #expect(try await run(2, "x", to: "nobody", random: 1) == 20003)
                #expect(try await run(2, "x", random: 1, time: 4_000_000_000) == 90006)
            }
        }

        @Test func `the app writes in its own name, and is shown as the administrator`() async throws {
            try await withStory { story in
                let tim = try await users(["bob"], story)
                let bob = try await story.device("bob")
                let sent = try await tim.send("from the app", from: nil, to: "bob", random: 1)
                try await tim.send("again", from: "administrator", to: "bob", random: 2)
                let entries = try await eventually("both are here") {
                    let found = bob.received.filter { $0.from == story.appInfo.id }
                    return found.count == 2 ? found : nil
                }
                #expect(entries.first?.content?["text"] == "from the app")
                let history = try await tim.history(of: "administrator", with: "bob", pageSize: 1)
                #expect(history.compactMap(\.tencentText) == ["from the app", "again"])
                #expect(history.first?["From_Account"] == "administrator" && history.first?["To_Account"] == "bob")
                #expect(try await tim.history(of: "bob", with: "administrator", pageSize: 5) == history)
                try await tim(
                    "openim/admin_msgwithdraw",
                    [
                        "From_Account": "administrator", "To_Account": "bob",
                        "MsgKey": try #require(sent["MsgKey"]),
                    ])
                _ = try await eventually("bob is told") { bob.received.first { $0.type.rawValue == 257 } }
            }
        }

        @Test func `an online-only message is nowhere afterwards, and sync 2 is not in the sender's history`()
            async throws
        {
            try await withStory { story in
                let tim = try await users(["ann", "bob"], story)
                let bob = try await story.device("bob")
                for (random, more) in [(1, ["OnlineOnlyFlag": 1]), (2, ["MsgLifeTime": 0])]
                    as [(Int64, KeyValuePairs<String, JSONValue>)]
                {
                    let sent = try await tim.send("now \(random)", from: "ann", to: "bob", random: random, more)
                    #expect(sent["MsgKey"]?.string?.contains("_\(random)_") == true)
                    let entry = try await eventually("it is here") {
                        bob.received.first { $0.content?["text"]?.string == "now \(random)" }
                    }
                    #expect(entry.seq == nil && entry.json["aliases"]?["msgKey"] == sent["MsgKey"])
                }
                try await tim.send("kept", from: "ann", to: "bob", random: 3, ["SyncOtherMachine": 2])
                let ttl = try await tim.send("long", from: "ann", to: "bob", random: 4, ["MsgLifeTime": 9_000_000])
                #expect(
                    try await tim.history(of: "bob", with: "ann", pageSize: 9).compactMap(\.tencentText)
                        == ["kept", "long"])
                #expect(
                    try await tim.history(of: "ann", with: "bob", pageSize: 9).compactMap(\.tencentText) == ["long"])
                let found = try await story.app.lookUpMessage(try #require(ttl["MsgKey"]?.string))
                #expect(found["message"]?["ttl"] == 604_800)
            }
        }
    }
}
