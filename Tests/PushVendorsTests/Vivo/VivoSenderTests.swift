import PushCore
import TestWaiting
import Testing

@testable import PushVendors

/// Against a real HTTP server that is vivo.
@Suite struct VivoSenderTests {
    private func withSender<Result>(
        clock: HandClock = HandClock(), timeout: Int64 = 5000,
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (VivoSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let server = try await StubServer.start(answering: answering)
        let connections = try connections(timeout: .milliseconds(timeout))
        let settings = try VivoSettings(
            reading: json(
                #"{"appId":"10004","appKey":"k","appSecret":"s","endpoint":"http://127.0.0.1:\#(server.port)"}"#),
            policy: connections.policy)
        let sender = VivoSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: clock.wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    private static let auth = "/message/auth"
    private static let save = "/message/saveListPayload"
    private static let list = "/message/pushToList"

    private static func login(_ number: Int) -> StubServer.Reply {
        .answer(200, body: #"{"result":0,"desc":"ok","authToken":"t\#(number)"}"#)
    }

    private static let task = StubServer.Reply.answer(200, body: #"{"result":0,"taskId":"77"}"#)
    private let three = (1...3).map { number in push(.vivo, token: "t\(number)") { $0.deviceID = "d-\(number)" } }

    @Test func `one push is sent by itself`() async throws {
        try await withSender { request in
            request.path == Self.auth ? Self.login(1) : Self.task
        } _: { sender, server in
            #expect(await sender.send([push(.vivo)]) == [.sent(vendorID: "77")])
            #expect(server.requests.map(\.path) == [Self.auth, "/message/send"])
            #expect(server.requests.last?.headers.first(name: "authToken") == "t1")
            #expect(server.requests.last?.json?.object?["regId"]?.string == "abcdef0123456789")
            #expect(await sender.send([]).isEmpty)
        }
    }

    @Test func `several take two steps`() async throws {
        try await withSender { request in
            switch request.path {
            case Self.auth: Self.login(1)
            case Self.save: .answer(200, body: #"{"result":"0","taskId":77}"#)
            default: .answer(200, body: #"{"result":0,"invalidUsers":[{"userid":"t3","status":2}]}"#)
            }
        } _: { sender, server in
            #expect(
                await sender.send(three) == [
                    .sent(vendorID: nil), .sent(vendorID: nil), .dead(VendorReply(code: "invalidUser 2")),
                ])
            #expect(server.requests.map(\.path) == [Self.auth, Self.save, Self.list])
            #expect(server.requests.last?.json?.object?["taskId"]?.integer == 77)
            #expect(server.requests.last?.json?.object?["regIds"]?.text == #"["t1","t2","t3"]"#)
        }
    }

    @Test(arguments: [
        (StubServer.Reply.close, VendorAnswer.retry(VendorReply(code: "connection_lost"))),
        (.answer(200, body: "<html>"), .retry(VendorReply(code: "200"))),
        (.answer(200, body: #"{"result":0}"#), .retry(VendorReply(code: "no_task"), triesMax: 3)),
        (.answer(200, body: #"{"result":10054}"#), .drop(VendorReply(code: "10054"))),
        (.answer(503, body: ""), .retry(VendorReply(code: "503"))),
    ])
    func `what goes wrong before the second step has shown nothing`(reply: StubServer.Reply, expected: VendorAnswer)
        async throws
    {
        try await withSender { request in
            request.path == Self.auth ? Self.login(1) : reply
        } _: { sender, server in
            #expect(await sender.send(three) == [expected, expected, expected])
            #expect(!server.requests.contains { $0.path == Self.list })
        }
    }

    @Test func `silence at the second step is unknown for all`() async throws {
        try await withSender { request in
            switch request.path {
            case Self.auth: Self.login(1)
            case Self.save: Self.task
            default: .close
            }
        } _: { sender, _ in
            let unknown = VendorAnswer.unknown(VendorReply(code: "connection_lost"))
            #expect(await sender.send(three) == [unknown, unknown, unknown])
        }
    }

    @Test func `both steps together have one time limit`() async throws {
        let start = ContinuousClock.now
        try await withSender(timeout: 2000) { request in
            switch request.path {
            case Self.auth: return Self.login(1)
            case Self.save:
                // A slow first step is what is tried here.
                try? await eventually("most of the time is over") { ContinuousClock.now - start > .milliseconds(1600) }
                return Self.task
            default: return .silence
            }
        } _: { sender, _ in
            _ = await sender.send(three)
            // Another limit for the second step would end at 3.6 s.
            #expect(ContinuousClock.now - start < .milliseconds(3400))
        }
    }

    @Test func `a token that has ended is renewed once, in the middle of a list too`() async throws {
        let logins = Counter()
        try await withSender { request in
            switch (request.path, request.headers.first(name: "authToken")) {
            case (Self.auth, _): Self.login(logins.next())
            case (Self.list, "t1"): .answer(200, body: #"{"result":10000,"desc":"auth"}"#)
            default: Self.task
            }
        } _: { sender, server in
            #expect(await sender.send(three) == Array(repeating: .sent(vendorID: "77"), count: 3))
            #expect(server.requests.map(\.path) == [Self.auth, Self.save, Self.list, Self.auth, Self.list])
        }
        try await withSender { request in
            request.path == Self.auth ? Self.login(1) : .answer(200, body: #"{"result":10000}"#)
        } _: { sender, server in
            #expect(await sender.send([push(.vivo)]) == [.auth(VendorReply(code: "10000"))])
            #expect(server.requests.count == 4)
        }
    }

    @Test func `the token is renewed within two hours`() async throws {
        let clock = HandClock()
        let logins = Counter()
        try await withSender(clock: clock) { request in
            request.path == Self.auth ? Self.login(logins.next()) : Self.task
        } _: { sender, _ in
            _ = await sender.send([push(.vivo)])
            clock.advance(minutes: 114)
            _ = await sender.send([push(.vivo)])
            #expect(logins.value == 1)
            clock.advance(minutes: 1)
            _ = await sender.send([push(.vivo)])
            #expect(logins.value == 2)
        }
    }

    @Test(arguments: [
        (
            #"{"result":10093,"desc":"too many"}"#, 200,
            VendorAnswer.slow(VendorReply(code: "10093", text: "too many"), scope: .credential, after: .seconds(1))
        ),
        (#"{"result":10040}"#, 200, .retry(VendorReply(code: "10040"))),
        (#"{"result":10000}"#, 200, .auth(VendorReply(code: "10000"))),
        (#"{"result":10250}"#, 200, .auth(VendorReply(code: "10250"))),
        (#"{"result":0}"#, 200, .retry(VendorReply(code: "login_answer"))),
        ("<html>", 200, .retry(VendorReply(code: "login_answer"))), ("", 502, .retry(VendorReply(code: "502"))),
        ("", 404, .auth(VendorReply(code: "404"))),
    ])
    func `a login that fails answers for the push`(body: String, status: Int, expected: VendorAnswer) async throws {
        try await withSender { _ in
            .answer(status, body: body)
        } _: { sender, server in
            #expect(await sender.send([push(.vivo)]) == [expected])
            #expect(await sender.check(push(.vivo)) == expected)
            #expect(server.requests.allSatisfy { $0.path == Self.auth })
        }
    }

    @Test func `a check logs in and sends nothing`() async throws {
        try await withSender { _ in
            Self.login(1)
        } _: { sender, server in
            #expect(await sender.check(push(.vivo)) == .sent(vendorID: nil))
            #expect(server.requests.map(\.path) == [Self.auth])
        }
    }

    @Test func `a list that is refused for a token that is not named is divided until it is found`() async throws {
        try await withSender { request in
            if request.path == Self.auth { return Self.login(1) }
            return request.body.utf8Text.contains("\"t3\"")
                ? .answer(200, body: #"{"result":10302,"desc":"words"}"#) : Self.task
        } _: { sender, _ in
            let batch = (1...8).map { number in push(.vivo, token: "t\(number)") { $0.deviceID = "d-\(number)" } }
            let answers: [VendorAnswer] = await sender.send(batch)
            for (index, answer) in answers.enumerated() {
                let said = VendorReply(code: "10302", text: "words")
                #expect(
                    answer == (index == 2 ? .dead(said, mayBeMisconfiguration: true) : .sent(vendorID: "77")),
                    "t\(index + 1)")
            }
            #expect(answers.count == 8)
        }
    }
}
