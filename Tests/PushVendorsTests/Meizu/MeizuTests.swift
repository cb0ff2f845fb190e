import Foundation
import NIOHTTP1
import PushCore
import Testing

@testable import PushVendors

@Suite struct MeizuRequestTests {
    private func message(receiptURL: String? = nil, _ change: (inout VendorPush) -> Void = { _ in }) -> JSONObject? {
        MeizuRequest.message(push(.meizu, change), receiptURL: receiptURL).object
    }

    @Test func `a plain push`() {
        let key = MeizuRequest.notifyKey(of: push(.meizu))
        #expect(
            MeizuRequest.message(push(.meizu), receiptURL: nil).text
                == #"{"noticeBarInfo":{"noticeMsgType":1,"noticeBarType":0,"title":"Title","content":"Body"},"#
                + #""clickTypeInfo":{"clickType":0,"parameters":{"messageId":"m-1"}},"#
                + #""pushTimeInfo":{"offLine":1,"validTime":1},"#
                + #""advanceInfo":{"notificationType":{"vibrate":1,"lights":1,"sound":1},"notifyKey":"\#(key)"}}"#)
    }

    @Test func `everything a sender can say`() throws {
        let data = try json(#"{"a":"x","b":{"c":[1]},"messageId":"forged"}"#)
        let made = message(receiptURL: "https://gate.example.com/r") {
            $0.data = data
            $0.sound = ""
            $0.messageClass = .marketing
            $0.timeToLiveSeconds = 0
        }
        #expect(made?["noticeBarInfo"]?.object?["noticeMsgType"]?.integer == 0)
        #expect(
            made?["clickTypeInfo"]?.object?["parameters"]?.text
                == #"{"messageId":"m-1","a":"x","b":"{\"c\":[1]}"}"#)
        #expect(made?["pushTimeInfo"]?.text == #"{"offLine":0,"validTime":1}"#)
        #expect(made?["advanceInfo"]?.object?["notificationType"]?.text == #"{"vibrate":0,"lights":0,"sound":0}"#)
        #expect(
            made?["extra"]?.text
                == #"{"callback":"https://gate.example.com/r","callback.param":"m-1","callback.type":3}"#)
        #expect(message(receiptURL: String(repeating: "u", count: 129))?["extra"] == nil)
    }

    @Test(arguments: [
        (VendorPush.ClickAction.Kind.app, 0, nil as String?), (.url, 2, "url"), (.page, 1, "activity"),
        (.intent, 1, "activity"),
    ])
    func `each tap has its form`(kind: VendorPush.ClickAction.Kind, clickType: Int, name: String?) {
        let click = message { $0.action = .init(kind: kind, value: "v") }?["clickTypeInfo"]?.object
        #expect(click?["clickType"]?.integer == Int64(clickType))
        for other in ["url", "activity"] { #expect(click?[other]?.string == (other == name ? "v" : nil)) }
    }

    @Test(arguments: [(0, 1), (1, 1), (3600, 1), (3601, 2), (86_399, 24), (259_200, 72), (9_000_000, 72)])
    func `a life is in whole hours`(seconds: Int, hours: Int) { #expect(MeizuRequest.validHours(seconds) == hours) }

    @Test func `texts are within their limits`() {
        let bar = message {
            $0.title = String(repeating: "题", count: 33)
            $0.body = String(repeating: "👍", count: 51)
        }?["noticeBarInfo"]?.object
        #expect(bar?["title"]?.string == String(repeating: "题", count: 31) + "…")
        #expect(bar?["content"]?.string == String(repeating: "👍", count: 49) + "…")
        #expect(message { $0.body = "" }?["noticeBarInfo"]?.object?["content"]?.string == "Title")
    }

    @Test func `eight characters stand for the replace key`() {
        let first = MeizuRequest.notifyKey(of: push(.meizu))
        #expect(
            first.count == 8 && first.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) })
        #expect(MeizuRequest.notifyKey(of: push(.meizu) { $0.revision = 3 }) == first)
        #expect(MeizuRequest.notifyKey(of: push(.meizu) { $0.collapseID = "c" }) != first)
        #expect(MeizuRequest.notifyKey(of: push(.meizu) { $0.tenantNo = "other" }) != first)
    }

