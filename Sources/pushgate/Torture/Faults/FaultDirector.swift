import Foundation
import Glibc
import PushGateClient

/// Lets one thing after the other go wrong, and waits each time until the gateway is ready again.
final class FaultDirector {
    let stage: TortureStage
    let world: TortureWorld
    let load: TortureLoad
    let quiet: QuietSessions
    let plan: TorturePlan
    let seed: UInt64
    let progress: @Sendable (String) -> Void
    private(set) var done: [TorturePlan.Fault: Int] = [:]
    /// What could not be done here, and why.
    private(set) var skipped: [TorturePlan.Fault: String] = [:]

    init(
        stage: TortureStage, world: TortureWorld, load: TortureLoad, quiet: QuietSessions, plan: TorturePlan,
        seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) {
        self.stage = stage
        self.world = world
        self.load = load
        self.quiet = quiet
        self.plan = plan
        self.seed = seed
        self.progress = progress
    }

    func run() async throws {
        let vendors = VendorLane(
            stage: stage, world: world, load: load, seed: seed, times: plan.counts[.vendor] ?? 0, pushes: plan.pushes,
            progress: progress)
        let lane = Task { try await vendors.run() }
        do {
            try await runSchedule()
        } catch {
            lane.cancel()
            _ = try? await lane.value  // the first error is the one to tell
            throw error
        }
        done[.vendor] = try await lane.value
        // Nothing is wrong any more, and everything that was must be made good.
        try stage.setClock(offsetSeconds: 0)
        try await stage.clearVendorFaults()
        try await stage.untilReady()
        try await world.putVendorSettings()
    }

    private func runSchedule() async throws {
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
    }

    private func reasonToSkip(_ fault: TorturePlan.Fault) -> String? {
        switch fault {
        case .diskFull: stage.disk.reason
        case .storeCall: Strace.path == nil ? "strace is not installed" : nil
        default: nil
        }
    }

    private func perform(_ fault: TorturePlan.Fault, number: Int, _ random: inout SeededRandom) async throws {
        switch fault {
        case .gatewayKilled: try await killGateway(&random)
        case .brokerKilled: try await killBroker()
        case .severalKilled: try await killSeveral(&random)
        case .gatewayStopped: try await stopGateway(number, &random)
        case .storeCall: try await failStoreCall(number, &random)
        case .diskFull: try await fillDisk(&random)
        case .vendor: break  // has a lane of its own
        case .clockJump: try await jump(number, &random)
        case .idleConnections: try await holdIdleConnections()
        case .brokerRefuses: try await refuseAtBroker()
        case .brokerReload: try await reloadBroker()
        case .takeover: try await takeOver(&random)
        }
    }
}
