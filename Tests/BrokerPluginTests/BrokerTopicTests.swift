import BrokerControl
import Foundation
import Testing

@Suite(.serialized) struct BrokerTopicTests {
    private static let foreignFilters = [
        "#", "+", "+/#", "account/+", "account/#", "account/acct_b", "account/acct_a/#", "account/acct_a/",
        "/account/acct_a", "device/dev_b", "device/+", "tenant/+/broadcast", "tenant/t2/broadcast", "tenant/t1/#",
        "up/#", "up/dev_a/send", "$SYS/#", "$SYS/broker/version", "$share/g/account/acct_a", "$share/g/#",
        "presence/#", "presence/report", "$CONTROL/#", "$CONTROL/pushgate/v1",
    ]

    @Test func `a device subscribes to its own three topics and to nothing else`() async throws {
        let broker = try await TestBroker()
        _ = try broker.gateway()
        let device = try broker.device("a")
        let old = try broker.device("b", version: .v311)
        for filter in ["account/acct_a", "device/dev_a", "tenant/t1/broadcast"] {
            #expect(try device.subscribe(filter) == MQTTProbe.accepted, "\(filter)")
        }
        for filter in Self.foreignFilters {
            #expect(try device.subscribe(filter) == MQTTProbe.notAuthorized, "\(filter)")
        }
        #expect(try old.subscribe("account/acct_b") == MQTTProbe.accepted)
        #expect(try old.subscribe("account/acct_a") == MQTTProbe.subscriptionFailed)
    }

