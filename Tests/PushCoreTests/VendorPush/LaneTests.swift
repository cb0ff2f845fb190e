import PushTestSupport
import Testing

@testable import PushCore

/// A sender that is only asked what it can do.
struct IdleSender: VendorSender {
    var vendor = Vendor.fcm
    var concurrentMax = 10
    var canSendSilently = true
    var batchForm = BatchForm.single
    var budget = PushBudget.unlimited

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] { [] }
    func check(_ push: VendorPush) async -> VendorAnswer { .sent(vendorID: nil) }
    func shutdown() async {}
}

extension VendorSettings {
    static func sample(lane: Int64 = 1, vendor: Vendor = .fcm) -> VendorSettings {
        VendorSettings(lane: lane, tenantKey: Tenant.sample.key, app: nil, vendor: vendor, settings: .emptyObject)
    }
}

extension PushJob {
    static func sample(
        _ key: Int64, lane: Int64 = 1, message: Int64 = 1, attempts: Int = 1,
        messageClass: MessageClass = .transactional
    ) -> PushJob {
        PushJob(
            key: key, lane: lane, message: MessageKey(rawValue: message), device: DeviceKey(rawValue: key),
            attempts: attempts, createdAt: 0, messageClass: messageClass)
    }
}

@Suite struct LaneTests {
    private let start = ContinuousClock.now
    private let fault = VendorReply(code: "503")

    private func lane(_ sender: IdleSender = IdleSender(), jobs: ClosedRange<Int64>? = nil) -> Lane {
        var lane = Lane(.sample(), sender: sender)
        for key in jobs.map(Array.init) ?? [] { lane.claimed(.sample(key)) }
        return lane
    }

    // MARK: Circuit

    private func note(
        _ verdict: LaneCircuit.Verdict, in circuit: inout LaneCircuit, began: Double, ended: Double,
        isProbe: Bool = false
    ) {
        circuit.note(
            verdict, began: start + .seconds(began), isProbe: isProbe, now: start + .seconds(ended),
            wall: Milliseconds(ended * 1000))
    }

    @Test func `a connection that takes a hundred requests with it is one fault`() {
        var circuit = LaneCircuit()
        for job in 1...100 { note(.failed(fault, job: Int64(job)), in: &circuit, began: 0, ended: 1) }
        #expect(circuit.permit(now: start + .seconds(1)) == .all)
    }

    @Test func `three rounds of failures open it, a success in between does not let it`() {
        var circuit = LaneCircuit()
        note(.failed(fault, job: 1), in: &circuit, began: 0, ended: 1)
        note(.failed(fault, job: 2), in: &circuit, began: 1, ended: 2)
        note(.through, in: &circuit, began: 1, ended: 2)
        note(.failed(fault, job: 3), in: &circuit, began: 2, ended: 3)
        note(.failed(fault, job: 4), in: &circuit, began: 3, ended: 4)
        #expect(circuit.permit(now: start + .seconds(4)) == .all)
        note(.failed(fault, job: 5), in: &circuit, began: 4, ended: 5)
        #expect(circuit.permit(now: start + .seconds(5)) == .none)
        #expect(circuit.opening?.reply == fault && circuit.opening?.since == 5000)
    }

    @Test func `one push that always fails says nothing of the vendor`() {
        var circuit = LaneCircuit()
        for round in 0..<10 {
            note(.failed(fault, job: 1), in: &circuit, began: Double(round), ended: Double(round) + 0.5)
        }
        #expect(circuit.opening == nil)
    }

