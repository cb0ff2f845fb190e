import Foundation
import Glibc
import PushGateClient

/// Lets one thing after the other go wrong, and waits each time until the gateway is ready again.
final class FaultDirector {
    let stage: TortureStage
    let world: TortureWorld
    let load: TortureLoad
    let seed: UInt64
    let progress: @Sendable (String) -> Void
    private(set) var done: [TorturePlan.Fault: Int] = [:]
    /// What could not be done here, and why.
    private(set) var skipped: [TorturePlan.Fault: String] = [:]

    init(
        stage: TortureStage, world: TortureWorld, load: TortureLoad, seed: UInt64,
        progress: @escaping @Sendable (String) -> Void
    ) {
        self.stage = stage
        self.world = world
        self.load = load
        self.seed = seed
        self.progress = progress
    }

    func run(_ plan: TorturePlan) async throws {
        let schedule = plan.schedule(seed: seed)
        for (step, next) in schedule.enumerated() {
            var random = SeededRandom(seed: seed, .fault, step)
            if let reason = reasonToSkip(next.fault) {
                skipped[next.fault] = reason
                continue
            }
            try await Task.sleep(for: random.duration(0.2...1.5))
            let began = ContinuousClock.now
            try await perform(next.fault, number: next.number, &random)
            done[next.fault, default: 0] += 1
            let took = (ContinuousClock.now - began) / .milliseconds(1)
            progress("\(step + 1)/\(schedule.count) \(next.fault.rawValue): ready again after \(Int(took)) ms")
        }
        // Nothing is wrong any more, and everything that was must be made good.
        try stage.setClock(offsetSeconds: 0)
        try await stage.clearVendorFaults()
        try await stage.untilReady()
        try await world.putVendorSettings(stage.simulatorSettings)
    }

    private func reasonToSkip(_ fault: TorturePlan.Fault) -> String? {
        switch fault {
        case .diskFull: stage.disk.reason
        default: nil
        }
    }

    private func perform(_ fault: TorturePlan.Fault, number: Int, _ random: inout SeededRandom) async throws {
        switch fault {
        case .gatewayKilled: try await killGateway(&random)
        case .brokerKilled: try await killBroker()
        case .severalKilled: try await killSeveral(&random)
        case .gatewayStopped: try await stopGateway(&random)
        case .diskFull: try await fillDisk(&random)
        case .vendor: try await spoilVendor(number, &random)
        case .clockJump: try await jump(number, &random)
        case .idleConnections: try await holdIdleConnections()
        case .brokerRefuses: try await refuseAtBroker()
        case .brokerReload: try await reloadBroker()
        case .takeover: try await takeOver(&random)
        }
    }
}