    @Test func `a device publishes its own requests and nothing else`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        #expect(try gateway.probe.subscribe("up/#") == MQTTProbe.accepted)
        let device = try broker.device("a")
        for topic in [
            "account/acct_a", "account/acct_b", "device/dev_a", "tenant/t1/broadcast", "up/dev_b/send", "up/dev_a",
            "up/dev_a/", "up/dev_a/a/b", "up/dev_a/SEND", "up/dev_a/send1", "presence/report", "presence/dev_a",
            BrokerTopic.control, BrokerTopic.publish, "$SYS/broker/connection/x/state", "anything",
        ] {
            #expect(try device.publish(topic) == MQTTProbe.notAuthorized, "\(topic)")
        }
        #expect(try device.publish("up/dev_a/send", isRetained: true) == MQTTProbe.notAuthorized)
        #expect(try device.publish("up/dev_a/send", "good") == MQTTProbe.accepted)
        while true {
            let message = try gateway.probe.nextMessage()
            guard message.topic != BrokerTopic.presence else { continue }
            #expect(message == MQTTProbe.Message(topic: "up/dev_a/send", payload: "good"))
            break
        }
    }

    @Test func `the gateway reaches devices and reads what they send`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let device = try broker.device("a")
        #expect(try device.subscribe("account/acct_a") == MQTTProbe.accepted)
        #expect(try gateway.probe.publish("account/acct_a", "hello") == MQTTProbe.accepted)
        #expect(try device.nextMessage() == MQTTProbe.Message(topic: "account/acct_a", payload: "hello"))
        // 16 is "no matching subscribers".
        #expect(try gateway.probe.publish("account/acct_nobody") == 16)
        #expect(try gateway.probe.publish("account/acct_a", isRetained: true) == MQTTProbe.notAuthorized)
        for filter in ["account/#", "#", "$SYS/#", "device/dev_a"] {
            #expect(try gateway.probe.subscribe(filter) == MQTTProbe.notAuthorized, "\(filter)")
        }
        for filter in ["up/#", "up/+/+", "$share/gateway/up/#", "presence/#"] {
            #expect(try gateway.probe.subscribe(filter) == MQTTProbe.accepted, "\(filter)")
        }
    }

    @Test func `an envelope is what its publishes are, one after the other`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let devices = [try broker.device("a"), try broker.device("b", version: .v311)]
        #expect(try devices[0].subscribe("account/acct_a") == MQTTProbe.accepted)
        #expect(try devices[1].subscribe("account/acct_b") == MQTTProbe.accepted)
        let long = String(repeating: "long ", count: 20_000)
        var envelope = PublishEnvelope()
        for (name, text, expiry) in [
            ("a", "1", nil), ("b", "1", 90), ("nobody", "1", nil), ("a", "2", 3600), ("a", "", nil), ("a", long, nil),
            ("b", "\u{0}zero", nil),
        ] as [(String, String, UInt32?)] {
            envelope.append(topic: "account/acct_\(name)", payload: Array(text.utf8), expirySeconds: expiry)
        }
        envelope.append(
            topic: "account/acct_a", payload: Array("reply".utf8), expirySeconds: 60, correlationData: Array("r1".utf8))
        #expect(try gateway.probe.publish(BrokerTopic.publish, envelope.bytes) == MQTTProbe.accepted)
        // What follows alone comes after it.
        #expect(try gateway.probe.publish("account/acct_a", "3") == MQTTProbe.accepted)
        let toA = try (0..<6).map { _ in try devices[0].nextMessage() }
        #expect(toA.map(\.payload) == ["1", "2", "", long, "reply", "3"])
        #expect(toA.map(\.correlationData) == [nil, nil, nil, nil, "r1", nil])
        #expect(toA.allSatisfy { $0.topic == "account/acct_a" })
        #expect(toA[0].expirySeconds == nil)
        #expect((3590...3600).contains(try #require(toA[1].expirySeconds)))
        #expect(try (0..<2).map { _ in try devices[1].nextMessage().payload } == ["1", "\u{0}zero"])
    }

    @Test func `of an envelope that is not right nothing is delivered, and the gateway stays`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let device = try broker.device("a")
        #expect(try device.subscribe("account/acct_a") == MQTTProbe.accepted)
        var good = PublishEnvelope()
        good.append(topic: "account/acct_a", payload: Array("whole".utf8), expirySeconds: nil)
        var wrong = good
        wrong.append(topic: "up/dev_a/send", payload: [], expirySeconds: nil)
        for bytes in [[], [9], Array(good.bytes.dropLast()), good.bytes + [0], wrong.bytes] {
            #expect(try gateway.probe.publish(BrokerTopic.publish, bytes) == MQTTProbe.accepted)
        }
        #expect(try gateway.probe.publish(BrokerTopic.publish, good.bytes) == MQTTProbe.accepted)
        #expect(try gateway.probe.publish("account/acct_a", "last") == MQTTProbe.accepted)
        #expect(try device.nextMessage().payload == "whole")
        #expect(try device.nextMessage().payload == "last")
    }

    @Test func `a will reaches the gateway from the device's own topic only`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        #expect(try gateway.probe.subscribe("up/#") == MQTTProbe.accepted)
        let victim = try broker.device("victim")
        #expect(try victim.subscribe("account/acct_victim") == MQTTProbe.accepted)
        for will in [
            MQTTProbe.Will(topic: "account/acct_victim"), MQTTProbe.Will(topic: "up/dev_victim/send"),
            MQTTProbe.Will(topic: "up/dev_a/state", isRetained: true), MQTTProbe.Will(topic: "up/dev_a/state"),
        ] {
            try broker.device("a", will: will).close()
        }
        while true {
            let message = try gateway.probe.nextMessage()
            guard message.topic != BrokerTopic.presence else { continue }
            #expect(message == MQTTProbe.Message(topic: "up/dev_a/state", payload: "will"))
            break
        }
        #expect(try gateway.probe.publish("account/acct_victim", "first") == MQTTProbe.accepted)
        #expect(try victim.nextMessage().payload == "first")
    }

    /// Requests in the order in which they came, and what came by the subscription.
    private func received(_ uplink: MQTTProbe, until count: Int) throws -> (requests: [String], others: [String]) {
        var (requests, others): ([String], [String]) = ([], [])
        while requests.count + others.count < count {
            let (message, bytes) = try uplink.nextMessageWithBytes()
            guard message.topic == BrokerTopic.requests else {
                others.append("\(message.topic) \(message.payload)")
                continue
            }
            try bytes.withUnsafeBytes { bytes in
                var reader = try PublishEnvelopeReader(bytes)
                while let publish = try reader.next() {
                    let parts = [publish.topic, publish.payload, publish.responseTopic, publish.correlationData]
                    requests.append(
                        parts.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "-" }.joined(separator: " "))
                }
            }
        }
        return (requests, others)
    }

    @Test func `requests come to the uplink connection in envelopes, once, and wills by its subscription`() async throws
    {
        let broker = try await TestBroker()
        _ = try broker.gateway()
        let uplink = try broker.uplink()
        let will = MQTTProbe.Will(topic: "up/dev_a/state")
        let device = try broker.device("a", will: will)
        let old = try broker.device("b", version: .v311)
        // Response topic (8) and correlation data (9), MQTT 5, section 3.3.2.3.
        let properties: [UInt8] = [8, 0, 12] + Array("device/dev_a".utf8) + [9, 0, 2] + Array("c1".utf8)
        // 0 and not 16: the gateway is there, and has it.
        #expect(try device.publish("up/dev_a/send", Array("1".utf8), properties: properties) == MQTTProbe.accepted)
        #expect(try old.publish("up/dev_b/send", "") == MQTTProbe.accepted)
        #expect(try device.publish("up/dev_a/state", "2") == MQTTProbe.accepted)
        let long = String(repeating: "long ", count: 20_000)
        #expect(try device.publish("up/dev_a/send", long) == MQTTProbe.accepted)
        device.close()
        let all = try received(uplink, until: 5)
        #expect(
            all.requests == [
                "up/dev_a/send 1 device/dev_a c1", "up/dev_b/send  - -", "up/dev_a/state 2 - -",
                "up/dev_a/send \(long) - -",
            ])
        #expect(all.others == ["up/dev_a/state will"])
        // Nothing came twice: what follows is next.
        #expect(try old.publish("up/dev_b/ack", "last") == MQTTProbe.accepted)
        #expect(try received(uplink, until: 1).requests == ["up/dev_b/ack last - -"])
    }

    @Test func `without an uplink connection a device is told that nobody has its request`() async throws {
        let broker = try await TestBroker()
        _ = try broker.gateway()
        let device = try broker.device("a")
        #expect(try device.publish("up/dev_a/send", "lost") == 16)
        let first = try broker.uplink()
        #expect(try device.publish("up/dev_a/send", "1") == MQTTProbe.accepted)
        #expect(try received(first, until: 1).requests == ["up/dev_a/send 1 - -"])
        // A new one takes the place of the old one, which the broker closes only then.
        let second = try broker.uplink()
        try first.waitUntilClosed()
        #expect(try device.publish("up/dev_a/send", "2") == MQTTProbe.accepted)
        #expect(try received(second, until: 1).requests == ["up/dev_a/send 2 - -"])
        second.close()
        while try device.publish("up/dev_a/send", "3") != 16 {}
    }
}
