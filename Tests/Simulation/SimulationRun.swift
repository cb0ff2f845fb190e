/// One seed's run.
public struct SimulationRun: Sendable {
    public let seed: UInt64
    /// What was wrong; empty where all went well.
    public let faults: [String]
    /// Two runs of a seed have the same.
    public let fingerprint: UInt64
    /// What happened, step by step, where it was asked for.
    public let story: [String]

    public init(seed: UInt64, isTold: Bool = false) {
        self.seed = seed
        let scenario = DeliveryScenario(seed: seed, isTold: isTold)
        faults = scenario.run()
        // Every choice drew from it.
        fingerprint = scenario.world.fingerprint ^ scenario.world.random.next()
        story = scenario.world.story
    }
}
