import PushCore
import Testing

/// Histories by `admin_getroammsg`, and what `importmsg` puts into them.
@Suite struct TencentHistoryTests {
    private static func text(_ text: String) -> String {
        #""MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"\#(text)"}}]"#
    }

    private static let pair = #""From_Account":"ann","To_Account":"bob""#

    /// The texts of a page, oldest first.
    private static func texts(_ call: TencentCaller, _ more: String = "") async throws -> [String] {
        let page = try await call(
            "openim/admin_getroammsg",
            #"{"Operator_Account":"ann","Peer_Account":"bob","MaxCnt":9,"MinTime":0\#(more)}"#)
        #expect(page.isOK, "\(page.text)")
        return (page.json?["MsgList"]?.array ?? []).compactMap {
            $0.object?["MsgBody"]?.array?.first?.object?["MsgContent"]?.object?["Text"]?.string
        }
    }

    private static func send(_ call: TencentCaller, _ text: String, _ random: Int) async throws -> JSONObject? {
        let reply = try await call(
            "openim/sendmsg", #"{\#(pair),"MsgSeq":3,"MsgRandom":\#(random),\#(self.text(text))}"#)
        #expect(reply.isOK, "\(reply.text)")
        return reply.json
    }

    private static func importing(
        _ call: TencentCaller, _ text: String, _ random: Int, at seconds: Int64, kind: Int
    ) async throws {
        let reply = try await call(
            "openim/importmsg",
            #"{"SyncFromOldSystem":\#(kind),\#(pair),"MsgSeq":3,"MsgRandom":\#(random),"#
                + #""MsgTimeStamp":\#(seconds),\#(self.text(text))}"#)
        #expect(reply.isOK, "\(reply.text)")
    }

    private func withPair(_ body: @Sendable @escaping (TencentFixture, TencentCaller) async throws -> Void) async throws
    {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            for user in ["ann", "bob"] {
                #expect(try await call("im_open_login_svc/account_import", #"{"UserID":"\#(user)"}"#).isOK)
            }
            try await body(fixture, call)
        }
    }

    @Test func `the place where a page ends says more than its time`() async throws {
        try await withPair { fixture, call in
            _ = try await Self.send(call, "one", 1)
            fixture.setTime(fixture.now + 100)
            let key = try #require(try await Self.send(call, "two", 2)?["MsgKey"]?.string)
            let early = #","MaxTime":\#(fixture.now - 1000)"#
            #expect(try await Self.texts(call, early) == [])
            #expect(try await Self.texts(call, early + #","LastMsgKey":"\#(key)""#) == ["one"])
        }
    }

    @Test func `what was sent through the gateway is not imported beside itself`() async throws {
        try await withPair { _, call in
            let sent = try #require(try await Self.send(call, "one", 1))
            let time = try #require(sent["MsgTime"]?.integer)
            for kind in [2, 1, 5] { try await Self.importing(call, "one", 1, at: time, kind: kind) }
            #expect(try await Self.texts(call) == ["one"])
            try await Self.importing(call, "old", 1, at: time - 1000, kind: 2)
            #expect(try await Self.texts(call) == ["old", "one"])
        }
    }

    @Test(arguments: [1, 5])
    func `a new message with numbers that were used is a message, and its repeat is none`(_ kind: Int) async throws {
        try await withPair { fixture, call in
            _ = try await Self.send(call, "same", 1)
            for _ in 0..<2 { try await Self.importing(call, "same", 1, at: fixture.now - 50, kind: kind) }
            try await Self.importing(call, "same", 1, at: fixture.now - 40, kind: kind)
            #expect(try await Self.texts(call) == ["same", "same", "same"])
        }
    }
}
