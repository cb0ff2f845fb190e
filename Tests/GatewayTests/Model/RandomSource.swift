/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same run on every machine.
struct RandomSource: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    mutating func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &self) }

    /// One of the last elements more often than one from long ago.
    mutating func pickRecent<Element>(_ elements: [Element], among last: Int = 40) -> Element? {
        chance(percent: 75) ? pick(elements.suffix(last)) : pick(elements)
    }

    /// Up to `count` different elements.
    mutating func some<Element>(_ elements: [Element], upTo count: Int) -> [Element] {
        Array(elements.shuffled(using: &self).prefix(Int.random(in: 1...max(1, count), using: &self)))
    }
}

extension Array {
    fileprivate func suffix(_ count: Int) -> [Element] { Array(self[Swift.max(0, self.count - count)...]) }
}
