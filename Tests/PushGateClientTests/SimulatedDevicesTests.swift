import Foundation
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

@Suite(.serialized) struct SimulatedDevicesTests {
    private func options() -> SimulatedDevices.Options {
        var options = SimulatedDevices.Options()
        let recent = options.client.seenMax
        options.client = quickOptions()
        options.client.seenMax = recent
        return options
    }

    @Test func `many devices receive, and every delivery is counted`() async throws {
        let gateway = try await GatewayStandIn()
        var options = options()
        options.loops = 2
        let devices = try SimulatedDevices(api: nil, options: options)
        for number in 1...200 { devices.add(gateway.session(device: "dev_\(number)", account: "acct_\(number)")) }
        try await devices.connectAll(within: .seconds(20))
        // What a page brings before it comes live is a repeat.
        try await eventually("all have caught up") { devices.counters.caughtUp == 200 }
        for number in 1...200 { try gateway.deliver("m\(number)", to: "acct_\(number)") }
        try gateway.broadcast("all")
        let arrival = try await devices.waitForEntry(within: .seconds(10)) {
            $0.entry.id == "m7" && $0.account == "acct_7"
        }
        #expect(arrival.device == 6)
        try await eventually("all deliveries are counted") { devices.delivered == 400 }
        #expect(devices.deliveries(of: "all") == 200)
        #expect(devices.accounts(having: "all") == 200)
        #expect(devices.deliveries(of: "m9", to: "acct_9") == 1)
        #expect(devices.deliveries(of: "m9", to: "acct_10") == 0)
        #expect(devices.mostDeliveriesOfOneMessage == 1)
        #expect(devices.counters.repeats == 0)
        try await eventually("all is acknowledged") { devices.all.allSatisfy { $0.client.acknowledgedSeq == 1 } }
        await #expect(throws: WaitedTooLong.self) {
            try await devices.waitForEntry(within: .milliseconds(20)) { $0.entry.id == "never" }
        }
        await devices.shutdown()
        await gateway.stop()
    }

    @Test func `devices go away, come back and catch up`() async throws {
        let gateway = try await GatewayStandIn()
        let devices = try SimulatedDevices(api: nil, options: options())
        let polite = devices.add(gateway.session(device: "dev_1", account: "acct_1"))
        let vanishing = devices.add(gateway.session(device: "dev_2", account: "acct_2"))
        let silent = devices.add(gateway.session(device: "dev_3", account: "acct_3"), behaviour: .neverAcknowledges)
        try await devices.connectAll(within: .seconds(20))
        await polite.goOffline()
        await vanishing.vanish()
        #expect(!polite.client.isConnected && !vanishing.client.isConnected)
        for account in ["acct_1", "acct_2", "acct_3"] { try gateway.deliver("m of \(account)", to: account) }
        try await devices.waitForEntry(within: .seconds(10)) { $0.account == "acct_3" }
        #expect(devices.delivered == 1)
        try polite.comeOnline()
        try vanishing.comeOnline()
        try await devices.waitForEntry(within: .seconds(10)) { $0.account == "acct_1" }
        try await devices.waitForEntry(within: .seconds(10)) { $0.account == "acct_2" }
        try await eventually("both have acknowledged") {
            polite.client.acknowledgedSeq == 1 && vanishing.client.acknowledgedSeq == 1
        }
        #expect(silent.client.acknowledgedSeq == 0)
        #expect(gateway.acknowledged("dev_3") == [])
        await devices.shutdown()
        await gateway.stop()
    }

    @Test func `a slow reader takes everything in order, in its own time`() async throws {
        let gateway = try await GatewayStandIn()
        let devices = try SimulatedDevices(api: nil, options: options())
        let slow = devices.add(gateway.session(), behaviour: .readsSlowly(oneEntryPer: .milliseconds(30)))
        try await devices.connectAll(within: .seconds(20))
        let start = ContinuousClock.now
        for number in 1...10 { try gateway.deliver("m\(number)") }
        try await devices.waitForEntry(within: .seconds(20)) { $0.entry.id == "m10" }
        #expect(ContinuousClock.now - start > .milliseconds(250))
        #expect(devices.delivered == 10)
        try await eventually("all is contiguous") { slow.client.lastContiguousSeq == 10 }
        await devices.shutdown()
        await gateway.stop()
    }

    @Test func `devices register side by side under users of their own`() async throws {
        let server = try await ScriptedHTTPServer { request in
            let body = (try? JSONValue(parsing: Array(request.body.utf8))) ?? .null
            let user = body["userId"]?.string ?? ""
            return .init(
                status: 201,
                body: #"""
                    {"account":"acct_\#(user)","deviceId":"dev_\#(user)","userId":"\#(user)","tenantNo":"t1",
                    "credential":"c","credentialExpiresAt":1,"im":{"host":"127.0.0.1","port":1,"tls":false}}
                    """#)
        }
        let devices = try SimulatedDevices(api: GatewayAPI(server.url))
        try await devices.register(50) { "signature of \($0)" }
        try await devices.register(10) { _ in nil }
        #expect(devices.all.map(\.userID) == (1...60).map { "user\($0)" })
        #expect(
            server.requests.contains { $0.headers.first(name: "authorization") == "Bearer signature of user50" })
        await devices.shutdown()
        try await server.stop()
    }

    @Test func `5000 connected devices take less than 100 MB`() async throws {
        let gateway = try await GatewayStandIn()
        var options = SimulatedDevices.Options()
        options.countsEachMessage = false
        options.recentMax = 0
        let devices = try SimulatedDevices(api: nil, options: options)
        let before = try residentBytes()
        for number in 1...5000 { devices.add(gateway.session(device: "dev_\(number)", account: "acct_\(number)")) }
        try await devices.connectAll(within: .seconds(120))
        try gateway.broadcast("all")
        try await eventually("all have the broadcast", within: .seconds(60)) { devices.delivered == 5000 }
        let growth = try residentBytes() - before
        #expect(growth < 100_000_000)
        await devices.shutdown()
        await gateway.stop()
    }

    private func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return try #require(Int(pages)) * Int(getpagesize())
    }
}
