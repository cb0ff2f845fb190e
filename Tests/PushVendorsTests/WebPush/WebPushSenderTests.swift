import Crypto
import JWTKit
import Logging
import PushCore
import PushCredentials
import Synchronization
import Testing

@testable import PushVendors

/// Against a real HTTP server that is a push service.
@Suite struct WebPushSenderTests {
    private struct Claims: JWTPayload {
        let aud: String
        let exp: Int64
        let sub: String
        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private let key = P256.Signing.PrivateKey()
    private let device = WebPushDevice()

    private func settings(endpoint: String? = nil) -> RawJSON {
        .object { writer in
            writer.member("subject", "mailto:push@example.com")
            writer.member("privateKey", Base64URL.encode(key.rawRepresentation))
            writer.member("endpoint", ifPresent: endpoint)
        }
    }

    /// The settings' endpoint is the server itself.
    private let loopback: @Sendable (Int) -> String = { "http://127.0.0.1:\($0)" }

    private func withSender<Result>(
        clock: HandClock = HandClock(), allowsPrivate: Bool = true, endpoint: (@Sendable (Int) -> String)? = nil,
        answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
        _ body: (WebPushSender, StubServer) async throws -> Result
    ) async throws -> Result {
        let server = try await StubServer.start(answering: answering)
        let connections = try connections(allowsPrivate: allowsPrivate, timeout: .seconds(5))
        let settings = try WebPushSettings(
            reading: settings(endpoint: endpoint?(server.port)), policy: connections.policy)
        let sender = WebPushSender(
            settings: settings,
            surroundings: SenderSurroundings(tenantNo: "acme", clock: clock.wall, connections: connections))
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
        await sender.shutdown()
        await server.stop()
        return try result.get()
    }

    private func message(to server: StubServer, path: String = "/p/1") -> VendorPush {
        push(.webpush, token: device.subscription("http://127.0.0.1:\(server.port)\(path)"))
    }

    @Test func `the device can read the push and the service can check who sent it`() async throws {
        try await withSender { _ in
            .answer(201, headers: ["location": "/m/1"])
        } _: { sender, server in
            #expect(await sender.send(message(to: server, path: "/p/1?q=2")) == .sent(vendorID: "/m/1"))
            let request = try #require(server.requests.first)
            #expect(request.path == "/p/1?q=2")
            #expect(request.headers.first(name: "content-length") == "\(request.body.count)")
            #expect(
                try String(decoding: device.decrypt(request.body), as: UTF8.self)
                    == #"{"messageId":"m-1","title":"Title","body":"Body","tag":"m-1","data":{}}"#)
            let authorization = try #require(request.headers.first(name: "authorization"))
            let parts = authorization.dropFirst("vapid t=".count).split(separator: ",")
            #expect(authorization.hasPrefix("vapid t=") && parts.count == 2)
            #expect(parts.last.map(String.init) == " k=" + Base64URL.encode(key.publicKey.x963Representation))
            let keys = JWTKeyCollection()
            await keys.add(ecdsa: try ES256PublicKey(pem: key.publicKey.pemRepresentation))
            let claims = try await keys.verify(String(parts[0]), as: Claims.self)
            #expect(claims.aud == "http://127.0.0.1:\(server.port)")
            #expect(claims.sub == "mailto:push@example.com")
            #expect(claims.exp == exampleNow / 1000 + 43_200)
        }
    }

    @Test func `salt and key are new for each push, the VAPID token is not`() async throws {
        let clock = HandClock()
        try await withSender(clock: clock) { _ in
            .answer(200)
        } _: { sender, server in
            _ = await sender.send(message(to: server))
            clock.advance(minutes: 359)
            _ = await sender.send(message(to: server))
            clock.advance(minutes: 1)
            _ = await sender.send(message(to: server))
            let requests = server.requests
            #expect(Set(requests.map { Array($0.body.prefix(16)) }).count == 3)
            #expect(Set(requests.map { Array($0.body[21..<86]) }).count == 3)
            let tokens = requests.compactMap { $0.headers.first(name: "authorization") }
            #expect(tokens.count == 3 && tokens[0] == tokens[1] && tokens[1] != tokens[2])
        }
    }

    /// To a browser maker's service: with an `endpoint` every call goes there.
    private func known(_ path: String) -> VendorPush {
        push(.webpush, token: device.subscription("https://8.8.8.8\(path)"))
    }

