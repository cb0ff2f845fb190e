import PushCore
import Testing

@testable import PushVendors

/// Against a real HTTP/2 server over TLS.
@Suite struct APNsSenderTests {
    private func withSender<Result>(
        clock: HandClock = HandClock(),
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (APNsSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let certificates = try TestCertificates(host: "localhost", protocols: ["h2"])
        defer { certificates.remove() }
        let server = try await StubServer.start(certificates.transport(isHTTP2: true), answering: answering)
        let connections = try connections(caFile: certificates.caFile, timeout: .seconds(5))
        let settings = try APNsSettings(
            reading: apnsSettings(endpoint: "https://localhost:\(server.port)"), policy: connections.policy)
        let sender = APNsSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: clock.wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    @Test func `a push goes out over one connection with a bearer token`() async throws {
        try await withSender { request in
            .answer(200, headers: ["apns-id": request.headers.first(name: "apns-id") ?? ""])
        } _: { sender, server in
            let answers = await withTaskGroup(of: VendorAnswer.self) { group in
                for index in 0..<50 { group.addTask { await sender.send(push(.apns) { $0.messageID = "m\(index)" }) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count == 50)
            #expect(answers.allSatisfy { if case .sent(.some) = $0 { true } else { false } })
            #expect(Set(server.requests.compactMap { $0.json?.object?["messageId"]?.string }).count == 50)
            #expect(Set(server.requests.compactMap { $0.headers.first(name: "authorization") }).count == 1)
            #expect(
                server.requests.allSatisfy { $0.headers.first(name: "authorization")?.hasPrefix("bearer ") == true })
            #expect(server.connectionCount == 1)
        }
    }

    @Test func `an expired provider token is replaced and the request repeated once`() async throws {
        let calls = Counter()
        try await withSender { _ in
            calls.next() == 1 ? .answer(403, body: #"{"reason":"ExpiredProviderToken"}"#) : .answer(200)
        } _: { sender, server in
            #expect(await sender.send(push(.apns)) == .sent(vendorID: nil))
            #expect(Set(server.requests.map { $0.headers.first(name: "authorization") }).count == 2)
            #expect(Set(server.requests.map { $0.headers.first(name: "apns-id") }).count == 1)
            #expect(server.connectionCount == 2)
        }
    }

    @Test func `a second expiry stops the credential and makes no third token`() async throws {
        try await withSender { _ in
            .answer(403, body: #"{"reason":"ExpiredProviderToken"}"#)
        } _: { sender, server in
            let expected = VendorAnswer.auth(VendorReply(code: "ExpiredProviderToken"))
            #expect(await sender.send(push(.apns)) == expected)
            #expect(server.requests.count == 2)
            #expect(await sender.send(push(.apns)) == expected)
            #expect(server.requests.count == 3)
        }
    }

    @Test func `a token too many is kept, and the credential rests`() async throws {
        try await withSender { _ in
            .answer(429, body: #"{"reason":"TooManyProviderTokenUpdates"}"#)
        } _: { sender, server in
            let expected = VendorAnswer.auth(VendorReply(code: "TooManyProviderTokenUpdates"))
            #expect(await sender.send(push(.apns)) == expected)
            #expect(await sender.send(push(.apns)) == expected)
            #expect(server.requests.count == 2)
            #expect(Set(server.requests.map { $0.headers.first(name: "authorization") }).count == 1)
        }
    }

    @Test func `a new token that was one too many gives way to the one before it, at once`() async throws {
        let (calls, clock) = (Counter(), HandClock())
        try await withSender(clock: clock) { _ in
            calls.next() == 2 ? .answer(429, body: #"{"reason":"TooManyProviderTokenUpdates"}"#) : .answer(200)
        } _: { sender, server in
            #expect(await sender.send(push(.apns)) == .sent(vendorID: nil))
            clock.advance(minutes: 50)
            #expect(await sender.send(push(.apns)) == .sent(vendorID: nil))
            let tokens = server.requests.compactMap { $0.headers.first(name: "authorization") }
            #expect(tokens.count == 3 && tokens.first == tokens.last && Set(tokens).count == 2)
        }
    }

    @Test func `a call is not rung twice`() async throws {
        try await withSender { _ in
            .answer(200)
        } _: { sender, _ in
            #expect(!sender.repeatReplaces(push(.apns, kind: .voip)))
            #expect(sender.repeatReplaces(push(.apns)))
        }
    }

    @Test func `a refused stream was not looked at`() async throws {
        try await withSender { _ in
            .refuseStream
        } _: { sender, _ in
            #expect(await sender.send(push(.apns)) == .retry(VendorReply(code: "refused_stream")))
        }
    }

    @Test func `a check calls with a token that cannot exist`() async throws {
        try await withSender { _ in
            .answer(400, body: #"{"reason":"BadDeviceToken"}"#)
        } _: { sender, server in
            #expect(await sender.check(push(.apns)) == .sent(vendorID: nil))
            #expect(server.requests.map(\.path) == ["/3/device/" + String(repeating: "0", count: 64)])
        }
    }

    @Test(arguments: [
        ("production", "production", "production"), ("production", "sandbox", "sandbox"),
        ("sandbox", "production", "sandbox"), ("sandbox", "sandbox", "sandbox"),
    ])
    func `a check asks where the settings say, or the token`(settings: String, token: String, expected: String)
        async throws
    {
        let connections = try connections()
        let read = try APNsSettings(
            reading: apnsSettings { $0.member("environment", settings) }, policy: connections.policy)
        let sender = APNsSender(
            settings: read,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: .system, connections: connections))
        let environment = try #require(PushToken.Environment(rawValue: token))
        let probe = sender.probeToken(for: PushToken(vendor: .apns, token: "a", environment: environment))
        #expect(probe.environment.rawValue == expected)
        await sender.shutdown()
    }

    @Test(arguments: ["IdleTimeout", "ServiceUnavailable", "Shutdown"])
    func `a connection that Apple ends is left, once however many answers say so`(reason: String) async throws {
        let calls = Counter()
        try await withSender { _ in
            calls.next() <= 20 ? .answer(503, body: #"{"reason":"\#(reason)"}"#) : .answer(200)
        } _: { sender, server in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = await sender.send(push(.apns)) } }
            }
            let before = server.connectionCount
            #expect(await sender.send(push(.apns)) == .sent(vendorID: nil))
            #expect(server.connectionCount == before + 1)
            #expect(await sender.send(push(.apns)) == .sent(vendorID: nil))
            #expect(server.connectionCount == before + 1)
        }
    }

    @Test func `another fault leaves the connection`() async throws {
        try await withSender { _ in
            .answer(500, body: #"{"reason":"InternalServerError"}"#)
        } _: { sender, server in
            for _ in 0..<3 { _ = await sender.send(push(.apns)) }
            #expect(server.connectionCount == 1)
        }
    }
}
