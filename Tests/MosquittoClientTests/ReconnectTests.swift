import Foundation
import MosquittoClient
import Synchronization
import TestWaiting
import Testing

@Suite(.serialized) struct ReconnectTests {
    @Test func `the delay doubles up to its bound and is spread over its upper half`() {
        let delay = ReconnectDelay(initial: .milliseconds(200), maximum: .seconds(10))
        #expect(delay.delay(attempt: 0, chance: 0) == .milliseconds(100))
        #expect(delay.delay(attempt: 0, chance: 1) == .milliseconds(200))
        #expect(delay.delay(attempt: 3, chance: 1) == .milliseconds(1600))
        #expect(delay.delay(attempt: 6, chance: 1) == .seconds(10))
        #expect(delay.delay(attempt: 1_000_000, chance: 0.5) == .seconds(7.5))
    }

    @Test(arguments: [MQTTSession.ProtocolVersion.v311, .v5])
    func `publishes outstanding when the broker dies are acknowledged once each by the next one`(
        version: MQTTSession.ProtocolVersion
    ) async throws {
        let broker = try await TestBroker.started()
        let loop = try MQTTLoop()
        var options = broker.options("one")
        options.protocolVersion = version
        let log = EventLog()
        let session = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.connects == 1 }
        broker.freeze()
        let completions = Completions()
        for index in 0..<500 {
            try session.publish(topic: "t", payload: [1]) { completions.add(index, $0) }
        }
        try await eventually("some are handed to the socket") { session.queuedPublishes < 500 }
        #expect(completions.count == 0)
        broker.kill()
        try await broker.start()
        try await eventually("all publishes complete") { completions.count == 500 }
        #expect(completions.allAre { if case .acknowledged = $0 { true } else { false } })
        #expect(log.connects == 2)
        await loop.shutdown()
        #expect(completions.allAre { if case .acknowledged = $0 { true } else { false } })
    }

    @Test(arguments: [(MQTTSession.ProtocolVersion.v311, UInt8(5)), (.v5, 135)])
    func `a refused session tries again and asks for the password anew`(
        version: MQTTSession.ProtocolVersion, code: UInt8
    ) async throws {
        let broker = try brokerWithPassword()
        try await broker.start()
        let loop = try MQTTLoop()
        let password = Mutex("wrong")
        var options = broker.options("one")
        options.protocolVersion = version
        options.username = "alice"
        options.password = { password.withLock { $0 } }
        let log = EventLog()
        _ = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.refusals.count >= 2 }
        #expect(log.refusals.first == code)
        #expect(log.connects == 0)
        password.withLock { $0 = "right" }
        try await log.waits { $0.connects == 1 }
        await loop.shutdown()
    }

    @Test func `a refused session gives up when told so, and loses what was queued`() async throws {
        let broker = try brokerWithPassword()
        let loop = try MQTTLoop()
        var options = broker.options("one")
        options.retriesWhenRefused = false
        let log = EventLog()
        let session = try loop.makeSession(options, handler: log.handler)
        let completions = Completions()
        try session.publish(topic: "t", payload: []) { completions.add(0, $0) }
        try await broker.start()
        try await log.waits { $0.events.contains(.connectRefused(code: 135, willRetry: false)) }
        try await eventually("the queued publish is lost") { completions.all == [0: [.lost]] }
        #expect(throws: MQTTCallError.stopped) { try session.publish(topic: "t", payload: []) }
        await session.stop()
        await loop.shutdown()
    }

    @Test func `stopping ends the wait at its deadline, and nothing is called afterwards`() async throws {
        let broker = try await TestBroker.started()
        let loop = try MQTTLoop()
        let log = EventLog()
        let session = try loop.makeSession(broker.options("one"), handler: log.handler)
        try await log.waits { $0.connects == 1 }
        broker.freeze()
        let completions = Completions()
        for index in 0..<3000 {
            try session.publish(topic: "t", payload: [1]) { completions.add(index, $0) }
        }
        await session.stop(drain: .milliseconds(200))
        #expect(completions.count == 3000)
        #expect(completions.allAre { $0 == .lost })
        #expect(log.events.last == .disconnected(.requested))
        let before = log.events.count
        broker.thaw()
        await session.stop()
        await loop.shutdown()
        #expect(log.events.count == before)
        #expect(completions.allAre { $0 == .lost })
        #expect(throws: MQTTCallError.stopped) { _ = try loop.makeSession(broker.options("two")) { _, _ in } }
    }

    @Test func `stopping waits for what the broker is about to acknowledge`() async throws {
        let broker = try await TestBroker.started()
        let loop = try MQTTLoop()
        let session = try loop.makeSession(broker.options("one")) { _, _ in }
        let completions = Completions()
        for index in 0..<5000 {
            try session.publish(topic: "t", payload: [1]) { completions.add(index, $0) }
        }
        await session.stop()
        #expect(completions.count == 5000)
        #expect(completions.allAre { $0 == .acknowledged(reasonCode: 16) })
        await loop.shutdown()
    }

    @Test func `a name is looked up and an unknown one is reported`() async throws {
        let broker = try await TestBroker.started()
        let loop = try MQTTLoop()
        var options = broker.options("one")
        options.host = "localhost"
        let log = EventLog()
        _ = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.connects == 1 }
        options.host = "nowhere.invalid"
        let other = EventLog()
        _ = try loop.makeSession(options, handler: other.handler)
        try await other.waits { $0.failures.contains { $0.kind == .nameNotFound } }
        await loop.shutdown(drain: .zero)
    }

    @Test func `a broker that never answers CONNECT is left after the connect timeout`() async throws {
        let (listener, port) = try listeningSocket()
        defer { close(listener) }
        let loop = try MQTTLoop()
        var options = MQTTSession.Options(host: "127.0.0.1", port: port, clientID: "one")
        options.connectTimeout = .milliseconds(100)
        let log = EventLog()
        _ = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.failures.contains { $0.kind == .connectTimedOut } }
        await loop.shutdown(drain: .zero)
    }

    private func brokerWithPassword() throws -> TestBroker {
        let passwords = FileManager.default.temporaryDirectory.appending(path: "passwords-\(UUID().uuidString)")
        let broker = try TestBroker(["allow_anonymous false", "password_file \(passwords.path)"])
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/mosquitto_passwd")
        process.arguments = ["-b", "-c", passwords.path, "alice", "right"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return broker
    }
}