    @Test func `a VAPID token is renewed once, and a few known subscriptions must be refused to blame the key`()
        async throws
    {
        let clock = HandClock()
        try await withSender(clock: clock, endpoint: loopback) { _ in
            .answer(401, body: #"{"errno":109}"#)
        } _: { sender, server in
            let said = VendorReply(code: "109", text: #"{"errno":109}"#)
            let putOff = VendorAnswer.slow(said, scope: .device)
            // The same one again and again is one.
            for _ in 0..<4 { #expect(await sender.send(known("/p/1")) == putOff) }
            let tokens = server.requests.compactMap { $0.headers.first(name: "authorization") }
            #expect(server.requests.count == 8 && Set(tokens.prefix(2)).count == 2)
            #expect(await sender.send(known("/p/2")) == putOff)
            #expect(await sender.send(known("/p/3")) == .auth(said))
            #expect(await sender.send(known("/p/1")) == .auth(said))
            clock.advance(minutes: 10)
            #expect(await sender.send(known("/p/4")) == putOff)
        }
    }

    @Test func `a host that a device named never blames the key, and takes nothing that proves it`() async throws {
        try await withSender { _ in
            .answer(403)
        } _: { sender, server in
            for number in 1...6 {
                #expect(
                    await sender.send(message(to: server, path: "/p/\(number)"))
                        == .slow(VendorReply(code: "403"), scope: .device))
            }
        }
        try await withSender(endpoint: loopback) { _ in
            .answer(401)
        } _: { sender, server in
            let other = try await StubServer.start { _ in .answer(201) }
            for number in 1...3 {
                let own = push(.webpush, token: device.subscription("http://127.0.0.1:\(other.port)/\(number)"))
                #expect(await sender.send(own) == .sent(vendorID: nil))
                let answer: VendorAnswer = await sender.send(known("/p/\(number)"))
                let said = VendorReply(code: "401")
                #expect(answer == (number < 3 ? .slow(said, scope: .device) : .auth(said)))
            }
            await other.stop()
        }
    }

    @Test func `what one known service takes keeps the key good for the others`() async throws {
        try await withSender(endpoint: loopback) { request in
            .answer(request.path.hasPrefix("/bad") ? 403 : 201)
        } _: { sender, server in
            #expect(await sender.send(known("/p")) == .sent(vendorID: nil))
            for number in 1...5 {
                let other = push(.webpush, token: device.subscription("https://9.9.9.9/bad/\(number)"))
                #expect(await sender.send(other) == .slow(VendorReply(code: "403"), scope: .device))
            }
        }
    }

    @Test func `a host that a device named is put off for that device, longer each time`() async throws {
        let clock = HandClock()
        try await withSender(clock: clock) { _ in
            .answer(503)
        } _: { sender, server in
            let said = VendorReply(code: "503")
            var waits: [Duration?] = []
            for number in 1...4 {
                guard case .slow(let reply, .device, let after) = await sender.send(message(to: server)) else {
                    Issue.record("\(number) was a fault of the credential")
                    return
                }
                #expect(reply == said)
                waits.append(after)
                clock.advance(minutes: 1)
            }
            #expect(waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
            // From the third on the whole host is left alone.
            _ = await sender.send(message(to: server, path: "/p/5"))
            let count = server.requests.count
            _ = await sender.send(message(to: server, path: "/p/6"))
            #expect(server.requests.count == count)
        }
    }

    @Test func `hosts of browser makers`() {
        for host in [
            "fcm.googleapis.com", "web.push.apple.com", "updates.push.services.mozilla.com", "db5p.notify.windows.com",
        ] {
            #expect(WebPushSender.isBrowserMakers(host))
        }
        for host in [
            "fcm.googleapis.com.example.com", "evilnotify.windows.com", "push.example.net", "x.web.push.apple.com.a",
        ] {
            #expect(!WebPushSender.isBrowserMakers(host))
        }
    }

    @Test func `a renewed VAPID token that is taken is the end of it`() async throws {
        let first = Mutex<String?>(nil)
        try await withSender { request in
            let token = request.headers.first(name: "authorization")
            let isFirst = first.withLock { known in
                if known == nil { known = token }
                return known == token
            }
            return .answer(isFirst ? 403 : 201)
        } _: { sender, server in
            #expect(await sender.send(message(to: server)) == .sent(vendorID: nil))
            #expect(await sender.send(message(to: server)) == .sent(vendorID: nil))
            #expect(server.requests.count == 3)
        }
    }

    @Test func `a subscription that is refused while others are taken was made with another key`() async throws {
        let clock = HandClock()
        try await withSender(clock: clock) { request in
            .answer(request.path == "/bad" ? 403 : 201)
        } _: { sender, server in
            let said = VendorReply(code: "403")
            let putOff = VendorAnswer.slow(said, scope: .device)
            #expect(await sender.send(message(to: server, path: "/bad")) == putOff)
            #expect(await sender.send(message(to: server)) == .sent(vendorID: nil))
            #expect(await sender.send(message(to: server, path: "/bad")) == .dead(said))
            clock.advance(minutes: 10)
            #expect(await sender.send(message(to: server, path: "/bad")) == putOff)
        }
    }

    @Test func `a service that asks for a pause is left alone, for ten minutes at most`() async throws {
        let clock = HandClock()
        let calls = Counter()
        try await withSender(clock: clock) { _ in
            calls.next() == 1 ? .answer(429, headers: ["retry-after": "3600"]) : .answer(201)
        } _: { sender, server in
            #expect(
                await sender.send(message(to: server))
                    == .slow(VendorReply(code: "429"), scope: .device, after: .seconds(3600)))
            let said = VendorReply(code: "429", text: "The push service asked for a pause", isLocal: true)
            #expect(
                await sender.send(message(to: server, path: "/p/2"))
                    == .slow(said, scope: .device, after: .seconds(600)))
            #expect(server.requests.count == 1)
            clock.advance(minutes: 10)
            #expect(await sender.send(message(to: server, path: "/p/2")) == .sent(vendorID: nil))
        }
    }

