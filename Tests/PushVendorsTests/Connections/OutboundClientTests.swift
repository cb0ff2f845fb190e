import Logging
import NIOCore
import PushCore
import TestWaiting
import Testing

@testable import PushVendors

@Suite struct OutboundClientTests {
    private func client(
        _ url: String, trust: OutboundClient.Trust = .tenant, _ settings: ConnectionSettings
    ) throws -> OutboundClient {
        OutboundClient(origin: try EndpointURL(url), trust: trust, connectionsMax: 8, settings: settings)
    }

    private func post(_ url: String, with client: OutboundClient, within: TimeAmount = .seconds(5)) async
        -> Result<OutboundReply, TransportFault>
    {
        let request = OutboundRequest(url: url, headers: [:], body: Array("{}".utf8))
        return await client.send(request, deadline: .now() + within)
    }

    private func fault(_ result: Result<OutboundReply, TransportFault>) -> TransportFault? {
        if case .failure(let fault) = result { fault } else { nil }
    }

    @Test func `a port where nobody listens is certain not to have been reached`() async throws {
        let server = try await StubServer.start { _ in .answer(200) }
        let url = "http://127.0.0.1:\(server.port)/"
        await server.stop()
        let client = try client(url, connections())
        #expect(fault(await post(url, with: client)) == .notSent(VendorReply(code: "connect_failed")))
        await client.shutdown()
    }

    @Test func `a server that reads and says nothing leaves the outcome open`() async throws {
        let server = try await StubServer.start { _ in .silence }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        let result = await post(url, with: client, within: .milliseconds(300))
        #expect(fault(result) == .unanswered(VendorReply(code: "timeout")))
        #expect(fault(result)?.answer == .unknown(VendorReply(code: "timeout")))
        await client.shutdown()
        await server.stop()
    }

    @Test func `a server that reads and closes leaves the outcome open`() async throws {
        let server = try await StubServer.start { _ in .close }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        #expect(fault(await post(url, with: client)) == .unanswered(VendorReply(code: "connection_lost")))
        await client.shutdown()
        await server.stop()
    }

    @Test func `redirects are answers and are not followed`() async throws {
        let server = try await StubServer.start { request in
            request.path == "/" ? .answer(307, headers: ["location": "/other"]) : .answer(200)
        }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        #expect(try await post(url, with: client).get().status == 307)
        #expect(server.requests.count == 1)
        await client.shutdown()
        await server.stop()
    }

    @Test func `a long answer is read up to 64 KiB`() async throws {
        let server = try await StubServer.start { _ in .answer(200, body: String(repeating: "x", count: 1_000_000)) }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        #expect(try await post(url, with: client).get().body.count == 65_536)
        await client.shutdown()
        await server.stop()
    }

    @Test func `a body that never ends does not hold the answer up`() async throws {
        let server = try await StubServer.start { _ in .halfBody(200, "half") }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        let start = ContinuousClock.now
        #expect(try await post(url, with: client, within: .milliseconds(400)).get().status == 200)
        #expect(ContinuousClock.now - start < .seconds(5))
        await client.shutdown()
        await server.stop()
    }

    @Test func `three timeouts in a row replace the client, and an answer in between does not count`() async throws {
        let calls = Counter()
        let server = try await StubServer.start { _ in
            [3, 7].contains(calls.next()) ? .answer(200) : .silence
        }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        for _ in 0..<2 { _ = await post(url, with: client, within: .milliseconds(200)) }
        #expect(try await post(url, with: client).get().status == 200)
        for _ in 0..<2 { _ = await post(url, with: client, within: .milliseconds(200)) }
        #expect(client.clientNumber == 1)
        _ = await post(url, with: client, within: .milliseconds(200))
        #expect(client.clientNumber == nil)
        #expect(try await post(url, with: client).get().status == 200)
        #expect(client.clientNumber == 2)
        await client.shutdown()
        await server.stop()
    }

    @Test func `a certificate of another authority is refused before anything is written`() async throws {
        let certificates = try TestCertificates(host: "localhost", protocols: ["http/1.1"])
        let others = try TestCertificates(host: "localhost", protocols: ["http/1.1"])
        defer {
            certificates.remove()
            others.remove()
        }
        let server = try await StubServer.start(certificates.transport(isHTTP2: false)) { _ in .answer(200) }
        let url = "https://localhost:\(server.port)/"
        for caFile in [nil, others.caFile] {
            let client = try client(url, connections(caFile: caFile))
            #expect(fault(await post(url, with: client)) == .notSent(VendorReply(code: "tls_failed")))
            await client.shutdown()
        }
        let trusting = try client(url, connections(caFile: certificates.caFile))
        #expect(try await post(url, with: trusting).get().status == 200)
        await trusting.shutdown()
        #expect(server.requests.count == 1)
        await server.stop()
    }

