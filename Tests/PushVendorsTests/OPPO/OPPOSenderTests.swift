import Crypto
import Foundation
import PushCore
import Testing

@testable import PushVendors

@Suite struct OPPOSenderTests {
    private static let settings = #"{"appKey":"key1","masterSecret":"master1"}"#

    private static func isLogin(_ request: StubServer.Request) -> Bool { request.path == "/server/v1/auth" }

    private static func login(_ number: Int) -> StubServer.Reply {
        .answer(200, body: #"{"code":0,"message":"Success","data":{"auth_token":"t\#(number)","create_time":1}}"#)
    }

    private static let accepted = StubServer.Reply.answer(200, body: #"{"code":0,"data":{"messageId":"o1"}}"#)

    /// Accepts what it gets, with the last character of a token as the message's id.
    private static func acceptedEach(_ request: StubServer.Request) -> StubServer.Reply {
        guard let list = try? json(request.form["messages"] ?? "").array else { return accepted }
        let items = list.compactMap { $0.object?["target_value"]?.string }.map {
            #"{"messageId":"o\#($0.suffix(1))","registrationId":"\#($0)"}"#
        }
        return .answer(200, body: #"{"code":0,"data":[\#(items.joined(separator: ","))]}"#)
    }

    @Test func `one push is a unicast, after a signed login`() async throws {
        try await withVendor(.oppo, Self.settings, publicURL: "https://push.example.com") { request in
            Self.isLogin(request) ? Self.login(1) : Self.accepted
        } _: { sender, server in
            #expect(sender.batchForm == .anyContent(max: 1000) && !sender.canSendSilently)
            #expect(await sender.send(push(.oppo)) == .sent(vendorID: "o1"))
            let login = try #require(server.requests.first)
            let digest = SHA256.hash(data: Data("key1\(exampleNow)master1".utf8))
            let sign = digest.map { String(format: "%02x", $0) }.joined()
            #expect(login.body.utf8Text == "app_key=key1&timestamp=\(exampleNow)&sign=\(sign)")
            let send = try #require(server.requests.last)
            #expect(send.path == "/server/v1/message/notification/unicast")
            #expect(send.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            #expect(send.form["auth_token"] == "t1")
            let message = try json(send.form["message"] ?? "")
            #expect(message.value(at: ["target_value"])?.string == "abcdef0123456789")
            let url = message.value(at: ["notification", "call_back_url"])?.string
            #expect(url?.hasPrefix("https://push.example.com/v1/receipts/oppo/acme/") == true)
        }
    }

    @Test func `more are a batch, each answered for itself`() async throws {
        try await withVendor(.oppo, Self.settings) { request in
            Self.isLogin(request) ? Self.login(1) : Self.acceptedEach(request)
        } _: { sender, server in
            var batch = ["OPPO_CN_1", "US_2", "silent", "a;b", "3"].map { push(.oppo, token: $0) }
            batch[2].isSilent = true
            batch[4].messageID = "m-other"
            let answers: [VendorAnswer] = await sender.send(batch)
            #expect(
                answers == [
                    .sent(vendorID: "o1"), .sent(vendorID: "o2"),
                    .drop(VendorReply(code: "background", text: "OPPO shows every push", isLocal: true)),
                    .dead(VendorReply(code: "illegal_token", isLocal: true)), .sent(vendorID: "o3"),
                ])
            #expect(server.requests.map(\.path).last == "/server/v1/message/notification/unicast_batch")
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: [
        ("abc", true), ("CN_abc", true), ("OPPO_CN_abc", true), ("IN_abc", false), ("OPPO_IN_abc", false),
        ("CNX_a", false),
    ])
    func `an id tells its region`(token: String, isInChina: Bool) {
        #expect(OPPOSender.isInChina(token) == isInChina)
    }

    @Test func `a batch refused for one message is divided until it is found`() async throws {
        try await withVendor(.oppo, Self.settings) { request in
            if Self.isLogin(request) { return Self.login(1) }
            let text = (request.form["message"] ?? "") + (request.form["messages"] ?? "")
            return text.contains("bad")
                ? .answer(200, body: #"{"code":41,"message":"words"}"#) : Self.acceptedEach(request)
        } _: { sender, _ in
            let batch = (0..<8).map { index in
                push(.oppo, token: "tok\(index)") { $0.title = index == 3 ? "bad" : "good" }
            }
            let answers: [VendorAnswer] = await sender.send(batch)
            for (index, answer) in answers.enumerated() {
                if index == 3 {
                    #expect(answer == .drop(VendorReply(code: "41", text: "words")))
                } else if case .sent = answer {
                    continue
                } else {
                    Issue.record("\(index) was \(answer)")
                }
            }
            #expect(answers.count == 8)
        }
    }

    @Test func `an ended access token is renewed once, also under load`() async throws {
        let logins = Counter()
        try await withVendor(.oppo, Self.settings) { request in
            if Self.isLogin(request) { return Self.login(logins.next()) }
            return request.form["auth_token"] == "t2" ? Self.accepted : .answer(200, body: #"{"code":11}"#)
        } _: { sender, _ in
            let sent = await withTaskGroup(of: VendorAnswer.self) { group in
                for _ in 0..<50 { group.addTask { await sender.send(push(.oppo)) } }
                return await group.reduce(into: 0) { $0 += $1 == .sent(vendorID: "o1") ? 1 : 0 }
            }
            #expect(sent == 50)
            #expect(logins.value == 2)
        }
    }

    @Test func `the access token is renewed every hour`() async throws {
        let clock = HandClock()
        let logins = Counter()
        try await withVendor(.oppo, Self.settings, clock: clock) { request in
            Self.isLogin(request) ? Self.login(logins.next()) : Self.accepted
        } _: { sender, _ in
            _ = await sender.send(push(.oppo))
            clock.advance(minutes: 54)
            _ = await sender.send(push(.oppo))
            #expect(logins.value == 1)
            clock.advance(minutes: 2)
            _ = await sender.send(push(.oppo))
            #expect(logins.value == 2)
        }
    }

    @Test(arguments: [
        (200, #"{"code":16,"message":"words"}"#, VendorAnswer.auth(VendorReply(code: "16", text: "words"))),
        (200, #"{"code":-1,"message":"words"}"#, .retry(VendorReply(code: "-1", text: "words"))),
        (200, #"{"code":13,"message":"words"}"#, .slow(VendorReply(code: "13", text: "words"), scope: .credential)),
        (200, #"{"code":41,"message":"words"}"#, .auth(VendorReply(code: "41", text: "words"))),
        (200, #"{"code":0,"data":{}}"#, .retry(VendorReply(code: "login_answer"))),
        (200, "<html>", .retry(VendorReply(code: "200"))), (503, "", .retry(VendorReply(code: "503"))),
    ])
    func `a login that fails answers for the push, and a check says so`(
        status: Int, body: String, expected: VendorAnswer
    ) async throws {
        try await withVendor(.oppo, Self.settings) { _ in
            .answer(status, body: body)
        } _: { sender, server in
            #expect(await sender.send(push(.oppo)) == expected)
            #expect(await sender.check(push(.oppo)) == expected)
            #expect(server.requests.allSatisfy(Self.isLogin))
        }
    }

    @Test func `a refused level drops a push, and again and again stops the credential`() async throws {
        let sends = Counter()
        try await withVendor(.oppo, Self.settings) { request in
            if Self.isLogin(request) { return Self.login(1) }
            return sends.next() == 3 ? Self.accepted : .answer(200, body: #"{"code":67,"message":"words"}"#)
        } _: { sender, _ in
            let words = VendorReply(code: "67", text: "words")
            for expected in [
                VendorAnswer.drop(words), .drop(words), .sent(vendorID: "o1"), .drop(words), .drop(words), .drop(words),
                .auth(words),
            ] {
                #expect(await sender.send(push(.oppo)) == expected)
            }
        }
    }

    @Test func `a check logs in and sends nothing`() async throws {
        try await withVendor(.oppo, Self.settings) { _ in
            Self.login(1)
        } _: { sender, server in
            #expect(await sender.check(push(.oppo)) == .sent(vendorID: nil))
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a level that the settings ask for and may not is one answer for a whole batch`() async throws {
        try await withVendor(.oppo, Self.settings) { request in
            Self.isLogin(request) ? Self.login(1) : .answer(200, body: #"{"code":67,"message":"words"}"#)
        } _: { sender, server in
            let batch = (0..<64).map { push(.oppo, token: "tok\($0)") }
            let said = VendorReply(code: "67", text: "words")
            let answers: [VendorAnswer] = await sender.send(batch)
            #expect(answers == Array(repeating: .auth(said), count: 64))
            #expect(server.requests.count == 2)
        }
    }

    @Test func `a level that one sender asks for and may not is that push's alone`() async throws {
        try await withVendor(.oppo, Self.settings) { request in
            if Self.isLogin(request) { return Self.login(1) }
            let text = (request.form["message"] ?? "") + (request.form["messages"] ?? "")
            return text.contains("BAD") ? .answer(200, body: #"{"code":67}"#) : Self.acceptedEach(request)
        } _: { sender, _ in
            let batch = (0..<8).map { index in
                push(.oppo, token: "tok\(index)") { $0.category = index == 5 ? "BAD" : nil }
            }
            let answers: [VendorAnswer] = await sender.send(batch)
            for (index, answer) in answers.enumerated() where index != 5 {
                guard case .sent = answer else {
                    Issue.record("\(index) was \(answer)")
                    continue
                }
            }
            #expect(answers.count == 8 && answers[5] == .drop(VendorReply(code: "67")))
        }
    }
}
