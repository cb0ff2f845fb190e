import Foundation
import NIOCore
import PushCore
import TestWaiting
import Testing

@testable import PushVendors

@Suite struct LiveCallbacksTests {
    private func caller(allowsPrivate: Bool = true, resolver: HostResolver = .system) throws -> LiveCallbacks {
        LiveCallbacks(
            connections: try connections(allowsPrivate: allowsPrivate, resolver: resolver),
            clock: WallClock { 1_700_000_000_000 })
    }

    private func request(_ url: String, _ fields: [(name: String, value: String)] = []) -> CallbackRequest {
        CallbackRequest(url: url, fields: fields, body: Array(#"{"a":1}"#.utf8))
    }

    @Test func `a request arrives as it is, with a content type`() async throws {
        let server = try await StubServer.start { _ in .answer(200, body: "thanks") }
        let caller = try caller()
        let answer = await caller.post(
            request("http://127.0.0.1:\(server.port)/hook?a=b", [("webhook-id", "evt_1")]), within: .seconds(5))
        #expect(answer == .answered(status: 200, body: Array("thanks".utf8), retryAfterSeconds: nil))
        #expect(answer.isSuccess)
        let seen = try #require(server.requests.first)
        #expect(seen.path == "/hook?a=b")
        #expect(seen.headers["webhook-id"] == ["evt_1"])
        #expect(seen.headers["content-type"] == ["application/json"])
        #expect(seen.body == Array(#"{"a":1}"#.utf8))
        await caller.shutdown()
        await server.stop()
    }

    @Test func `a redirect is an answer and no success`() async throws {
        let server = try await StubServer.start { request in
            request.path == "/" ? .answer(308, headers: ["location": "/other"]) : .answer(200)
        }
        let caller = try caller()
        let answer = await caller.post(request("http://127.0.0.1:\(server.port)/"), within: .seconds(5))
        #expect(answer == .answered(status: 308, body: [], retryAfterSeconds: nil))
        #expect(!answer.isSuccess)
        #expect(server.requests.count == 1)
        await caller.shutdown()
        await server.stop()
    }

    @Test func `an answer is read up to 64 KiB, and its wish for a pause is told`() async throws {
        let server = try await StubServer.start { _ in
            .answer(503, headers: ["retry-after": "17"], body: String(repeating: "x", count: 1_000_000))
        }
        let caller = try caller()
        let answer = await caller.post(request("http://127.0.0.1:\(server.port)/"), within: .seconds(5))
        guard case .answered(let status, let body, let after) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(status == 503)
        #expect(body.count == 65_536)
        #expect(after == 17)
        await caller.shutdown()
        await server.stop()
    }

    @Test func `a service that says nothing costs the time limit and no more`() async throws {
        let server = try await StubServer.start { _ in .silence }
        let caller = try caller()
        let start = ContinuousClock.now
        let answer = await caller.post(request("http://127.0.0.1:\(server.port)/"), within: .milliseconds(300))
        #expect(answer == .failed(reason: "timeout"))
        #expect(ContinuousClock.now - start < .seconds(3))
        await caller.shutdown()
        await server.stop()
    }

    @Test func `a name that cannot be looked up in time costs the time limit and no more`() async throws {
        let gate = Gate()
        let resolver = HostResolver { _ async throws(HostResolver.Failure) in
            await gate.waitUntilOpen()
            throw HostResolver.Failure("late")
        }
        let caller = try caller(allowsPrivate: false, resolver: resolver)
        let start = ContinuousClock.now
        let answer = await caller.post(request("https://hooks.example/"), within: .milliseconds(200))
        #expect(answer == .failed(reason: "timeout"))
        #expect(ContinuousClock.now - start < .milliseconds(3000))
    }

    @Test func `nobody listens`() async throws {
        let server = try await StubServer.start { _ in .answer(200) }
        let url = "http://127.0.0.1:\(server.port)/"
        await server.stop()
        let caller = try caller()
        let answer = await caller.post(request(url), within: .seconds(5))
        #expect(answer == .failed(reason: "connect_failed"))
        await caller.shutdown()
    }

    @Test func `a private address is refused when it is stored, and again when it is called`() async throws {
        let server = try await StubServer.start { _ in .answer(200) }
        let resolver = HostResolver { _ in [IPAddress(v4: [127, 0, 0, 1])] }
        let caller = try caller(allowsPrivate: false, resolver: resolver)
        for url in [
            "https://127.0.0.1:\(server.port)/", "https://[::ffff:127.0.0.1]/", "https://2130706433/",
            "http://example.com/", "https://localhost/", "no url",
        ] {
            #expect(throws: GatewayError.self, "\(url)") { try caller.check(url: url) }
            let answer = await caller.post(request(url), within: .seconds(5))
            #expect(!answer.isSuccess, "\(url)")
        }
        // A name says nothing when it is stored; what it leads to is looked at when it is called.
        try caller.check(url: "https://hooks.example:\(server.port)/")
        let answer = await caller.post(request("https://hooks.example:\(server.port)/"), within: .seconds(5))
        #expect(answer == .failed(reason: "private_address"))
        #expect(server.connectionCount == 0)
        await caller.shutdown()
        await server.stop()
    }

    @Test func `after the end nothing is called`() async throws {
        let caller = try caller()
        await caller.shutdown()
        let answer = await caller.post(request("http://127.0.0.1:1/"), within: .seconds(1))
        #expect(answer == .failed(reason: "shut_down"))
    }
}
