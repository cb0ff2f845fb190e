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
            BrokerTopic.control, "$SYS/broker/connection/x/state", "anything",
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
}