    @Test func `probes go one at a time, further and further apart, up to a minute`() throws {
        var circuit = LaneCircuit()
        circuit.open(.failing, fault, now: start, wall: 0)
        var now = start
        var pauses: [Duration] = []
        for _ in 0..<10 {
            let until = try #require(circuit.opening).until
            pauses.append(until - now)
            now = until
            #expect(circuit.permit(now: now - .milliseconds(1)) == .none)
            #expect(circuit.permit(now: now) == .probe)
            circuit.beginProbe()
            #expect(circuit.permit(now: now) == .none, "one at a time")
            circuit.note(.failed(fault, job: 1), began: now, isProbe: true, now: now, wall: 0)
        }
        #expect(pauses.first == .milliseconds(500) && pauses[1] == .seconds(1) && pauses.last == .seconds(60))
        circuit.note(.through, began: now, isProbe: true, now: now, wall: 0)
        #expect(circuit.permit(now: now) == .all)
    }

    @Test func `a vendor that fails altogether is not probed before the time it asked for`() throws {
        var circuit = LaneCircuit()
        let asked = LaneCircuit.Verdict.failed(fault, job: 1, after: .seconds(7))
        note(.failed(fault, job: 2), in: &circuit, began: 0, ended: 1)
        note(.failed(fault, job: 3), in: &circuit, began: 1, ended: 2)
        note(asked, in: &circuit, began: 2, ended: 3)
        #expect(circuit.permit(now: start + .seconds(9.9)) == .none)
        // A request that was under way asks for more.
        note(asked, in: &circuit, began: 2, ended: 4)
        #expect(circuit.permit(now: start + .seconds(10.9)) == .none)
        #expect(circuit.permit(now: start + .seconds(11)) == .probe)
        circuit.beginProbe()
        note(asked, in: &circuit, began: 11, ended: 12, isProbe: true)
        #expect(circuit.permit(now: start + .seconds(18.9)) == .none)
        #expect(circuit.permit(now: start + .seconds(19)) == .probe, "and no later")
    }

    @Test func `three pushes that went out together and were told to wait open it, two do not`() {
        var circuit = LaneCircuit()
        func ask(_ job: Int64) { note(.failed(fault, job: job, after: .seconds(7)), in: &circuit, began: 0, ended: 1) }
        ask(1)
        ask(2)
        note(.through, in: &circuit, began: 0, ended: 1)
        ask(3)
        ask(4)
        #expect(circuit.permit(now: start + .seconds(1)) == .all)
        ask(5)
        #expect(circuit.permit(now: start + .seconds(7.9)) == .none)
        #expect(circuit.permit(now: start + .seconds(8)) == .probe)
    }

    @Test func `of the pauses asked for in one request the longest counts`() {
        let verdict = LaneCircuit.Verdict([
            (1, .retry(fault, after: .seconds(2))), (2, .retry(fault, after: .seconds(5))), (3, .unknown(fault)),
        ])
        #expect(verdict == .failed(fault, job: 1, after: .seconds(5)))
    }

    @Test func `what was read before a pause does not begin in it`() throws {
        var lane = lane(jobs: 1...5)
        let taken = lane.takePage(now: start)
        let page = try #require(taken)
        lane.pause(.credential, for: .seconds(5), reply: fault, now: start, wall: 0)
        #expect(!lane.mayBegin(page, now: start + .seconds(4.9)))
        #expect(lane.mayBegin(page, now: start + .seconds(5)))
    }

    @Test func `a refused credential is opened by nothing but its probe`() {
        var circuit = LaneCircuit()
        note(.refused(VendorReply(code: "401")), in: &circuit, began: 0, ended: 1)
        note(.through, in: &circuit, began: 0, ended: 2)
        note(.answered, in: &circuit, began: 0, ended: 2)
        #expect(circuit.permit(now: start + .seconds(60.9)) == .none)
        #expect(circuit.permit(now: start + .seconds(61)) == .probe)
        circuit.beginProbe()
        // Its token may be wrong or the credential: nothing is known.
        note(.answered, in: &circuit, began: 61, ended: 62, isProbe: true)
        #expect(circuit.permit(now: start + .seconds(121)) == .none)
        circuit.beginProbe()
        note(.through, in: &circuit, began: 122, ended: 123, isProbe: true)
        #expect(circuit.permit(now: start + .seconds(123)) == .all)
    }

