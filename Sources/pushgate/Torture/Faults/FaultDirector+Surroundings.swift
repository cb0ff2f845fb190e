import Foundation
import Glibc
import PushGateClient

/// What goes wrong around the gateway: the broker, the clock and clients.
extension FaultDirector {
    func jump(_ number: Int, _ random: inout SeededRandom) async throws {
        let now = Int64(Date().timeIntervalSince1970)
        let hour: Int64 = 3600
        let offsets = [hour, -hour, 24 * hour, -24 * hour, 1000 - now, 2_147_483_700 - now]
        let offset = offsets[number % offsets.count]
        // Beyond the longest life of a push, those that wait would rightly expire.
        if offset > 400 * 24 * hour { try await letPushesOut() }
        try stage.setClock(offsetSeconds: offset)
        load.resume()
        try await Task.sleep(for: random.duration(1.5...4))
        try stage.setClock(offsetSeconds: 0)
        try await stage.untilReady()
    }

    /// Until every push that is due is out.
    private func letPushesOut() async throws {
        load.pause()
        var quietSince = ContinuousClock.now
        _ = try await stage.waitFor("the pushes to go out", within: .seconds(120)) { () -> Bool? in
            if load.counters.underWay > 0 { quietSince = .now }
            if try await stage.pushesWaiting() > 0 { quietSince = .now }
            // Longer than presence is in doubt after a start: only then does the gateway know who is away.
            return ContinuousClock.now - quietSince > .seconds(18) ? true : nil
        }
    }

    func reloadBroker() async throws {
        try quiet.connect()
        try await quiet.untilConnected()
        guard stage.signalBroker(SIGHUP) else { throw TortureFault("there was no broker to reload") }
        try await Task.sleep(for: .seconds(1))
        try await stage.untilReady()
        try await quiet.untilConnected()
        if !plan.keepsQuietSessions { await quiet.disconnect() }
    }

    func takeOver(_ random: inout SeededRandom) async throws {
        let devices = world.devices.filter(\.behaviour.connects).shuffled(using: &random).prefix(30)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for device in devices { group.addTask { try await device.takeOver() } }
            try await group.waitForAll()
        }
    }

    /// The broker's restart then opens sockets with numbers above 1023.
    func holdIdleConnections() async throws {
        let idle = try IdleConnections(count: 1500, port: stage.httpPort)
        defer { idle.close() }
        try await killBroker()
    }

    /// Somebody else listens where the broker did, and refuses whoever comes.
    func refuseAtBroker() async throws {
        let old = stage.brokerProcessID
        // The gateway must not be quicker with a new broker.
        stage.signalGateway(SIGSTOP)
        defer { stage.signalGateway(SIGCONT) }
        guard stage.signalBroker(SIGKILL) else { throw TortureFault("there was no broker to kill") }
        let refuser = try await stage.waitFor("the broker's port", within: .seconds(10)) {
            RefusingBroker(port: stage.mqttPort)
        }
        stage.signalGateway(SIGCONT)
        let end = ContinuousClock.now + TorturePlan.refusal
        while ContinuousClock.now < end {
            refuser.refuseThoseWaiting()
            try await Task.sleep(for: .milliseconds(20))
        }
        refuser.close()
        _ = try await stage.waitFor("another broker", within: .seconds(60)) { () -> Bool? in
            guard let new = stage.brokerProcessID, new != old else { return nil }
            return true
        }
        try await stage.untilReady()
    }
}
