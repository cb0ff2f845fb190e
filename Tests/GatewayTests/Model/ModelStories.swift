import Foundation
import Testing

extension GatewayStories {
    /// Random operations at the real doors against a small model of the contract.
    ///
    /// `PUSHGATE_MODEL_SEED` repeats a run, `PUSHGATE_MODEL_STEPS` makes it longer. Where `CI` is set the seed is always
    /// the same, so that a run that fails there is the change's; elsewhere each run is a new one.
    @Suite struct ModelStories {
        @Test func `whatever is done in whatever order, the gateway shows what the contract says`() async throws {
            let environment = ProcessInfo.processInfo.environment
            let fresh = environment["CI"] == nil ? UInt64.random(in: 0...999_999_999) : 9001
            let seed = environment["PUSHGATE_MODEL_SEED"].flatMap { UInt64($0) } ?? fresh
            let steps = environment["PUSHGATE_MODEL_STEPS"].flatMap { Int($0) } ?? 2000
            print("PUSHGATE_MODEL_SEED=\(seed) PUSHGATE_MODEL_STEPS=\(steps)")
            try await withStory { story in
                let users = (0..<7).map { "user-\($0)" }
                let driver = try await ModelDriver(story, seed: seed, users: users)
                let start = ContinuousClock.now
                try await driver.run(steps: steps)
                try await driver.compareDecisions(last: 50)
                print("\(steps) steps in \(ContinuousClock.now - start): \(driver.summary)")
                await driver.disconnect()
            }
        }
    }
}