    @Test func `a brake stays one when the credential is refused as well`() {
        var circuit = LaneCircuit()
        circuit.open(.braked, fault, now: start, wall: 0)
        note(.refused(VendorReply(code: "401")), in: &circuit, began: 0, ended: 1)
        #expect(circuit.opening?.reason == .braked && circuit.opening?.reply.code == "401")
    }

    @Test func `a push that is refused for itself ends a refusal, not a brake`() {
        for (reason, isOver) in [(LaneCircuit.Reason.refused, true), (.braked, false)] {
            var circuit = LaneCircuit()
            circuit.open(reason, fault, now: start, wall: 0)
            circuit.beginProbe()
            note(.accepted, in: &circuit, began: 60, ended: 61, isProbe: true)
            #expect((circuit.opening == nil) == isOver, "\(reason)")
        }
    }

    @Test func `what the vendor was not asked closes nothing, and the next probe is soon`() {
        for reason in [LaneCircuit.Reason.failing, .refused, .braked] {
            var circuit = LaneCircuit()
            circuit.open(reason, fault, now: start, wall: 0)
            circuit.beginProbe()
            note(.nothing, in: &circuit, began: 60, ended: 61, isProbe: true)
            #expect(circuit.permit(now: start + .seconds(61)) == .none)
            #expect(circuit.permit(now: start + .seconds(61) + LaneCircuit.firstPause) == .probe)
        }
    }

    @Test func `a pause that the vendor asked for with its faults is kept by the whole lane`() {
        var circuit = LaneCircuit()
        for round in 1...3 {
            note(
                .failed(fault, job: Int64(round), after: .seconds(120)), in: &circuit, began: Double(round),
                ended: Double(round) + 0.5)
        }
        #expect(circuit.permit(now: start + .seconds(123.4)) == .none)
        #expect(circuit.permit(now: start + .seconds(123.5)) == .probe)
        circuit.beginProbe()
        note(
            .failed(fault, job: 4, after: .seconds(300)), in: &circuit, began: 124, ended: 125,
            isProbe: true)
        #expect(circuit.permit(now: start + .seconds(424)) == .none)
        #expect(circuit.permit(now: start + .seconds(425)) == .probe)
        circuit.close()
        for round in 1...3 {
            note(
                .failed(fault, job: Int64(round)), in: &circuit, began: 430 + Double(round),
                ended: 431 + Double(round))
        }
        #expect(circuit.permit(now: start + .seconds(435)) == .probe, "that was another time")
    }

    @Test(
        arguments: [
            ([.sent(vendorID: nil), .retry(VendorReply(code: "5"))], "through"),
            ([.retry(VendorReply(code: "5")), .unknown(VendorReply(code: "6"))], "failed"),
            ([.dead(VendorReply(code: "d"), mayBeMisconfiguration: true)], "answered"),
            ([.slow(VendorReply(code: "429"), scope: .device), .retry(VendorReply(code: "5"))], "answered"),
            ([.sent(vendorID: nil), .auth(VendorReply(code: "401"))], "refused"),
            ([.drop(VendorReply(code: "413"))], "accepted"),
            ([.drop(VendorReply(code: "bad_url", isLocal: true))], "nothing"),
            (
                [.dead(VendorReply(code: "illegal", isLocal: true)), .retry(VendorReply(code: "5"))],
                "failed"
            ),
            ([.auth(VendorReply(code: "signing_failed", isLocal: true))], "refused"),
        ] as [([VendorAnswer], String)])
    func `what a request says of its credential`(answers: [VendorAnswer], expected: String) {
        let verdict = LaneCircuit.Verdict(answers.enumerated().map { (Int64($0.offset), $0.element) })
        #expect("\(verdict)".hasPrefix(expected), "\(verdict)")
    }

    // MARK: Room