    @Test func `a token that is no subscription or leads inside is the token's fault`() async throws {
        try await withSender(allowsPrivate: false) { _ in
            .answer(201)
        } _: { sender, server in
            #expect(
                await sender.send(push(.webpush, token: "abc"))
                    == .dead(
                        VendorReply(code: "illegal_token", text: "The token is no PushSubscription", isLocal: true)))
            for url in [
                "http://127.0.0.1:\(server.port)/", "https://127.0.0.1:\(server.port)/", "https://[::1]/",
                "https://localhost/", "http://push.example.net/",
            ] {
                let answer: VendorAnswer = await sender.send(push(.webpush, token: device.subscription(url)))
                guard case .drop(let said) = answer else {
                    Issue.record("\(url): \(answer)")
                    continue
                }
                #expect(said.code == "vendor_refused" && said.isLocal)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `plain http is for private addresses alone, also where those are allowed`() async throws {
        try await withSender { _ in
            .answer(201)
        } _: { sender, _ in
            let token = device.subscription("http://8.8.8.8/p")
            #expect(
                await sender.send(push(.webpush, token: token))
                    == .dead(
                        VendorReply(code: "illegal_token", text: "The token's URL must be an https URL", isLocal: true))
            )
        }
    }

    @Test func `with an endpoint every call goes there, for the subscription's own origin`() async throws {
        try await withSender(endpoint: loopback) { _ in
            .answer(201)
        } _: { sender, server in
            let token = device.subscription("https://8.8.8.8/p/7?x=1")
            #expect(await sender.send(push(.webpush, token: token)) == .sent(vendorID: nil))
            #expect(server.requests.first?.path == "/p/7?x=1")
            let authorization = try #require(server.requests.first?.headers.first(name: "authorization"))
            let claims = authorization.split(separator: ".").dropFirst().first.flatMap { Base64URL.decode($0) } ?? []
            #expect(try RawJSON(parsing: claims).object?["aud"]?.string == "https://8.8.8.8")
        }
    }

    @Test func `no answer of a known service is unknown; of another host it is that device's alone`() async throws {
        try await withSender(endpoint: loopback) { _ in
            .close
        } _: { sender, server in
            #expect(await sender.send(known("/p")) == .unknown(VendorReply(code: "connection_lost")))
            await server.stop()
            let gone = push(.webpush, token: device.subscription("http://127.0.0.1:1/"))
            #expect(
                await sender.send(gone)
                    == .slow(VendorReply(code: "connect_failed"), scope: .device, after: .seconds(1)))
        }
        try await withSender { _ in
            .close
        } _: { sender, server in
            #expect(
                await sender.send(message(to: server))
                    == .slow(VendorReply(code: "connection_lost"), scope: .device, after: .seconds(1)))
        }
    }

    @Test func `a check sends nothing and says so`() async throws {
        try await withSender { _ in
            .answer(500)
        } _: { sender, server in
            guard case .sent(let words?) = await sender.check(message(to: server)) else {
                Issue.record("the check failed")
                return
            }
            #expect(words.contains("nothing sent"))
            #expect(server.requests.isEmpty)
            guard case .dead = await sender.check(push(.webpush, token: "{}")) else {
                Issue.record("a bad token passed")
                return
            }
        }
    }
}