    @Test func `a certificate for another name is refused`() async throws {
        let certificates = try TestCertificates(host: "other.example", protocols: ["http/1.1"])
        defer { certificates.remove() }
        let server = try await StubServer.start(certificates.transport(isHTTP2: false)) { _ in .answer(200) }
        let url = "https://localhost:\(server.port)/"
        let client = try client(url, connections(caFile: certificates.caFile))
        #expect(fault(await post(url, with: client)) == .notSent(VendorReply(code: "tls_failed")))
        await client.shutdown()
        await server.stop()
    }

    @Test func `a tenant's name that points to a private address is not called`() async throws {
        let lookUps = Counter()
        let resolver = HostResolver { _ async throws(HostResolver.Failure) in
            _ = lookUps.next()
            return [IPAddress(v4: [127, 0, 0, 1])]
        }
        let server = try await StubServer.start { _ in .answer(200) }
        let url = "https://rebind.example:\(server.port)/"
        let client = try client(url, connections(allowsPrivate: false, resolver: resolver))
        let result = await post(url, with: client)
        guard case .refused = fault(result) else {
            Issue.record("not refused: \(result)")
            return
        }
        #expect(lookUps.value == 1)
        #expect(server.connectionCount == 0)
        await client.shutdown()
        await server.stop()
    }

    @Test(arguments: ["pinned.example", "Pinned.EXAMPLE"])
    func `the connection goes to the address that was checked, under the name's certificate`(host: String) async throws
    {
        let certificates = try TestCertificates(host: "pinned.example", protocols: ["http/1.1"])
        defer { certificates.remove() }
        let server = try await StubServer.start(certificates.transport(isHTTP2: false)) { _ in .answer(200) }
        let lookUps = Counter()
        let policy = EndpointPolicy(
            allowsPrivate: false,
            resolver: HostResolver { _ async throws(HostResolver.Failure) in
                _ = lookUps.next()
                return [IPAddress(v4: [127, 0, 0, 1])]
            }, isAllowed: { _ in true })
        let origin = try EndpointURL("https://\(host):\(server.port)/x")
        let settings = try ConnectionSettings(
            policy: policy, caFile: certificates.caFile, logger: Logger(label: "test"))
        let client = OutboundClient(origin: origin, trust: .tenant, connectionsMax: 2, settings: settings)
        for _ in 0..<3 { #expect(try await post(origin.text, with: client).get().status == 200) }
        #expect(lookUps.value == 1, "one look-up for all, and none by the HTTP client")
        await client.shutdown()
        await server.stop()
    }

    @Test func `a failed connection makes the name be looked up again, and another address be tried`() async throws {
        let certificates = try TestCertificates(host: "two.example", protocols: ["http/1.1"])
        defer { certificates.remove() }
        let server = try await StubServer.start(certificates.transport(isHTTP2: false)) { _ in .answer(200) }
        let policy = EndpointPolicy(
            allowsPrivate: false,
            resolver: HostResolver { _ async throws(HostResolver.Failure) in
                // Nobody listens on the first.
                [IPAddress(v4: [127, 0, 0, 2]), IPAddress(v4: [127, 0, 0, 1])]
            }, isAllowed: { _ in true })
        let origin = try EndpointURL("https://two.example:\(server.port)/")
        let settings = try ConnectionSettings(
            policy: policy, caFile: certificates.caFile, logger: Logger(label: "test"))
        let client = OutboundClient(origin: origin, trust: .tenant, connectionsMax: 2, settings: settings)
        #expect(fault(await post(origin.text, with: client)) == .notSent(VendorReply(code: "connect_failed")))
        #expect(try await post(origin.text, with: client).get().status == 200)
        await client.shutdown()
        await server.stop()
    }

    @Test func `a name that cannot be looked up is a retry`() async throws {
        let resolver = HostResolver { _ async throws(HostResolver.Failure) in throw HostResolver.Failure("no") }
        let client = try client("https://a.example/", connections(allowsPrivate: false, resolver: resolver))
        guard case .notSent(let reply) = fault(await post("https://a.example/", with: client)) else {
            Issue.record("not a retry")
            return
        }
        #expect(reply.code == "dns_failed")
        await client.shutdown()
    }

    @Test func `shutting down waits for what is under way and refuses the rest`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let (opened, open) = AsyncStream.makeStream(of: Void.self)
        let server = try await StubServer.start { _ in
            arrival.yield()
            for await _ in opened { break }
            return .answer(200)
        }
        let url = "http://127.0.0.1:\(server.port)/"
        let client = try client(url, connections())
        async let answer = post(url, with: client)
        for await _ in arrived { break }
        async let closing: Void = client.shutdown()
        try await eventually("it is closed to new requests") { client.clientNumber == nil }
        #expect(fault(await post(url, with: client)) == .notSent(VendorReply(code: "shut_down", isLocal: true)))
        open.yield()
        #expect(try await answer.get().status == 200)
        await closing
        await server.stop()
    }
}