    @Test func `a hundred lanes that hang leave room for one more`() {
        var lanes: [Lane] = []
        var free = 16_000
        for number in 0...100 {
            var lane = Lane(.sample(lane: Int64(number)), sender: IdleSender(concurrentMax: 1000))
            // Again and again, until it gets no more.
            while case let wanted = lane.wanted(free: free, now: start), let count = wanted[.transactional], count > 0 {
                for key in 0..<Int64(count) { lane.claimed(.sample(key)) }
                free -= count
                _ = lane.takePage(now: start)
            }
            lanes.append(lane)
        }
        #expect(lanes.allSatisfy { $0.held >= Lane.heldAlways })
        #expect(lanes[0].held <= 8000)
        #expect(lanes.reduce(0) { $0 + $1.held } <= 16_000 + 101 * Lane.heldAlways)
    }

    @Test func `a stopped lane claims nothing, and one job for its probe`() {
        var lane = lane()
        lane.circuit.open(.refused, fault, now: start, wall: 0)
        #expect(lane.wanted(free: 1000, now: start).isEmpty)
        // Of whatever class it is: a lane with marketing alone must be probed as well.
        #expect(lane.wanted(free: 1000, now: start + .seconds(60)) == [.transactional: 1, .marketing: 1])
        #expect(lane.room(free: 1000, now: start + .seconds(60)) == 1)
        lane.claimed(.sample(1))
        #expect(lane.wanted(free: 1000, now: start + .seconds(60)).isEmpty)
        #expect(lane.takePage(now: start + .seconds(60))?.isProbe == true)
        lane.claimed(.sample(2))
        #expect(lane.takePage(now: start + .seconds(60)) == nil, "one probe at a time")
    }

    @Test func `what waits in a lane that is stopped goes back`() {
        var lane = lane(jobs: 1...5)
        let page = lane.takePage(now: start)
        lane.circuit.open(.refused, fault, now: start, wall: 0)
        #expect(page.map { lane.mayBegin($0, now: start) } == false)
        lane.claimed(.sample(6))
        #expect(lane.removeHeldBack(now: start).map(\.job.key) == [6])
        lane.restart()
        #expect(page.map { lane.mayBegin($0, now: start) } == true)
    }

    // MARK: Pauses

    @Test func `a pause of a class holds only that class, of a device only that device`() {
        var lane = lane(jobs: 1...3)
        lane.claimed(.sample(4, messageClass: .marketing))
        lane.pause(.messageClass(.marketing), for: .seconds(5), reply: fault, now: start, wall: 0)
        lane.pause(.device(DeviceKey(rawValue: 2)), for: .seconds(9), reply: fault, now: start, wall: 0)
        let removed = lane.removeHeldBack(now: start + .seconds(1))
        #expect(Set(removed.map(\.job.key)) == [2, 4])
        #expect(removed.first { $0.job.key == 2 }?.wait == .seconds(8))
        #expect(lane.wanted(free: 1000, now: start + .seconds(1))[.marketing] == nil)
        #expect(lane.takePage(now: start + .seconds(1))?.jobs.map(\.key) == [1, 3])
        #expect(lane.wanted(free: 1000, now: start + .seconds(5))[.marketing] != nil)
        #expect(lane.status(now: start, wall: 0).state == .running)
    }

    @Test func `of two pauses of the credential the longer one holds`() {
        var lane = lane(jobs: 1...3)
        lane.pause(.credential, for: .seconds(30), reply: fault, now: start, wall: 1000)
        lane.pause(.credential, for: .seconds(5), reply: VendorReply(code: "other"), now: start, wall: 2000)
        #expect(!lane.canSend(now: start + .seconds(29)) && lane.canSend(now: start + .seconds(30)))
        #expect(lane.next(after: start) == start + .seconds(30))
        let status = lane.status(now: start + .seconds(10), wall: 11_000)
        #expect(status.state == .slowed && status.code == "503" && status.since == 1000 && status.until == 31_000)
        #expect(lane.status(now: start + .seconds(30), wall: 31_000).state == .running)
    }

