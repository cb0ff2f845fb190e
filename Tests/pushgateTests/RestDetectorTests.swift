import Testing

@testable import pushgate

@Suite struct RestDetectorTests {
    /// Which of these looks, a second apart, found rest after work; each value is what was used since the one before.
    private func found(_ used: [Double]) -> [Int] {
        var detector = RestDetector()
        var total = 0.0
        return used.indices.filter { index in
            total += used[index]
            return detector.look(cpuSeconds: total)
        }
    }

    @Test func `rest after work is found once`() {
        #expect(found([0.9, 0, 0, 0, 0, 0, 0]) == [3])
    }

    @Test func `a pause in the work is no rest`() {
        #expect(found([0.9, 0, 0, 0.9, 0, 0, 0.2, 0, 0, 0]) == [9])
    }

    @Test func `steady work is not interrupted`() {
        #expect(found([Double](repeating: 0.5, count: 100)).isEmpty)
    }

    @Test func `little work leaves nothing behind`() {
        #expect(found([0.3] + [Double](repeating: 0, count: 10)).isEmpty)
    }

    @Test func `quiet housekeeping adds up to work`() {
        let looks = found([Double](repeating: 0.05, count: 100))
        #expect(!looks.isEmpty && looks.count <= 10)
    }

    @Test func `each stretch of work is followed by its own`() {
        #expect(found([0.9, 0, 0, 0, 0.9, 0, 0, 0]) == [3, 7])
    }
}
