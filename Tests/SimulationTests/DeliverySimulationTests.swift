import Foundation
import Simulation
import Testing

/// Many short lives of a gateway on a simulated machine. A seed that fails is a defect: it is printed with what happened,
/// and `PUSHGATE_SIMULATION_SEED` runs it alone.
@Suite struct DeliverySimulationTests {
    @Test func `nothing is lost, early, late or twice`() throws {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["PUSHGATE_SIMULATION_SEED"].flatMap(UInt64.init) { return tell(seed) }
        let count = environment["PUSHGATE_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 2000
        let start = ContinuousClock.now
        var failed = 0
        for seed in 0..<count where failed < 3 {
            let run = SimulationRun(seed: seed)
            guard !run.faults.isEmpty else { continue }
            failed += 1
            tell(seed)
        }
        print("simulated \(count) seeds in \(ContinuousClock.now - start)")
    }

    @Test func `a seed always tells the same story`() {
        for seed in UInt64(0)..<60 {
            let (first, second) = (SimulationRun(seed: seed), SimulationRun(seed: seed))
            #expect(first.fingerprint == second.fingerprint, "seed \(seed)")
        }
    }

    private func tell(_ seed: UInt64) {
        let run = SimulationRun(seed: seed, isTold: true)
        if run.faults.isEmpty { return }
        Issue.record("seed \(seed):\n\(run.story.joined(separator: "\n"))\n\(run.faults.joined(separator: "\n"))")
    }
}