    @Test func `no second holds more than its pushes and a tenth`() {
        var lane = lane(IdleSender(concurrentMax: 1000, budget: PushBudget(perSecond: 50)), jobs: 1...500)
        var sent = 0
        for tick in 0..<100 {
            let now = start + .milliseconds(10 * tick)
            guard let page = lane.takePage(now: now) else { continue }
            sent += page.jobs.count
            lane.began(page, used: page.jobs.count, sent: page.jobs.count, returned: [])
        }
        #expect((50...55).contains(sent), "\(sent)")
    }

    @Test func `pushes that were not sent do not count against the pace`() throws {
        var lane = lane(IdleSender(budget: PushBudget(perSecond: 20)), jobs: 1...10)
        let taken = lane.takePage(now: start)
        let page = try #require(taken)
        #expect(page.jobs.count == 2 && !lane.canSend(now: start))
        lane.began(page, used: 0, sent: 0, returned: [])
        #expect(lane.canSend(now: start) && lane.requests == 0)
    }

    // MARK: Pages

    @Test func `transactional pushes go before marketing`() {
        var lane = lane(IdleSender(concurrentMax: 3))
        for key in Int64(1)...4 { lane.claimed(.sample(key, messageClass: .marketing)) }
        for key in Int64(5)...6 { lane.claimed(.sample(key)) }
        #expect(lane.takePage(now: start)?.jobs.map(\.key) == [5, 6, 1])
    }

    @Test func `where more waits than can go, a few free requests are waited for`() throws {
        var lane = lane(IdleSender(concurrentMax: 64), jobs: 1...100)
        let taken = lane.takePage(now: start)
        let page = try #require(taken)
        lane.began(page, used: 64, sent: 64, returned: [])
        for _ in 1...3 { lane.ended() }
        #expect(!lane.canSend(now: start))
        lane.ended()
        #expect(lane.takePage(now: start)?.jobs.count == 4)
        var few = self.lane(IdleSender(concurrentMax: 64), jobs: 1...65)
        let all = few.takePage(now: start)
        few.began(try #require(all), used: 64, sent: 64, returned: [])
        few.ended()
        #expect(few.canSend(now: start), "it is the last one: nothing to wait for")
    }

    @Test func `a page has the jobs that its requests can carry`() {
        var single = lane(IdleSender(concurrentMax: 3), jobs: 1...10)
        #expect(single.takePage(now: start)?.jobs.count == 3)
        var any = lane(IdleSender(concurrentMax: 2, batchForm: .anyContent(max: 4)), jobs: 1...10)
        #expect(any.takePage(now: start)?.jobs.count == 8)
        var same = Lane(.sample(), sender: IdleSender(concurrentMax: 2, batchForm: .sameContent(max: 3)))
        for (key, message) in [1, 2, 1, 3, 1, 2, 1, 2].enumerated() {
            same.claimed(.sample(Int64(key), message: Int64(message)))
        }
        let page = same.takePage(now: start)
        #expect(page?.jobs.map(\.key) == [0, 1, 2, 4, 5, 7], "three of each of two messages")
    }

    @Test func `pushes of a message that are not alike are read in pages that fit`() throws {
        var lane = lane(IdleSender(concurrentMax: 2, batchForm: .sameContent(max: 100)), jobs: 1...100)
        let taken = lane.takePage(now: start)
        let page = try #require(taken)
        #expect(page.jobs.count == 100)
        // Each is different: a hundred requests, of which two may go.
        lane.learn(MessageKey(rawValue: 1), jobs: 100, requests: 100)
        lane.began(page, used: 2, sent: 2, returned: Array(page.jobs.dropFirst(2)))
        lane.ended()
        #expect(lane.requests == 1)
        #expect(lane.takePage(now: start)?.jobs.map(\.key) == [3])
    }
}
