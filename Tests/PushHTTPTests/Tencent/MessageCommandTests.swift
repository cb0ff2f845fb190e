import HTTPTypes
import PushCore
import PushCredentials
import PushTestSupport
import Testing

/// What the commands of `openim` refuse, and with which code.
@Suite struct MessageCommandTests {
    private static let text = #""MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}]"#

    private func target(_ command: String, _ fixture: Fixture) throws -> String {
        let app = try #require(fixture.access.app(id: fixture.appID))
        let sig = try UserSig.make(
            identifier: "administrator", sdkAppID: app.sdkAppID, key: fixture.signingKey,
            issuedAt: Fixture.now / 1000, lifetime: 600)
        return "/v4/openim/\(command)?sdkappid=\(app.sdkAppID)&identifier=administrator&usersig=\(sig)"
    }

    @Test func `each fault of a message has its code`() async throws {
        let fixture = try await Fixture()
        let message = #""To_Account":"ann","MsgRandom":1,"#
        let custom = #"{"MsgType":"TIMCustomElem","MsgContent":{}}"#
        let long = String(repeating: "s", count: 2000)
        func text(_ count: Int) -> String {
            #"{\#(message)"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"\#(String(repeating: "x", count: count))"}}]}"#
        }
        let cases: [(String, Int64)] = [
            ("{\(message)\(Self.text)}", 0),
            (#"{"MsgRandom":1,\#(Self.text)}"#, 90003), (#"{"To_Account":7,"MsgRandom":1,\#(Self.text)}"#, 90003),
            (#"{"To_Account":["ann"],"MsgRandom":1,\#(Self.text)}"#, 90003),
            (#"{"To_Account":"a/b","MsgRandom":1,\#(Self.text)}"#, 20003),
            (#"{"From_Account":7,\#(message)\#(Self.text)}"#, 90008),
            (#"{"To_Account":"ann",\#(Self.text)}"#, 90005),
            (#"{"To_Account":"ann","MsgRandom":"x",\#(Self.text)}"#, 90005),
            (#"{"To_Account":"ann","MsgRandom":4294967296,\#(Self.text)}"#, 90005),
            (#"{"To_Account":"ann","MsgRandom":1}"#, 90002),
            (#"{\#(message)"MsgBody":{}}"#, 90007), (#"{\#(message)"MsgBody":[]}"#, 90002),
            (#"{\#(message)"MsgBody":["x"]}"#, 90010),
            (#"{\#(message)"MsgBody":[{"MsgType":"TIMNoElem","MsgContent":{}}]}"#, 90010),
            (#"{\#(message)"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{}}]}"#, 90010),
            (#"{\#(message)"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":"x"}]}"#, 90010),
            (#"{\#(message)"MsgBody":[\#(custom),\#(custom)]}"#, 90010),
            (#"{\#(message)\#(Self.text),"MsgSeq":-1}"#, 90001),
            (#"{\#(message)\#(Self.text),"MsgTimeStamp":"x"}"#, 90006),
            (#"{\#(message)\#(Self.text),"SyncOtherMachine":3}"#, 90031),
            (#"{\#(message)\#(Self.text),"MsgLifeTime":"x"}"#, 90044),
            (#"{\#(message)\#(Self.text),"MsgLifeTime":-1}"#, 90044),
            (#"{\#(message)\#(Self.text),"MsgLifeTime":99999999}"#, 0),
            (#"{\#(message)\#(Self.text),"SendMsgControl":"NoUnread"}"#, 90001),
            (#"{\#(message)\#(Self.text),"OfflinePushInfo":[]}"#, 90043),
            (#"{\#(message)\#(Self.text),"OfflinePushInfo":{"Title":1}}"#, 90043),
            (#"{\#(message)\#(Self.text),"OfflinePushInfo":{"PushFlag":2}}"#, 90043),
            (#"{\#(message)\#(Self.text),"OfflinePushInfo":{"ApnsInfo":{"InterruptionLevel":"loud"}}}"#, 90043),
            (#"{\#(message)\#(Self.text),"OfflinePushInfo":{"AndroidInfo":{"Sound":"\#(long)"}}}"#, 90043),
            (text(40000), 80002),
            // More than Tencent takes, not more than is kept.
            (text(14000), 0),
            ("[]", 90001), ("{", 90001),
        ]
        let send = try target("sendmsg", fixture)
        try await fixture.withClient { call in
            for (body, code) in cases {
                let reply = try await call(.post, send, body, type: nil)
                #expect(reply.status == 200)
                #expect(reply.json?["ErrorCode"]?.integer == code, "\(body.prefix(200)): \(reply.text)")
                #expect(reply.string("ActionStatus") == (code == 0 ? "OK" : "FAIL"))
                #expect((reply.string("ErrorInfo") ?? "").isEmpty == (code == 0))
            }
        }
    }

    @Test func `each fault of the other commands has its code`() async throws {
        let fixture = try await Fixture()
        let cases: [(String, String, Int64)] = [
            (
                "importmsg", #"{"From_Account":"ann","To_Account":"ann","MsgRandom":1,"MsgTimeStamp":1,\#(Self.text)}"#,
                90030
            ),
            (
                "importmsg",
                #"{"SyncFromOldSystem":2,"From_Account":"ann","To_Account":"ann","MsgRandom":1,\#(Self.text)}"#, 90006
            ),
            ("importmsg", #"{"SyncFromOldSystem":2,"To_Account":"ann"}"#, 90008),
            ("admin_getroammsg", #"{"Peer_Account":"ann","MaxCnt":1,"MinTime":0,"MaxTime":1}"#, 90008),
            ("admin_getroammsg", #"{"Operator_Account":"ann","MaxCnt":1,"MinTime":0,"MaxTime":1}"#, 90003),
            ("admin_getroammsg", #"{"Operator_Account":"ann","Peer_Account":"ann","MinTime":0,"MaxTime":1}"#, 90001),
            ("admin_getroammsg", #"{"Operator_Account":"ann","Peer_Account":"ann","MaxCnt":0}"#, 90001),
            ("admin_getroammsg", #"{"Operator_Account":"no","Peer_Account":"ann","MaxCnt":1}"#, 90008),
            ("admin_getroammsg", #"{"Operator_Account":"ann","Peer_Account":"no","MaxCnt":1}"#, 90003),
            ("admin_getroammsg", #"{"Operator_Account":"ann","Peer_Account":"ann","MaxCnt":1,"MaxTime":"y"}"#, 90001),
            ("admin_msgwithdraw", #"{"To_Account":"ann","MsgKey":"1_2_3"}"#, 90008),
            ("admin_msgwithdraw", #"{"From_Account":"ann","MsgKey":"1_2_3"}"#, 90003),
            ("admin_msgwithdraw", #"{"From_Account":"ann","To_Account":"ann"}"#, 90054),
            ("admin_msgwithdraw", #"{"From_Account":"ann","To_Account":"ann","MsgKey":7}"#, 90054),
            ("admin_msgwithdraw", #"{"From_Account":"ann","To_Account":"ann","MsgKey":"1_2"}"#, 90054),
            ("admin_msgwithdraw", #"{"From_Account":"ann","To_Account":"ann","MsgKey":"1_2_3"}"#, 20022),
            ("admin_set_msg_read", #"{"Peer_Account":"ann"}"#, 90008),
            ("admin_set_msg_read", #"{"Report_Account":"ann"}"#, 90003),
            ("admin_set_msg_read", #"{"Report_Account":"ann","Peer_Account":"ann","MsgReadTime":"x"}"#, 90001),
            ("admin_set_msg_read", #"{"Report_Account":"ann","Peer_Account":"administrator","MsgReadTime":0}"#, 0),
            ("get_c2c_unread_msg_num", "{}", 90003),
            ("get_c2c_unread_msg_num", #"{"To_Account":"ann","Peer_Account":"ann"}"#, 90001),
            ("get_c2c_unread_msg_num", #"{"To_Account":"ann"}"#, 0),
            ("query_online_status", "{}", 90003), ("query_online_status", #"{"To_Account":[1]}"#, 90003),
            ("querystate", #"{"To_Account":["ann"]}"#, 0),
        ]
        let targets = try cases.map { try target($0.0, fixture) }
        try await fixture.withClient { call in
            for ((command, body, code), target) in zip(cases, targets) {
                let reply = try await call(.post, target, body)
                #expect(reply.json?["ErrorCode"]?.integer == code, "\(command) \(body): \(reply.text)")
            }
        }
    }

    @Test func `an app without the scope of a command is refused`() async throws {
        let fixture = try await Fixture()
        var change = AppChange()
        change.scopes = [.accounts]
        let app = try #require(fixture.access.app(id: fixture.appID))
        _ = try await fixture.access.updateApp(app.key, change)
        let commands = [
            ("sendmsg", #"{"To_Account":"ann","MsgRandom":1,\#(Self.text)}"#),
            ("batchsendmsg", #"{"To_Account":["ann"],"MsgRandom":1,\#(Self.text)}"#),
            (
                "importmsg",
                #"{"SyncFromOldSystem":2,"From_Account":"ann","To_Account":"ann","MsgRandom":1,"MsgTimeStamp":1,\#(Self.text)}"#
            ),
            ("admin_getroammsg", #"{"Operator_Account":"ann","Peer_Account":"ann","MaxCnt":1}"#),
            ("admin_msgwithdraw", #"{"From_Account":"ann","To_Account":"ann","MsgKey":"1_2_3"}"#),
            ("admin_set_msg_read", #"{"Report_Account":"ann","Peer_Account":"ann"}"#),
            ("get_c2c_unread_msg_num", #"{"To_Account":"ann"}"#),
        ]
        let targets = try commands.map { try target($0.0, fixture) }
        try await fixture.withClient { call in
            for ((command, body), target) in zip(commands, targets) {
                let reply = try await call(.post, target, body)
                #expect(reply.json?["ErrorCode"]?.integer == 90009, "\(command): \(reply.text)")
            }
        }
    }
}