    /// Python: hashlib.md5(("appId=100999" + 'messageJson={"k":"a b&c=ü"}' + "pushIds=p1,p2" + "secret").encode())
    @Test func `the signature is over the values before their encoding, sorted by name`() {
        let fields = [("pushIds", "p1,p2"), ("messageJson", #"{"k":"a b&c=ü"}"#), ("appId", "100999")]
        #expect(MeizuRequest.sign(fields, secret: "secret") == "85114ff86d32fe7eaea82f3a53ddbe44")
    }

    @Test func `an override cannot forge the id`() throws {
        let patch = try json(
            #"{"clickTypeInfo":{"parameters":{"messageId":"evil","x":"1"}},"advanceInfo":{"suspend":1}}"#)
        let made = message { $0.override = patch }
        #expect(made?["clickTypeInfo"]?.object?["parameters"]?.text == #"{"messageId":"m-1","x":"1"}"#)
        #expect(made?["advanceInfo"]?.object?["suspend"]?.integer == 1)
    }
}

@Suite struct MeizuReplyTests {
    private func read(_ body: String, status: Int = 200, headers: HTTPHeaders = [:], replies: String = "{}") throws
        -> MeizuReply
    {
        var reader = SettingsReader(try json(#"{"replies":\#(replies)}"#))
        let overrides = ReplyOverrides(&reader, success: "200")
        try reader.finish()
        return MeizuReply(
            OutboundReply(status: status, headers: headers, body: Array(body.utf8)), overrides: overrides,
            now: exampleNow)
    }

    private let one = [push(.meizu, token: "p1")]
    private let three = (1...3).map { push(.meizu, token: "p\($0)") }

    enum Meaning: Sendable { case sent, retry, drop, auth, slow, tomorrow, deviceTomorrow, dead }

    private func expected(_ meaning: Meaning, _ said: VendorReply) -> VendorAnswer {
        let tomorrow = Duration.seconds(17 * 3600 + 46 * 60 + 40)
        return switch meaning {
        case .sent: .sent(vendorID: "NS1")
        case .retry: .retry(said)
        case .drop: .drop(said)
        case .auth: .auth(said)
        case .slow: .slow(said, scope: .credential)
        case .tomorrow: .slow(said, scope: .messageClass, after: tomorrow)
        case .deviceTomorrow: .slow(said, scope: .device, after: tomorrow)
        case .dead: .dead(said)
        }
    }

    /// Every row for the request as a whole.
    @Test(arguments: [
        (200, Meaning.sent), (500, .retry), (1001, .retry), (1003, .retry), (1005, .drop), (110004, .drop),
        (1006, .auth), (110000, .auth), (110001, .auth), (110009, .auth), (110031, .auth), (110032, .auth),
        (110033, .auth), (110010, .slow), (110019, .tomorrow), (110051, .tomorrow), (110053, .tomorrow),
    ])
    func `each code of a request has its meaning`(code: Int, meaning: Meaning) throws {
        for status in [200, 500] {
            for written in ["\(code)", "\"\(code)\""] {
                let read = try read(
                    #"{"code":\#(written),"message":"words","value":"","msgId":"NS1","redirect":""}"#, status: status)
                let said = VendorReply(code: "\(code)", text: "words")
                // A code of success counts with a status of success alone.
                let answer = code == 200 && status == 500 ? .retry(said) : expected(meaning, said)
                #expect(read.answers(for: three) == [answer, answer, answer])
                #expect(read.uncertainCodes.isEmpty)
            }
        }
    }

    /// Every row for one id; and as the code of a request that holds that id alone.
    @Test(arguments: [
        (110002, Meaning.dead), (110003, .dead), (110005, .dead), (110010, .drop), (110011, .deviceTomorrow),
        (501, .retry), (513, .retry), (519, .retry), (520, .sent), (201, .auth),
    ])
    func `each code of an id has its meaning, for that id alone`(code: Int, meaning: Meaning) throws {
        let answer = expected(meaning, VendorReply(code: "\(code)"))
        for ids in [#"["p2"]"#, #""p2""#] {
            let read = try read(#"{"code":"200","message":"","value":{"\#(code)":\#(ids)},"msgId":"NS1"}"#)
            #expect(read.answers(for: three) == [.sent(vendorID: "NS1"), answer, .sent(vendorID: "NS1")])
        }
        guard code != 110010 else { return }
        #expect(try read(#"{"code":"\#(code)","msgId":"NS1"}"#).answers(for: one) == [answer])
    }

    @Test(arguments: [
        (200, VendorAnswer.retry(VendorReply(code: "999"), triesMax: 3)), (401, .auth(VendorReply(code: "999"))),
        (404, .auth(VendorReply(code: "999"))), (413, .drop(VendorReply(code: "999"))),
        (429, .slow(VendorReply(code: "999"), scope: .credential)), (503, .retry(VendorReply(code: "999"))),
    ])
    func `a code that nobody knows leaves it to the status`(status: Int, expected: VendorAnswer) throws {
        let read = try read(#"{"code":999}"#, status: status)
        #expect(read.answers(for: one) == [expected] && read.uncertainCodes == ["999"])
    }

    @Test func `an id's code that nobody knows is that id's alone`() throws {
        let read = try read(#"{"code":"200","value":{"777":["p2"]}}"#)
        #expect(
            read.answers(for: three)
                == [.sent(vendorID: nil), .retry(VendorReply(code: "777"), triesMax: 3), .sent(vendorID: nil)])
        #expect(read.uncertainCodes == ["777"])
    }

    @Test func `ids that are numbers are the same ids`() throws {
        #expect(
            try read(#"{"code":200,"value":{"110002":[12]}}"#).answers(for: [push(.meizu, token: "12")])
                == [.dead(VendorReply(code: "110002"))])
    }

    @Test(arguments: ["", "<html>", "[]", "{}", #"{"code":null}"#])
    func `garbage is no answer`(body: String) throws {
        #expect(try read(body).answers(for: one) == [.unknown(VendorReply(code: "200"))])
        #expect(
            try read(body, status: 502, headers: ["retry-after": "9"]).answers(for: one)
                == [.retry(VendorReply(code: "502"), after: .seconds(9))])
        #expect(
            try read(body, status: 429, headers: ["retry-after": "Tue, 14 Nov 2023 22:15:20 GMT"]).answers(for: one)
                == [.slow(VendorReply(code: "429"), scope: .credential, after: .seconds(120))])
    }

    @Test func `a tenant can say what an open code means`() throws {
        #expect(
            try read(#"{"code":999}"#, replies: #"{"999":"dead"}"#).answers(for: one)
                == [.dead(VendorReply(code: "999"))])
    }
}

/// Against a real HTTP server that is Meizu.
@Suite struct MeizuSenderTests {
    private func withSender<Result>(
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (MeizuSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let server = try await StubServer.start(answering: answering)
        let connections = try connections(timeout: .seconds(5))
        let settings = try MeizuSettings(
            reading: json(#"{"appId":100999,"appSecret":"secret","endpoint":"http://127.0.0.1:\#(server.port)"}"#),
            policy: connections.policy)
        let sender = MeizuSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: HandClock().wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    private func fields(of request: StubServer.Request?) -> [String: String] {
        var parts = URLComponents()
        parts.percentEncodedQuery = String(decoding: request?.body ?? [], as: UTF8.self)
        return Dictionary(
            (parts.queryItems ?? []).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
    }

    @Test func `a batch is one signed form`() async throws {
        try await withSender { _ in
            .answer(200, body: #"{"code":"200","message":"","value":{"110003":["p2"]},"msgId":"NS1","redirect":""}"#)
        } _: { sender, server in
            let batch = (1...2).map { push(.meizu, token: "p\($0)") { $0.title = "a b&c=ü" } }
            #expect(
                await sender.send(batch)
                    == [.sent(vendorID: "NS1"), .dead(VendorReply(code: "110003"))])
            #expect(server.requests.map(\.path) == ["/garcia/api/server/push/varnished/pushByPushId"])
            #expect(server.requests.first?.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            let fields = fields(of: server.requests.first)
            #expect(fields["appId"] == "100999" && fields["pushIds"] == "p1,p2")
            let message = try json(try #require(fields["messageJson"]))
            #expect(message.object?["noticeBarInfo"]?.object?["title"]?.string == "a b&c=ü")
            let signed = ["appId", "messageJson", "pushIds"].map { "\($0)=\(fields[$0] ?? "")" }.joined() + "secret"
            #expect(fields["sign"] == MD5Text.hex(signed) && fields.count == 4)
        }
    }

    @Test func `a token that would be two is not sent`() async throws {
        try await withSender { _ in
            .answer(200, body: #"{"code":"200"}"#)
        } _: { sender, server in
            let batch = ["p1", "p2,p3", "p4"].map { push(.meizu, token: $0) }
            let refused = VendorAnswer.dead(
                VendorReply(code: "illegal_token", text: "The token is no pushId", isLocal: true))
            #expect(await sender.send(batch) == [.sent(vendorID: nil), refused, .sent(vendorID: nil)])
            #expect(fields(of: server.requests.first)["pushIds"] == "p1,p4")
            #expect(await sender.send([batch[1]]) == [refused])
            #expect(await sender.send([]).isEmpty)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `silence is unknown for all`() async throws {
        try await withSender { _ in
            .close
        } _: { sender, _ in
            let unknown = VendorAnswer.unknown(VendorReply(code: "connection_lost"))
            #expect(await sender.send([push(.meizu), push(.meizu)]) == [unknown, unknown])
        }
    }

    @Test func `a check asks for an id that nobody has`() async throws {
        try await withSender { request in
            .answer(200, body: #"{"code":"200","value":{"110003":["\#(MeizuSender.nobody)"]}}"#)
        } _: { sender, server in
            #expect(
                await sender.check(push(.meizu, token: "real"))
                    == .dead(VendorReply(code: "110003")))
            #expect(fields(of: server.requests.first)["pushIds"] == MeizuSender.nobody)
        }
        try await withSender { _ in
            .answer(200, body: #"{"code":"1006","message":"sign error"}"#)
        } _: { sender, _ in
            #expect(await sender.check(push(.meizu)) == .auth(VendorReply(code: "1006", text: "sign error")))
        }
    }
}
