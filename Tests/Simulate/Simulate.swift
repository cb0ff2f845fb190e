import Foundation
import Simulation

/// `simulate [SEEDS [FIRST]]` runs that many short lives of a gateway (100 000 from 0) and tells each that fails;
/// `simulate seed SEED` tells one life step by step.
@main
struct Simulate {
    private static let failuresMax = 3

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "seed", let seed = arguments.dropFirst().first.flatMap(UInt64.init) {
            exit(tell(seed) ? 0 : 1)
        }
        let count = arguments.first.flatMap(UInt64.init) ?? 100_000
        let first = arguments.dropFirst().first.flatMap(UInt64.init) ?? 0
        let start = ContinuousClock.now
        var failures = 0
        for seed in first..<first + count where failures < failuresMax {
            if SimulationRun(seed: seed).faults.isEmpty { continue }
            failures += 1
            _ = tell(seed)
        }
        print(failures == 0 ? "\(count) seeds, nothing wrong, \(ContinuousClock.now - start)" : "\(failures) failed")
        exit(failures == 0 ? 0 : 1)
    }

    /// Returns whether all went well.
    private static func tell(_ seed: UInt64) -> Bool {
        let run = SimulationRun(seed: seed, isTold: true)
        print("seed \(seed)")
        for line in run.story { print("  \(line)") }
        for fault in run.faults { print("  WRONG: \(fault)") }
        return run.faults.isEmpty
    }
}
