import PushCore
import Testing

@testable import PushVendors

@Suite struct HuaweiSenderTests {
    private static let settings = #"{"projectId":"p1","clientId":"c1","clientSecret":"s 1"}"#
    private static let accepted = StubServer.Reply.answer(
        200, body: #"{"code":"80000000","msg":"Success","requestId":"r1"}"#)

    private static func isLogin(_ request: StubServer.Request) -> Bool { request.path == "/oauth2/v3/token" }

    @Test func `a batch is one request, after one login`() async throws {
        try await withVendor(.huawei, Self.settings) { request in
            if Self.isLogin(request) { return oauthLogin(1) }
            return .answer(
                200,
                body:
                    #"{"code":"80100000","msg":"{\"success\":2,\"failure\":1,\"illegal_tokens\":[\"token-b\"]}","requestId":"r1"}"#
            )
        } _: { sender, server in
            #expect(sender.batchForm == .sameContent(max: 1000))
            let answers: [VendorAnswer] = await sender.send(
                ["a", "b", "c"].map { push(.huawei, token: "token-" + $0) })
            let words = VendorReply(code: "80100000", text: #"{"success":2,"failure":1}"#)
            #expect(answers == [.sent(vendorID: "r1"), .dead(words), .sent(vendorID: "r1")])
            #expect(server.requests.map(\.path) == ["/oauth2/v3/token", "/v2/p1/messages:send"])
            let login = try #require(server.requests.first)
            #expect(
                login.body.utf8Text == "grant_type=client_credentials&client_id=c1&client_secret=s%201")
            #expect(login.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            let send = try #require(server.requests.last)
            #expect(send.headers.first(name: "authorization") == "Bearer t1")
            #expect(send.headers.first(name: "content-type") == "application/json;charset=UTF-8")
            #expect(send.json?.value(at: ["message", "token"])?.text == #"["token-a","token-b","token-c"]"#)
        }
    }

    @Test func `with an app id alone it is version 1`() async throws {
        try await withVendor(.huawei, #"{"appId":"104","clientSecret":"s"}"#) { request in
            Self.isLogin(request) ? oauthLogin(1) : Self.accepted
        } _: { sender, server in
            #expect(await sender.send(push(.huawei)) == .sent(vendorID: "r1"))
            #expect(server.requests.first?.form["client_id"] == "104")
            #expect(server.requests.last?.path == "/v1/104/messages:send")
        }
    }

    @Test(arguments: [(401, "{}"), (200, #"{"code":"80200003","msg":"expired"}"#)])
    func `an ended access token is renewed once, also under load`(status: Int, body: String) async throws {
        let logins = Counter()
        try await withVendor(.huawei, Self.settings) { request in
            if Self.isLogin(request) { return oauthLogin(logins.next()) }
            return request.headers.first(name: "authorization") == "Bearer t2"
                ? Self.accepted : .answer(status, body: body)
        } _: { sender, _ in
            let sent = await withTaskGroup(of: VendorAnswer.self) { group in
                for _ in 0..<50 { group.addTask { await sender.send(push(.huawei)) } }
                return await group.reduce(into: 0) { $0 += $1 == .sent(vendorID: "r1") ? 1 : 0 }
            }
            #expect(sent == 50)
            #expect(logins.value == 2)
        }
    }

    @Test func `an access token that is refused again stops the credential`() async throws {
        let logins = Counter()
        try await withVendor(.huawei, Self.settings) { request in
            Self.isLogin(request)
                ? oauthLogin(logins.next()) : .answer(200, body: #"{"code":"80200001","msg":"words"}"#)
        } _: { sender, _ in
            #expect(await sender.send(push(.huawei)) == .auth(VendorReply(code: "80200001", text: "words")))
            #expect(logins.value == 2)
        }
    }

    @Test func `the access token is renewed five minutes early`() async throws {
        let clock = HandClock()
        let logins = Counter()
        try await withVendor(.huawei, Self.settings, clock: clock) { request in
            Self.isLogin(request) ? oauthLogin(logins.next()) : Self.accepted
        } _: { sender, _ in
            _ = await sender.send(push(.huawei))
            clock.advance(minutes: 54)
            _ = await sender.send(push(.huawei))
            #expect(logins.value == 1)
            clock.advance(minutes: 2)
            _ = await sender.send(push(.huawei))
            #expect(logins.value == 2)
        }
    }

    @Test func `a check delivers nothing`() async throws {
        try await withVendor(.huawei, Self.settings) { request in
            Self.isLogin(request) ? oauthLogin(1) : Self.accepted
        } _: { sender, server in
            #expect(await sender.check(push(.huawei)) == .sent(vendorID: "r1"))
            #expect(server.requests.last?.json?.object?["validate_only"]?.bool == true)
        }
    }

    @Test func `what was written and not answered is unknown`() async throws {
        try await withVendor(.huawei, Self.settings) { request in
            Self.isLogin(request) ? oauthLogin(1) : .close
        } _: { sender, _ in
            let answers: [VendorAnswer] = await sender.send([push(.huawei), push(.huawei, token: "b")])
            #expect(answers.count == 2)
            for answer in answers { #expect(answer == .unknown(VendorReply(code: "connection_lost"))) }
        }
    }

    @Test func `a login that is refused stops the credential and names no push`() async throws {
        try await withVendor(.huawei, Self.settings) { _ in
            .answer(400, body: #"{"error":1101,"error_description":"invalid client","sub_error":20042}"#)
        } _: { sender, server in
            #expect(await sender.send(push(.huawei)) == .auth(VendorReply(code: "1101", text: "invalid client")))
            #expect(server.requests.allSatisfy(Self.isLogin))
        }
    }
}
