/// SplitMix64: a seed tells every number that follows.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 to `count` - 1.
    mutating func below(_ count: Int) -> Int { count <= 1 ? 0 : Int(truncatingIfNeeded: next() % UInt64(count)) }

    mutating func number(_ first: Int64, _ last: Int64) -> Int64 { first + Int64(below(Int(last - first + 1))) }

    /// In so many of a hundred cases.
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
