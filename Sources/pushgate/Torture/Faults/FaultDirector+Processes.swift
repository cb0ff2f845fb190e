import Foundation
import Glibc

/// Processes that die or stand still.
extension FaultDirector {
    func killGateway(_ random: inout SeededRandom) async throws {
        await stage.killGateway()
        try stage.startGateway()
        // Every fourth dies again while it starts.
        if random.chance(0.25) {
            try await Task.sleep(for: random.duration(0...0.8))
            await stage.killGateway()
            try stage.startGateway()
        }
        try await stage.untilReady()
    }

    func killBroker() async throws {
        let old = stage.brokerProcessID
        guard stage.signalBroker(SIGKILL) else { throw TortureFault("there was no broker to kill") }
        try await untilBroker(isNot: old)
    }

    private func untilBroker(isNot old: pid_t?) async throws {
        _ = try await stage.waitFor("another broker", within: .seconds(60)) { () -> Bool? in
            guard let new = stage.brokerProcessID, new != old else { return nil }
            return true
        }
        try await stage.untilReady()
    }

    /// One to three of gateway, broker and vendor simulator at once.
    func killSeveral(_ random: inout SeededRandom) async throws {
        let choice = Int.random(in: 1..<8, using: &random)
        let (killsGateway, killsBroker, killsSimulator) = (choice & 1 != 0, choice & 2 != 0, choice & 4 != 0)
        let old = stage.brokerProcessID
        if killsSimulator { await stage.killSimulator() }
        if killsBroker { stage.signalBroker(SIGKILL) }
        if killsGateway { await stage.killGateway() }
        try await Task.sleep(for: random.duration(0...1.5))
        if killsGateway { try stage.startGateway() }
        if killsSimulator { try await stage.startSimulator() }
        if killsGateway || killsBroker { try await untilBroker(isNot: old) }
        // Its credentials are new with each start.
        if killsSimulator { try await world.putVendorSettings() }
    }

    /// A third of them shorter than a client's patience, a third longer than that of most.
    func stopGateway(_ number: Int, _ random: inout SeededRandom) async throws {
        let lengths = [1.0...4, 4...12, 12...20]
        stage.signalGateway(SIGSTOP)
        defer { stage.signalGateway(SIGCONT) }
        try await Task.sleep(for: random.duration(lengths[number % lengths.count]))
        stage.signalGateway(SIGCONT)
        try await stage.untilReady()
    }

    func fillDisk(_ random: inout SeededRandom) async throws {
        try stage.disk.fill(leaving: UInt64.random(in: 0...2_000_000, using: &random))
        try await Task.sleep(for: random.duration(2...6))
        // Sometimes it dies with the disk full, and starts with it free.
        let dies = random.chance(0.3)
        if dies { await stage.killGateway() }
        try stage.disk.free()
        if dies { try stage.startGateway() }
        try await stage.untilReady()
    }
}