@Suite struct WebPushSettingsTests {
    private func vendors() throws -> LiveVendors { try LiveVendors(logger: Logger(label: "test")) }

    @Test func `keys are made when absent and stay over later settings`() throws {
        let vendors = try vendors()
        let first = try vendors.validate(json(#"{"subject":"mailto:a@example.com"}"#), for: .webpush, keeping: nil)
        let shown = try #require(vendors.publicFields(of: first, for: .webpush).object)
        let publicKey = try #require(shown["publicKey"]?.string)
        #expect(Base64URL.decode(publicKey)?.count == 65)
        #expect(shown["privateKey"] == nil)
        let second = try vendors.validate(
            json(#"{"subject":"https://example.com/contact","channel":"c"}"#), for: .webpush, keeping: first)
        #expect(vendors.publicFields(of: second, for: .webpush).object?["publicKey"]?.string == publicKey)
        #expect(
            vendors.publicFields(of: second, for: .webpush).object?["subject"]?.string == "https://example.com/contact")
        let other = P256.Signing.PrivateKey()
        let third = try vendors.validate(
            json(#"{"subject":"mailto:a@example.com","privateKey":"\#(Base64URL.encode(other.rawRepresentation))"}"#),
            for: .webpush, keeping: second)
        #expect(
            vendors.publicFields(of: third, for: .webpush).object?["publicKey"]?.string
                == Base64URL.encode(other.publicKey.x963Representation))
    }

    @Test func `settings that are no object are a fault, with or without earlier ones`() throws {
        let vendors = try vendors()
        let bad = try json("[]")
        let stored = try json(#"{"privateKey":"x"}"#)
        #expect(throws: GatewayError.self) { try vendors.validate(bad, for: .webpush, keeping: stored) }
    }

    @Test(arguments: [
        "", "a@example.com", "mailto:", "mailto:a", "mailto:@x", "http://example.com/", "https://", "mailto:a b@c.d",
    ])
    func `a subject is an address or a page`(subject: String) throws {
        let settings = try json(#"{"subject":"\#(subject)"}"#)
        let vendors = try vendors()
        do throws(GatewayError) {
            _ = try vendors.validate(settings, for: .webpush)
            Issue.record("\(subject) passed")
        } catch {
            #expect(error.errors.map(\.pointer) == ["/subject"])
        }
    }

    @Test(arguments: ["x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
    func `a key is a P-256 scalar`(key: String) throws {
        let settings = try json(#"{"subject":"mailto:a@b.c","privateKey":"\#(key)"}"#)
        let vendors = try vendors()
        #expect(throws: GatewayError.self) { try vendors.validate(settings, for: .webpush) }
    }

    /// RFC 8292, section 2.4: our reading of the form against the example's own signature.
    @Test func `the example of RFC 8292 verifies`() throws {
        let parts = RFC8292Example.token.split(separator: ".")
        let point = try #require(Base64URL.decode(RFC8292Example.key))
        let publicKey = try P256.Signing.PublicKey(x963Representation: point)
        let signature = try P256.Signing.ECDSASignature(rawRepresentation: try #require(Base64URL.decode(parts[2])))
        #expect(publicKey.isValidSignature(signature, for: Array("\(parts[0]).\(parts[1])".utf8)))
    }
}

@Suite struct OriginClientsTests {
    @Test func `the client that was not used for longest makes room`() async throws {
        let clients = OriginClients(connectionsMax: 1, originsMax: 2, settings: try connections())
        let urls = try (1...3).map { try EndpointURL("http://127.0.0.1:\($0)/a") }
        let first = try #require(clients.client(for: urls[0]))
        let second = try #require(clients.client(for: urls[1]))
        #expect(clients.client(for: try EndpointURL("http://127.0.0.1:1/other")) === first)
        _ = clients.client(for: urls[2])
        #expect(clients.count == 2)
        #expect(clients.client(for: urls[0]) === first)
        #expect(clients.client(for: urls[1]) !== second)
        await clients.shutdown()
        #expect(clients.client(for: urls[0]) == nil)
    }
}
