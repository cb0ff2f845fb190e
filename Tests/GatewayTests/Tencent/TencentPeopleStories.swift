import AsyncHTTPClient
import Foundation
import NIOCore
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// Accounts, tags, attributes and pushes to many, as a server SDK of Tencent's IM runs them.
    @Suite struct TencentPeopleStories {
        /// Runs commands in the name of an administrator.
        private struct Administrator {
            let story: Story
            var identifier = "administrator"
            let userSig: String

            init(_ story: Story, identifier: String = "administrator") throws {
                self.story = story
                self.identifier = identifier
                let sdkAppID = try #require(story.appInfo.json["sdkAppId"]?.integer)
                userSig = try Signatures.userSig(
                    sdkAppID: sdkAppID, key: story.appInfo.signingKey, user: identifier)
            }

            func answer(_ command: String, _ body: String) async throws -> JSONValue {
                let sdkAppID = try #require(story.appInfo.json["sdkAppId"]?.integer)
                let path =
                    "/v4/\(command)?sdkappid=\(sdkAppID)&identifier=\(identifier)&usersig=\(userSig)"
                    + "&random=\(UInt32.random(in: 0 ... .max))&contenttype=json"
                let (status, json, _) = try await story.raw("POST", path, body: body)
                #expect(status == 200)
                return json
            }

            /// The answer of a command that has to succeed.
            @discardableResult
            func run(_ command: String, _ body: String) async throws -> JSONValue {
                let json = try await answer(command, body)
                #expect(json["ActionStatus"]?.string == "OK" && json["ErrorCode"]?.integer == 0, "\(command): \(json)")
                return json
            }

            /// The id under which a push arrives.
            func push(_ members: String, random: Int) async throws -> String {
                let text = #""MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"to many"}}]"#
                let answer = try await run("all_member_push/im_push", #"{"MsgRandom":\#(random),\#(text)\#(members)}"#)
                return try #require(answer["TaskId"]?.string)
            }
        }

        @Test func `accounts are imported, checked, kicked and deleted`() async throws {
            try await withStory { story in
                _ = try await story.admin.call(
                    .patch, ["v1", "admin", "apps", story.appInfo.id], body: ["tencentAdmins": ["boss"]])
                let admin = try Administrator(story)
                try await admin.run("im_open_login_svc/account_import", #"{"UserID":"ann","Nick":"Ann","FaceUrl":""}"#)
                let many = try await admin.run(
                    "im_open_login_svc/multiaccount_import", #"{"Accounts":["boss","bob"]}"#)
                #expect(many["FailAccounts"]?.array?.isEmpty == true)
                func status(_ user: String) async throws -> String? {
                    let answer = try await admin.run(
                        "im_open_login_svc/account_check", #"{"CheckItem":[{"UserID":"\#(user)"}]}"#)
                    return answer["ResultItem"]?.array?.first?["AccountStatus"]?.string
                }
                #expect(try await status("ann") == "Imported")
                #expect(try await status("ghost") == "NotImported")

                // A device of a user, and a second administrator; both are kicked.
                let ann = try await story.device("ann")
                let annSig = try Administrator(story, identifier: "ann").userSig
                let boss = try Administrator(story, identifier: "boss")
                try await boss.run("im_open_login_svc/account_check", #"{"CheckItem":[{"UserID":"ann"}]}"#)
                try await admin.run("im_open_login_svc/kick", #"{"UserID":"ann"}"#)
                try await eventually("ann is cut off") {
                    ann.events.contains { if case .disconnected = $0 { true } else { false } }
                }
                let again = try await refusal {
                    try await story.api.register(
                        DeviceRegistration(uniqueCode: "other", userID: "ann", osType: .android), signature: annSig)
                }
                #expect(again.status == 401 && again.code == "token_revoked")
                try await admin.run("im_open_login_svc/kick", #"{"Identifier":"boss"}"#)
                let voided = try await boss.answer("im_open_login_svc/kick", #"{"UserID":"bob"}"#)
                #expect(voided["ErrorCode"]?.integer == 70001)
                // One that is issued later counts, at both doors.
                try await eventually("a second has passed") {
                    let new = try Administrator(story, identifier: "boss")
                    return try await new.answer("im_open_login_svc/kick", #"{"UserID":"bob"}"#)["ErrorCode"]?.integer
                        == 0
                }
                let newSig = try Administrator(story, identifier: "ann").userSig
                _ = try await story.api.register(
                    DeviceRegistration(uniqueCode: "other", userID: "ann", osType: .android), signature: newSig)

                // What a kick voided stays so.
                try await story.gateway.kill()
                try await story.gateway.start(client: story.client)
                let stillVoided = try await boss.answer("im_open_login_svc/kick", #"{"UserID":"bob"}"#)
                #expect(stillVoided["ErrorCode"]?.integer == 70001)

                let deleted = try await admin.run(
                    "im_open_login_svc/account_delete", #"{"DeleteItem":[{"UserID":"ann"},{"UserID":"ghost"}]}"#)
                #expect(deleted["ResultItem"]?.array?.map { $0["ResultCode"]?.integer } == [0, 70107])
                #expect(try await status("ann") == "NotImported")
                #expect(try await status("bob") == "Imported")
            }
        }

        @Test func `a push reaches exactly whom it is for`() async throws {
            try await withStory { story in
                let admin = try Administrator(story)
                try await admin.run(
                    "im_open_login_svc/multiaccount_import",
                    #"{"AccountList":[{"UserID":"ann"},{"UserID":"bob"},{"UserID":"cat"}]}"#)
                var devices: [String: StoryDevice] = [:]
                for user in ["ann", "bob", "cat"] { devices[user] = try await story.device(user) }
                // Both generations of names, and both services.
                try await admin.run(
                    "all_member_push/im_add_tag", #"{"UserTags":[{"To_Account":"ann","Tags":["vip","new"]}]}"#)
                try await admin.run("openim/im_add_tag", #"{"Tags":[{"To_Account":"bob","Tags":["vip"]}]}"#)
                try await admin.run("openim/im_set_attr_name", #"{"AttrNames":{"0":"sex","1":"city"}}"#)
                try await admin.run(
                    "all_member_push/im_set_attr",
                    #"{"UserAttrs":[{"To_Account":"ann","Attrs":{"sex":"f","city":"上海"}},{"To_Account":"cat","Attrs":{"sex":"f"}}]}"#
                )
                try await admin.run(
                    "openim/im_set_attr", #"{"Attrs":[{"To_Account":"bob","Attrs":{"sex":"m","city":"上海"}}]}"#)

                var expected: [String: Set<String>] = [:]
                func expect(_ id: String, _ users: String...) {
                    for user in users { expected[user, default: []].insert(id) }
                }
                expect(try await admin.push("", random: 1), "ann", "bob", "cat")
                expect(try await admin.push(#","MsgLifeTime":600"#, random: 2), "ann", "bob", "cat")
                expect(
                    try await admin.push(
                        #","Condition":{"TagsOr":["vip","none"],"TagsAnd":null,"AttrsOr":null,"AttrsAnd":null}"#,
                        random: 3),
                    "ann", "bob")
                expect(try await admin.push(#","Condition":{"TagsAnd":["vip","new"]}"#, random: 4), "ann")
                expect(
                    try await admin.push(#","MsgLifeTime":600,"Condition":{"AttrsOr":{"city":"上海"}}"#, random: 5),
                    "ann", "bob")
                expect(
                    try await admin.push(#","Condition":{"AttrsAnd":{"sex":"f","city":"上海"}}"#, random: 6), "ann")
                _ = try await admin.push(#","Condition":{"TagsOr":["none"]}"#, random: 7)
                // The value of then counts, not the one of before.
                try await admin.run(
                    "openim/im_set_attr", #"{"Attrs":[{"To_Account":"ann","Attrs":{"sex":"x"}}]}"#)
                expect(try await admin.push(#","Condition":{"AttrsOr":{"sex":"f"}}"#, random: 8), "cat")
                let last = try await admin.push(#","MsgLifeTime":600"#, random: 9)
                expect(last, "ann", "bob", "cat")
                for (user, device) in devices {
                    let wanted = expected[user] ?? []
                    try await eventually("\(user) has received everything") { wanted.isSubset(of: device.ids) }
                    #expect(Set(device.ids) == wanted, "\(user)")
                    let body = try await device.entry(last).content?["MsgBody"]?.array?.first
                    #expect(body?["MsgContent"]?["Text"]?.string == "to many")
                }
            }
        }

        @Test func `the nick is the name in a notification`() async throws {
            try await withVendors { story, simulator in
                let admin = try Administrator(story)
                for body in [#"{"UserID":"bob","Nick":"Bobby"}"#, #"{"UserID":"cat"}"#] {
                    try await admin.run("im_open_login_svc/account_import", body)
                }
                _ = try await story.register("ann", tokens: [simulator.token(.fcm, "ann")])
                try await story.knowsWhoIsAway(simulator)
                for (user, name) in [("bob", "Bobby"), ("cat", "cat")] {
                    var message = OutgoingMessage(id: "from-\(user)", to: "user:ann", text: "hi")
                    message.from = "user:\(user)"
                    try await story.app.send(message)
                    let push = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "from-\(user)" }
                    #expect(push.title == name)
                }
            }
        }
    }
}
