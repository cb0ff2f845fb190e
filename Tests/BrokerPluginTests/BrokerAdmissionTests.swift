import BrokerControl
import Foundation
import PushCredentials
import Testing

@Suite(.serialized) struct BrokerAdmissionTests {
    @Test func `a good credential connects, whatever the protocol version`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        for version in [MQTTProbe.Version.v311, .v5] {
            let device = try broker.device("a", version: version)
            #expect(try gateway.nextConnected()?.account == "acct_a")
            try device.disconnect()
            #expect(try gateway.nextDisconnected()?.device == "dev_a")
        }
    }

    @Test func `every other credential is refused`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway(ended: ["dev_ended"])
        let good = try broker.credential(device: "dev_a", account: "acct_a")
        let cut = String(good.dropLast())
        let refused: [(why: String, clientID: String, username: String?, password: String?)] = [
            ("expired", "dev_a", "acct_a", try broker.credential(device: "dev_a", account: "acct_a", lifetime: 0)),
            (
                "signed by somebody else", "dev_a", "acct_a",
                try broker.credential(device: "dev_a", account: "acct_a", signer: DeviceCredentialSigner())
            ),
            (
                "for another door", "dev_a", "acct_a",
                try broker.credential(device: "dev_a", account: "acct_a", audience: [DeviceCredential.httpAudience])
            ),
            ("another client id", "dev_b", "acct_a", good),
            ("another user name", "dev_a", "acct_b", good),
            ("ended", "dev_ended", "acct_a", try broker.credential(device: "dev_ended", account: "acct_a")),
            ("cut", "dev_a", "acct_a", cut),
            ("no password", "dev_a", "acct_a", nil),
            ("empty password", "dev_a", "acct_a", ""),
            ("nobody", "dev_a", nil, nil),
            ("a wildcard as id", "+", "#", try broker.credential(device: "+", account: "#")),
            ("a level in the id", "dev/a", "acct_a", try broker.credential(device: "dev/a", account: "acct_a")),
            ("the gateway's id", "gateway-x", "acct_a", try broker.credential(device: "gateway-x", account: "acct_a")),
            ("the gateway with a device's id", "dev_a", "pushgate", broker.gatewayPassword),
            ("the gateway with a credential", "gateway-1", "pushgate", good),
            ("the gateway with the hash", "gateway-1", "pushgate", SecretHash.hash(broker.gatewayPassword)),
        ]
        for attempt in refused {
            for version in [MQTTProbe.Version.v311, .v5] {
                let probe = try MQTTProbe(port: broker.port, version: version)
                let code = try probe.connect(
                    clientID: attempt.clientID, username: attempt.username, password: attempt.password)
                // 5 is "not authorized" in MQTT 3.1.1.
                #expect(code == (version == .v5 ? MQTTProbe.notAuthorized : 5), "\(attempt.why)")
                try probe.waitUntilClosed()
            }
        }
        // None of them was told to the gateway: the next change is this one.
        let device = try broker.device("a")
        #expect(try gateway.nextConnected()?.device == "dev_a")
        try device.disconnect()
        #expect(!broker.hasLogged(good) && !broker.hasLogged(broker.gatewayPassword))
    }

    @Test func `devices wait outside until the list of ended ones is complete`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway(ended: nil)
        #expect(throws: MQTTProbe.Closed.self) { try broker.device("a") }
        try gateway.command(.endedDevices(page: 0, isLast: false, devices: ["dev_b"]))
        #expect(throws: MQTTProbe.Closed.self) { try broker.device("a") }
        try gateway.command(.endedDevices(page: 2, isLast: true, devices: []))
        #expect(throws: MQTTProbe.Closed.self) { try broker.device("a") }
        try gateway.command(.endedDevices(page: 0, isLast: false, devices: ["dev_b"]))
        try gateway.command(.endedDevices(page: 1, isLast: true, devices: ["dev_c"]))
        try gateway.waitFor { $0.body == .ready }
        _ = try broker.device("a")
        for ended in ["b", "c"] {
            #expect(throws: MQTTProbe.Closed.self) { try broker.device(ended) }
        }
    }

    @Test func `an ended device loses its session and does not come back`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let ended = try broker.device("a")
        let other = try broker.device("b")
        try gateway.command(.endDevices(["dev_a", "dev_unknown"]))
        try ended.waitUntilClosed()
        #expect(throws: MQTTProbe.Closed.self) { try broker.device("a") }
        // A list that is older than that does not bring it back, and closes who is on it.
        try gateway.command(.endedDevices(page: 0, isLast: true, devices: ["dev_b"]))
        try gateway.waitFor { $0.body == .ready }
        try other.waitUntilClosed()
        for device in ["a", "b"] {
            #expect(throws: MQTTProbe.Closed.self) { try broker.device(device) }
        }
        _ = try broker.device("c")
    }

    @Test func `a session ends soon after its credential, and a newer connection stays`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let expiring = try broker.device("a", lifetime: 2)
        let staying = try broker.device("b")
        let first = try #require(try gateway.nextConnected())
        _ = try gateway.nextConnected()
        try expiring.waitUntilClosed()
        #expect(try gateway.nextDisconnected()?.connection == first.connection)
        #expect(try staying.subscribe("account/acct_b") == MQTTProbe.accepted)
    }

    @Test func `garbage does not end the broker`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        var generator = SystemRandomNumberGenerator()
        func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 1...255, using: &generator) } }
        for size in [1, 10, 100, 1000, 65_535] {
            for (name, password) in [(random(8), random(size)), (Array("acct_a".utf8), random(size))] {
                let probe = try MQTTProbe(port: broker.port)
                // Refused, or closed at once for what is no UTF-8.
                let code = try? probe.connect(clientID: Array("dev_a".utf8), username: name, password: password)
                #expect(code != MQTTProbe.accepted)
            }
        }
        for code in [try? MQTTProbe(port: broker.port).connect(clientID: [], username: nil, password: nil)] {
            #expect(code != MQTTProbe.accepted)
        }
        let tooLong = try MQTTProbe(port: broker.port)
        try? tooLong.send(type: 1, body: random(1 << 20))
        #expect(throws: Never.self) { try tooLong.waitUntilClosed() }
        for size in [0, 1, 100, 100_000] {
            #expect(try gateway.probe.publish(BrokerTopic.control, random(size)) == MQTTProbe.accepted)
        }
        for text in ["null", "{}", "[]", #"{"endDevices":{"_0":[1]}}"#, #"{"endedDevices":{"page":-1}}"#] {
            #expect(try gateway.probe.publish(BrokerTopic.control, text) == MQTTProbe.accepted)
        }
        let page = #"{"endedDevices":{"page":9223372036854775807,"isLast":true,"devices":[]}}"#
        #expect(try gateway.probe.publish(BrokerTopic.control, page) == MQTTProbe.accepted)
        #expect(try broker.device("a").subscribe("account/acct_a") == MQTTProbe.accepted)
        #expect(broker.process.isRunning)
    }
}
