import PushCore
import Testing

@Suite struct TokenBrakeTests {
    private let brake = TokenBrake()
    private let start = ContinuousClock.now

    /// Answers for tokens `numbers` of a lane, at a time after the start.
    private func note(
        _ numbers: Range<Int>, lane: Int64 = 1, doubtful: Bool, after seconds: Int64 = 0, tenant: Int64 = 1,
        vendor: Vendor = .apns
    ) -> Set<Int64> {
        brake.note(
            numbers.map {
                TokenBrake.Answer(
                    lane: lane, token: PushToken(vendor: vendor, token: "\(lane)-\($0)"), isDoubtful: doubtful)
            }, tenant: TenantKey(rawValue: tenant), vendor: vendor, at: start + .seconds(seconds))
    }

    @Test func `nineteen tokens say nothing, twenty do`() {
        #expect(note(0..<19, doubtful: true) == [])
        #expect(note(19..<20, doubtful: true) == [1])
        #expect(brake.isDoubted(1))
    }

    @Test func `the same token again is no further token`() {
        for _ in 0..<50 { #expect(note(0..<5, doubtful: true) == []) }
    }

    @Test func `a fifth of the answers is believed, more is not`() {
        #expect(note(0..<80, doubtful: false) == [])
        #expect(note(80..<100, doubtful: true) == [])
        #expect(note(100..<101, doubtful: true) == [1])
    }

    @Test func `what is older than ten minutes no longer counts`() {
        #expect(note(0..<19, doubtful: true) == [])
        #expect(note(19..<38, doubtful: true, after: 660) == [])
        #expect(note(38..<39, doubtful: true, after: 1100) == [1])
        // And good answers of long ago hide nothing.
        #expect(note(0..<1000, lane: 2, doubtful: false, after: 2000) == [])
        #expect(note(1000..<1020, lane: 2, doubtful: true, after: 2661) == [2])
    }

    @Test func `tenants and vendors are apart`() {
        #expect(note(0..<15, lane: 1, doubtful: true) == [])
        #expect(note(0..<15, lane: 2, doubtful: true, tenant: 2) == [])
        #expect(note(0..<15, lane: 3, doubtful: true, vendor: .fcm) == [])
    }

    @Test func `two small credentials of one vendor are stopped together, a good one is not`() {
        #expect(note(0..<5, lane: 3, doubtful: false) == [])
        #expect(note(0..<12, lane: 1, doubtful: true) == [])
        #expect(note(0..<12, lane: 2, doubtful: true) == [1, 2])
        #expect(!brake.isDoubted(3))
    }

    @Test func `a large good credential does not hide a small wrong one`() {
        #expect(note(0..<5000, lane: 1, doubtful: false) == [])
        #expect(note(0..<20, lane: 2, doubtful: true) == [2])
    }

    @Test func `a stopped credential stays in doubt until an answer is good`() {
        #expect(note(0..<20, doubtful: true) == [1])
        // Each probe that is refused stops it again, although it is one token.
        #expect(note(20..<21, doubtful: true, after: 60) == [1])
        #expect(note(21..<22, doubtful: true, after: 3600) == [1])
        #expect(note(22..<23, doubtful: false, after: 3660) == [])
        #expect(!brake.isDoubted(1))
        // What was counted before is done with.
        #expect(note(23..<30, doubtful: true, after: 3660) == [])
    }

    @Test func `a push that is refused for itself clears no doubt`() {
        #expect(note(0..<20, doubtful: true) == [1])
        let refused = TokenBrake.Answer(
            lane: 1, token: PushToken(vendor: .apns, token: "x"), isDoubtful: false, isProof: false)
        #expect(brake.note([refused], tenant: TenantKey(rawValue: 1), vendor: .apns, at: start) == [])
        #expect(brake.isDoubted(1))
    }

    @Test func `a changed or tested credential is believed again`() {
        #expect(note(0..<20, doubtful: true) == [1])
        brake.forget(lanes: [1])
        #expect(note(20..<30, doubtful: true, after: 1) == [])
    }
}
