import BrokerControl
import Foundation
import TestWaiting
import Testing

@Suite(.serialized) struct BrokerPresenceTests {
    @Test func `connections are told by number, also at a takeover`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let first = try broker.device("a")
        let second = try broker.device("a")
        try first.waitUntilClosed()
        let one = try #require(try gateway.nextConnected())
        let two = try #require(try gateway.nextConnected())
        #expect(one.device == "dev_a" && two.device == "dev_a" && one.connection != two.connection)
        #expect(try gateway.nextDisconnected()?.connection == one.connection)
        #expect(abs(Double(two.at) - Date().timeIntervalSince1970 * 1000) < 60_000)
        second.close()
        #expect(try gateway.nextDisconnected()?.connection == two.connection)
    }

    @Test func `a reload of the configuration is no new connection`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let live = try broker.device("live")
        let stored = try broker.device("stored", isClean: false)
        try stored.disconnect()
        for _ in 0..<3 { _ = try gateway.nextChange() }
        try await broker.reload()
        #expect(try live.subscribe("account/acct_live") == MQTTProbe.accepted)
        let next = try broker.device("next")
        #expect(try gateway.nextConnected()?.device == "dev_next")
        live.close()
        #expect(try gateway.nextDisconnected()?.device == "dev_live")
        next.close()
        #expect(try gateway.nextDisconnected()?.device == "dev_next")
    }

    @Test func `a snapshot has every live connection once`() async throws {
        let broker = try await TestBroker()
        let gateway = try broker.gateway()
        let devices = try (0..<20).map { try broker.device("\($0)") }
        devices[0].close()
        // The end of the first connection is told before the snapshot that does not have it any more.
        for _ in 0..<21 { _ = try gateway.nextChange() }
        try gateway.command(.snapshot(request: "r1"))
        let report = try gateway.waitFor { if case .snapshot = $0.body { true } else { false } }
        guard case .snapshot(let request, let page, let isLast, let connections) = report.body else { return }
        #expect(request == "r1" && page == 0 && isLast)
        #expect(connections.map(\.device).sorted() == (1..<20).map { "dev_\($0)" }.sorted())
        #expect(Set(connections.map(\.connection)).count == 19)
    }

    @Test func `the numbers grow while nobody listens`() async throws {
        let broker = try await TestBroker()
        var gateway: GatewayProbe? = try broker.gateway()
        let device = try broker.device("a")
        let before = try #require(try gateway?.waitFor { _ in true })
        gateway?.probe.close()
        gateway = nil
        try await eventually("the gateway's connection is gone") { broker.hasLogged("gateway-presence closed") }
        device.close()
        try await eventually("the device's connection is gone") { broker.hasLogged("dev_a closed") }
        let again = try broker.gateway(ended: nil)
        try again.command(.snapshot(request: "r2"))
        let after = try again.waitFor { if case .snapshot = $0.body { true } else { false } }
        #expect(after.boot == before.boot)
        #expect(after.number > before.number + 1)
        guard case .snapshot(_, _, _, let connections) = after.body else { return }
        #expect(connections.isEmpty)
    }

    @Test func `a device gives no commands`() async throws {
        let broker = try await TestBroker()
        _ = try broker.gateway()
        let device = try broker.device("a")
        let command = try JSONEncoder().encode(BrokerCommand.endDevices(["dev_b"]))
        #expect(try device.publish(BrokerTopic.control, Array(command)) == MQTTProbe.notAuthorized)
        _ = try broker.device("b")
    }
}
