import PushSimulators
import Testing

@testable import pushgate

@Suite struct RequestPausesTests {
    private func at(_ time: Int64, retryAt: Int64? = nil) -> RecordedRequest {
        RecordedRequest(vendor: .fcm, receivedAt: time, fault: retryAt.map { _ in "serverError" }, retryAt: retryAt)
    }

    @Test func `a pause that is kept, with requests that were under way`() {
        let pauses = RequestPauses([
            at(0), at(100, retryAt: 2100), at(101), at(150, retryAt: 2150), at(2150, retryAt: 4150), at(4400),
        ])
        #expect(pauses.count == 2 && pauses.early == 0 && pauses.late == 0 && pauses.latestBy == 250)
    }

    @Test func `a request within the pause is early`() {
        let pauses = RequestPauses([at(0, retryAt: 3000), at(1500), at(2999), at(3000)])
        #expect(pauses.early == 2 && pauses.earliestBy == 1500 && pauses.count == 1)
    }

    @Test func `more requests than can have been under way are early`() {
        let burst = (0..<(RequestPauses.underWayMax + 5)).map { at(Int64($0), retryAt: 3000) }
        #expect(RequestPauses(burst).early == 5)
    }

    @Test func `a pause of more than a tenth too long is late`() {
        let floor: Int64 = 250
        #expect(RequestPauses([at(0, retryAt: 4000), at(4400 + floor)]).late == 0)
        #expect(RequestPauses([at(0, retryAt: 4000), at(4401 + floor)]).late == 1)
    }

    @Test func `nobody asked, or nothing came afterwards`() {
        #expect(RequestPauses([at(0), at(1)]).count == 0)
        #expect(RequestPauses([at(0, retryAt: 3000)]).count == 0)
    }

    @Test func `the most requests in any second`() {
        let times: [Int64] = [0, 10, 999, 1000, 1001, 1500, 5000]
        #expect(RequestRate.highest(times, from: 0, to: 6000) == 4)
        #expect(RequestRate.highest(times, from: 2000, to: 6000) == 1)
        #expect(RequestRate.highest([], from: 0, to: 10) == 0)
    }
}
