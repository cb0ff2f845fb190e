import Foundation
import MosquittoClient
import Synchronization
import TestWaiting
import Testing

@Suite(.serialized) struct SessionTests {
    @Test(arguments: [MQTTSession.ProtocolVersion.v311, .v5])
    func `what is published arrives`(version: MQTTSession.ProtocolVersion) async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let log = EventLog()
            var options = broker.options("receiver")
            options.protocolVersion = version
            options.subscriptions = [MQTTSubscription("a/+"), MQTTSubscription("b", qos: .atMostOnce)]
            _ = try loop.makeSession(options, handler: log.handler)
            try await log.waits { $0.events.count { if case .subscribed = $0 { true } else { false } } == 2 }

            options.clientID = "sender"
            options.subscriptions = []
            let sender = try loop.makeSession(options) { _, _ in }
            #expect(try await sender.publish(topic: "a/1", payload: [1, 0, 255]) == 0)
            #expect(try await sender.publish(topic: "b", payload: [], qos: .atMostOnce) == 0)
            let unheard: UInt8 = version == .v5 ? 16 : 0
            #expect(try await sender.publish(topic: "nobody", payload: [1]) == unheard)
            try await log.waits { $0.messages.count == 2 }
            #expect(log.messages.first == MQTTMessage(topic: "a/1", payload: [1, 0, 255], qos: 1, retain: false))
            #expect(log.messages.last == MQTTMessage(topic: "b", payload: [], qos: 0, retain: false))
            #expect(log.events.contains(.readBatchEnded))
        }
    }

    @Test func `subscribing and unsubscribing answer with the broker's codes`() async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let log = EventLog()
            let session = try loop.makeSession(broker.options("one"), handler: log.handler)
            try await log.waits { $0.connects == 1 }
            #expect(try await session.subscribe(["x", "y/#"], qos: .atLeastOnce) == [1, 1])
            try await session.publish(topic: "y/1", payload: [7])
            try await log.waits { $0.messages.count == 1 }
            try session.unsubscribe(["y/#"])
            try await log.waits { $0.events.contains(.unsubscribed(filters: ["y/#"])) }
            #expect(try await session.publish(topic: "y/1", payload: [7]) == 16)
        }
    }

    @Test func `expiry, response topic and correlation data arrive`() async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let log = EventLog()
            var options = broker.options("one")
            options.subscriptions = [MQTTSubscription("t")]
            let session = try loop.makeSession(options, handler: log.handler)
            try await log.waits { $0.isSubscribed }
            let properties = MQTTPublishProperties(
                messageExpirySeconds: 600, responseTopic: "answers/1", correlationData: [0, 1, 2])
            try await session.publish(topic: "t", payload: [1], properties: properties)
            try await log.waits { $0.messages.count == 1 }
            #expect(log.messages.first?.properties == properties)
        }
    }

    @Test func `a retained message is kept by the broker`() async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let sender = try loop.makeSession(broker.options("sender")) { _, _ in }
            try await sender.publish(topic: "state", payload: [9], retain: true)
            let log = EventLog()
            var options = broker.options("receiver")
            options.subscriptions = [MQTTSubscription("state")]
            _ = try loop.makeSession(options, handler: log.handler)
            try await log.waits { $0.messages.count == 1 }
            #expect(log.messages.first?.retain == true)
        }
    }

    @Test func `a packet above the broker's limit is refused, the next one goes through`() async throws {
        let broker = try await TestBroker.started(["allow_anonymous true", "max_packet_size 1000"])
        try await withLoop { loop in
            let session = try loop.makeSession(broker.options("one")) { _, _ in }
            // 1 + 2 (remaining length) + 2 + 1 (topic) + 2 (packet id) + 1 (no properties) leave 991 bytes.
            #expect(try await session.publish(topic: "t", payload: Array(repeating: 1, count: 991)) == 16)
            await #expect(throws: MQTTCallError.failed(MQTTFailure(.packetTooLarge, "the limit is 1000 bytes"))) {
                try await session.publish(topic: "t", payload: Array(repeating: 1, count: 992))
            }
            #expect(try await session.publish(topic: "t", payload: [1]) == 16)
        }
    }

    @Test func `topics that MQTT does not allow are not accepted`() async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let session = try loop.makeSession(broker.options("one")) { _, _ in }
            for topic in ["", "a/+", "#", "a\0b", String(repeating: "x", count: 65_536)] {
                #expect(throws: MQTTCallError.invalidTopic) { try session.publish(topic: topic, payload: []) }
            }
            #expect(throws: MQTTCallError.invalidTopic) { try session.subscribe(["a\0b"]) }
            #expect(throws: MQTTCallError.invalidOption("clientID")) {
                _ = try loop.makeSession(broker.options("")) { _, _ in }
            }
        }
    }

    @Test func `a full queue is reported and nothing in it is lost`() async throws {
        let broker = try TestBroker()
        try await withLoop { loop in
            var options = broker.options("one")
            options.queuedPublishesMax = 10
            let log = EventLog()
            let session = try loop.makeSession(options, handler: log.handler)
            try await log.waits { $0.failures.contains { $0.kind == .network } }
            let completions = Completions()
            for index in 0..<10 {
                try session.publish(topic: "t", payload: []) { completions.add(index, $0) }
            }
            #expect(throws: MQTTCallError.queueFull) { try session.publish(topic: "t", payload: []) }
            try await broker.start()
            try await eventually("all publishes complete") { completions.count == 10 }
            #expect(completions.allAre { $0 == .acknowledged(reasonCode: 16) })
        }
    }

    @Test func `packet ids wrap around and every publish completes once`() async throws {
        let broker = try await TestBroker.started()
        try await withLoop { loop in
            let session = try loop.makeSession(broker.options("one")) { _, _ in }
            let completions = Completions()
            let total = 70_000
            for index in 0..<total {
                try await eventually("the queue takes the publish") {
                    do throws(MQTTCallError) {
                        try session.publish(topic: "t", payload: [1]) { completions.add(index, $0) }
                        return true
                    } catch { return false }
                }
            }
            try await eventually("all publishes complete") { completions.count == total }
            #expect(completions.allAre { $0 == .acknowledged(reasonCode: 16) })
        }
    }

    @Test func `2000 sessions share a loop, with socket numbers above 1023`() async throws {
        let broker = try await TestBroker.started(["allow_anonymous true", "max_connections -1"])
        try await withLoop { loop in
            let log = EventLog()
            let sessions = try (0..<2000).map { number in
                var options = broker.options("device-\(number)")
                options.subscriptions = [MQTTSubscription("device/\(number)")]
                return try loop.makeSession(options, handler: log.handler)
            }
            try await eventually("all sessions are subscribed", within: .seconds(60)) {
                log.events.count { if case .subscribed = $0 { true } else { false } } == 2000
            }
            let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap(Int.init)
            #expect((open.max() ?? 0) > 1100)
            let last = try #require(sessions.last)
            #expect(try await last.publish(topic: "device/0", payload: [1]) == 0)
            #expect(try await last.publish(topic: "device/1999", payload: [2]) == 0)
            try await log.waits { $0.messages.count == 2 }
            #expect(log.failures == [])
        }
    }

    private func withLoop(_ body: (MQTTLoop) async throws -> Void) async throws {
        let loop = try MQTTLoop()
        do { try await body(loop) } catch {
            await loop.shutdown(drain: .zero)
            throw error
        }
        await loop.shutdown(drain: .zero)
    }
}

extension TestBroker {
    func options(_ clientID: String) -> MQTTSession.Options {
        var options = MQTTSession.Options(host: "127.0.0.1", port: port, clientID: clientID)
        options.reconnectDelay = ReconnectDelay(initial: .milliseconds(20), maximum: .milliseconds(200))
        return options
    }
}
