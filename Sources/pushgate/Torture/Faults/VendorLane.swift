import PushGateClient
import PushSimulators

/// One vendor after the other goes wrong, beside everything else that does: while it does, so many pushes to its phones
/// become due.
struct VendorLane {
    let stage: TortureStage
    let world: TortureWorld
    let load: TortureLoad
    let seed: UInt64
    let times: Int
    let pushes: Int
    let progress: @Sendable (String) -> Void

    /// For a fault to be met, after the last message was accepted: longer than a gateway is stopped.
    private static let patience = Duration.seconds(21)
    /// For those that befall single tokens, which are not counted.
    private static let unseen = Duration.seconds(2)
    private static let interval = Duration.milliseconds(100)

    /// - Returns: how many went wrong.
    func run() async throws -> Int {
        let dead = world.crowd.tokens[.fcm]?.prefix(VendorCrowd.deadTokens) ?? []
        let modes = VendorFaultMode.all(dead: Array(dead))
        let messages = max(1, pushes / VendorCrowd.members)
        for number in 0..<times {
            var random = SeededRandom(seed: seed, .vendor, number)
            try await Task.sleep(for: random.duration(0.1...0.8))
            // Somebody waits until nothing is under way any more.
            while load.isHeldUp { try await Task.sleep(for: .milliseconds(100)) }
            let mode = modes[number % modes.count]
            let hits = try await afflict(mode, numbers: number * messages..<(number + 1) * messages)
            let met = mode.isPerToken ? "" : ", \(hits) requests met it"
            progress("vendor \(number + 1)/\(times) \(mode.name): \(messages * VendorCrowd.members) pushes\(met)")
        }
        return times
    }

    private func afflict(_ mode: VendorFaultMode, numbers: Range<Int>) async throws -> Int {
        let before = try await disturbed(mode.vendor)
        try await stage.inject(mode.fault)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in numbers {
                group.addTask { await load.deliver(world.crowd.message(number, to: mode.vendor)) }
                try await Task.sleep(for: Self.interval)
            }
            try await group.waitForAll()
        }
        let deadline = ContinuousClock.now + (mode.isPerToken ? Self.unseen : Self.patience)
        var hits = 0
        while hits == 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
            // A simulator that was killed meanwhile counts from 0.
            let now = try await disturbed(mode.vendor)
            hits = now >= before ? now - before : now
        }
        try await stage.clearVendorFaults()
        // A stopped credential starts again with the settings.
        if mode.stopsCredential { try await world.putVendorSettings() }
        return hits
    }

    private func disturbed(_ vendor: SimulatedVendor) async throws -> Int {
        Int(try await stage.simulatorCounters()[vendor.rawValue]?["disturbed"]?.integer ?? 0)
    }
}
