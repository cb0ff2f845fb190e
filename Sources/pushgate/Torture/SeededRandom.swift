/// SplitMix64: the same seed gives the same choices, on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The choices about one thing (a message, a device): they do not depend on what was chosen before, so that the run
    /// makes the same ones however its threads interleave.
    init(seed: UInt64, _ purpose: Purpose, _ number: Int) {
        var mixer = SeededRandom(seed: seed ^ purpose.rawValue)
        state = mixer.next() ^ UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
    }

    enum Purpose: UInt64 {
        case world = 0x1000
        case message = 0x2000
        case device = 0x3000
        case faults = 0x4000
        case fault = 0x5000
        case vendor = 0x6000
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    mutating func duration(_ range: ClosedRange<Double>) -> Duration {
        .seconds(Double.random(in: range, using: &self))
    }
}
