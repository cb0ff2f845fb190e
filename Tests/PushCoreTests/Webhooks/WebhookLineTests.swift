import PushCore
import Testing

@testable import PushCore

struct WebhookLineTests {
    private static let fails = WebhookLine.Outcome.failed(status: 500, reason: nil, retryAfter: nil)

    @Test
    func `events of an account go out one after the other, accounts beside each other`() {
        var model = WebhookLineModel { _, _ in .delivered }
        for account in [1, 1, 2, 3, 2, 1] as [Int64] { model.happen(account) }
        model.turn()
        #expect(model.arrived == [1, 3, 4])
        model.pass(5)
        #expect(model.arrived == [1, 3, 4, 2, 5])
        model.pass(20)
        #expect(model.arrived == [1, 3, 4, 2, 5, 6])
        #expect(model.isAllSettled)
        #expect(model.requestCount == 6)
    }

    @Test
    func `at most sixteen requests are under way, and events of nobody wait for nobody`() {
        var model = WebhookLineModel { _, _ in nil }
        for _ in 0..<40 { model.happen(0) }
        model.turn()
        #expect(model.hanging.count == 16)
    }

    @Test
    func `a batch holds many accounts, each in its order`() {
        var sent: [[Int64]] = []
        var model = WebhookLineModel(eventsMax: 4) { request, _ in
            sent.append(request.positions)
            return .delivered
        }
        for account in [1, 1, 2, 1, 3, 1] as [Int64] { model.happen(account) }
        model.pass(50)
        #expect(sent == [[1, 2, 4, 6], [3, 5]])
        #expect(model.isAllSettled)
    }

    @Test
    func `what is not wanted is passed over and costs no request`() {
        var model = WebhookLineModel { _, _ in .delivered }
        model.happen(1, isWanted: false)
        model.happen(1)
        model.happen(2, isWanted: false)
        model.pass(300)
        #expect(model.arrived == [2])
        #expect(model.isAllSettled)
    }

    @Test
    func `a failed event holds up its account and nobody else's`() {
        var refused = 1
        var model = WebhookLineModel { request, _ in
            guard request.positions == [1], refused > 0 else { return .delivered }
            refused -= 1
            return Self.fails
        }
        for account in [1, 1, 2, 1] as [Int64] { model.happen(account) }
        model.pass(4900)
        #expect(model.arrived == [3])
        // Up to what was delivered it is on disk; the last one still follows from the cursor.
        #expect(model.cursor == 3)
        #expect(model.rows.keys.sorted() == [1, 2])
        #expect(model.rows[1]?.attempts == 1)
        #expect(model.rows[1]?.status == 500)
        #expect(model.rows[2]?.attempts == 0)
        model.pass(300)
        #expect(model.arrived == [3, 1, 2, 4])
        #expect(model.isAllSettled)
    }

    @Test
    func `after three failures while others succeed an account goes on, and the event is tried for a day`() {
        var tries: [Int64] = []
        var model = WebhookLineModel { request, at in
            guard request.positions == [1] else { return .delivered }
            tries.append(at / 1000)
            return Self.fails
        }
        model.happen(1)
        model.happen(1)
        // Others' events, all the time.
        for _ in 0..<60 {
            model.happen(2)
            model.pass(1000)
        }
        #expect(tries.count >= 3 && tries.count <= 4, "\(tries)")
        #expect(model.arrived(of: 1) == [2])
        #expect(model.alone == [1])
        let early = tries.count
        model.pass(86_400_000)
        #expect(model.aside == [1])
        #expect(model.alone.isEmpty)
        let gaps = zip(tries.dropFirst(early), tries.dropFirst(early - 1)).map { $0 - $1 }
        // 5 min, 30 min, 2 h, 5 h, 10 h, and once more at the end of the day.
        #expect(gaps.prefix(5).map { ($0 + 30) / 60 } == [5, 30, 120, 300, 600], "\(gaps)")
        #expect(gaps.count == 6)
        #expect(model.rows[1]?.attempts == tries.count)
    }

    @Test
    func `an endpoint that is down gets one try now and then, and everything in order when it is back`() {
        var isBack = false
        var times: [Int64] = []
        var model = WebhookLineModel { _, at in
            times.append(at / 1000)
            return isBack ? .delivered : Self.fails
        }
        for _ in 0..<10 { for account in 1...20 as ClosedRange<Int64> { model.happen(account) } }
        model.pass(300_000)
        let down = times.drop { $0 == 0 }
        #expect(down.count <= 8, "\(down)")
        #expect(zip(down.dropFirst(), down).map { $0 - $1 }.suffix(2) == [60, 60])
        #expect(model.line.health.isDown)
        isBack = true
        model.pass(70_000)
        #expect(model.isAllSettled)
        #expect(model.arrived.count == 200)
        for account in 1...20 as ClosedRange<Int64> {
            #expect(model.arrived(of: account) == model.arrived(of: account).sorted())
        }
        #expect(model.arrivals.values.allSatisfy { $0 == 1 })
    }

    @Test
    func `a lone account's event is tried soon after a failure, not in minutes`() {
        var failures = 4
        var model = WebhookLineModel { _, _ in
            failures -= 1
            return failures >= 0 ? Self.fails : .delivered
        }
        model.happen(1)
        model.happen(1)
        model.pass(76_000)
        #expect(model.arrived == [1, 2])
    }

    @Test
    func `one event that is never taken does not keep the endpoint down for others`() {
        var model = WebhookLineModel { request, _ in request.positions.contains(1) ? Self.fails : .delivered }
        model.happen(1)
        model.pass(600_000)
        #expect(model.line.health.isDown)
        model.happen(2)
        model.happen(1)
        model.pass(61_000)
        #expect(model.arrived.first == 2)
        // Its own account goes on, too, as soon as others succeed.
        for _ in 0..<120 {
            model.happen(2)
            model.pass(1000)
        }
        #expect(model.arrived(of: 1) == [3])
    }

    @Test
    func `a pause that the endpoint asks for is kept`() {
        var times: [Int64] = []
        var model = WebhookLineModel { _, at in
            times.append(at)
            return times.count == 1 ? .failed(status: 429, reason: nil, retryAfter: 30_000) : .delivered
        }
        model.happen(1)
        model.turn()
        model.pass(10)
        model.happen(2)
        model.pass(29_900)
        #expect(times.count == 1)
        model.pass(1000)
        #expect(times.count == 3)
        #expect(model.isAllSettled)
    }

    @Test
    func `a batch that is refused is halved until the one is found that is not taken`() {
        var model = WebhookLineModel(eventsMax: 64) { request, _ in
            request.positions.contains(37) ? .failed(status: 400, reason: nil, retryAfter: nil) : .delivered
        }
        for account in 1...64 as ClosedRange<Int64> { model.happen(account) }
        model.pass(2000)
        #expect(Set(model.arrived) == model.wanted.subtracting([37]))
        model.pass(60_000)
        #expect(model.alone == [37])
        #expect(model.arrivals.values.allSatisfy { $0 == 1 })
    }

    @Test
    func `what is delivered out of turn is on disk soon, with rows for what it overtook`() {
        var model = WebhookLineModel { request, _ in request.positions == [1] ? nil : .delivered }
        for account in 1...5 as ClosedRange<Int64> { model.happen(account) }
        model.pass(300)
        #expect(model.arrived == [2, 3, 4, 5])
        #expect(model.cursor == 5)
        #expect(model.rows.keys.sorted() == [1])
        model.crash()
        model.answer = { _, _ in .delivered }
        model.pass(300)
        #expect(model.arrived == [2, 3, 4, 5, 1])
        #expect(model.arrivals.values.allSatisfy { $0 == 1 })
        #expect(model.isAllSettled)
    }

    @Test
    func `memory stays bounded behind an event that holds up a busy account, and others go on`() {
        var model = WebhookLineModel(eventsMax: 50) { request, at in
            request.positions.contains(1) && at < 9000 ? Self.fails : .delivered
        }
        model.happen(1)
        model.happen(2)
        model.pass(100)
        for _ in 0..<3000 { model.happen(1) }
        model.happen(2)
        model.happen(3)
        model.pass(2000)
        #expect(model.arrived(of: 1).isEmpty)
        #expect(model.arrived(of: 2).count == 2)
        #expect(model.arrived(of: 3).count == 1)
        model.pass(60_000)
        #expect(model.arrived(of: 1) == [1] + Array(3...3002))
        #expect(model.isAllSettled)
        #expect(model.mostInMemory <= 1000)
    }

    @Test
    func `an account with a long queue does not keep an endpoint down that takes others' events`() {
        var model = WebhookLineModel { request, _ in request.positions.contains(1) ? Self.fails : .delivered }
        for _ in 0..<2500 { model.happen(1) }
        model.happen(2)
        model.pass(900_000)
        #expect(model.arrived.contains(2501))
        #expect(model.mostInMemory <= 1000)
        for _ in 0..<240 {
            model.happen(2)
            model.pass(1000)
        }
        #expect(model.arrived(of: 1) == Array(2...2500))
        #expect(model.alone == [1])
    }

    @Test
    func `what is a day old while the endpoint is down is set aside, the rest arrives`() {
        var isBack = false
        var model = WebhookLineModel { _, _ in isBack ? .delivered : Self.fails }
        for account in 1...30 as ClosedRange<Int64> { model.happen(account) }
        model.pass(43_200_000)
        for account in 1...30 as ClosedRange<Int64> { model.happen(account) }
        model.pass(43_300_000)
        #expect(model.aside == Array(1...30))
        isBack = true
        model.pass(70_000)
        #expect(model.arrived.sorted() == Array(31...60))
        #expect(model.aside == Array(1...30))
        #expect(model.cursor == 60)
    }

    /// More than fits into memory, of an endpoint that refuses at once: one probe a minute must not be all that leaves.
    @Test
    func `everything that is a day old leaves after a failed try, also what was not in memory`() {
        var model = WebhookLineModel { _, _ in Self.fails }
        for number in 0..<2500 as Range<Int64> { model.happen(number % 40 + 1) }
        model.pass(120_000)
        #expect(model.line.health.isDown && model.restingUntil != nil)
        model.now.wall += 86_400_000
        model.now.steady += 86_400_000
        for account in 1...3 as ClosedRange<Int64> { model.happen(account) }
        model.pass(59_000)
        #expect(model.aside == Array(1...2500))
        #expect(model.cursor >= 2500)
    }

    @Test
    func `what waits alone leaves after a day, too, while the endpoint is down`() {
        var model = WebhookLineModel { _, _ in Self.fails }
        for account in 1...1200 as ClosedRange<Int64> { model.happen(account) }
        for event in model.events {
            model.rows[event.position] = WebhookRetry(
                position: event.position, account: event.account, attempts: 4, notBefore: model.now.wall)
        }
        model.cursor = 1200
        for account in 1...8 as ClosedRange<Int64> { model.happen(account) }
        model.crash()
        model.pass(120_000)
        #expect(model.line.health.isDown && model.aside.isEmpty)
        model.now.wall += 86_400_000
        model.now.steady += 86_400_000
        model.pass(61_000)
        #expect(model.aside == Array(1...1208))
    }

    @Test
    func `events of a message that are nobody's keep their order, also after a restart`() {
        var failures = 1
        var model = WebhookLineModel { request, _ in
            guard request.positions.contains(1), failures > 0 else { return .delivered }
            failures -= 1
            return Self.fails
        }
        model.happen(0, message: 7)
        model.happen(0, message: 7)
        model.happen(0, message: 8)
        model.turn()
        model.pass(300)
        #expect(model.arrived == [3])
        model.crash()
        model.happen(0, message: 7)
        model.pass(10_000)
        #expect(model.arrived == [3, 1, 2, 4])
        #expect(model.isAllSettled)
    }

    @Test
    func `an old event is tried before it is given up`() {
        var model = WebhookLineModel { _, _ in .delivered }
        model.happen(1)
        // The gateway was off for two days.
        model.now.wall += 172_800_000
        model.pass(100)
        #expect(model.arrived == [1])
    }

    @Test
    func `what is told once more goes out beside what is new`() {
        var model = WebhookLineModel(eventsMax: 100) { _, _ in .delivered }
        for _ in 0..<600 { for account in 1...3 as ClosedRange<Int64> { model.happen(account) } }
        model.pass(1000)
        #expect(model.isAllSettled)
        for event in model.events {
            model.rows[event.position] = WebhookRetry(
                position: event.position, account: event.account, attempts: 0, notBefore: model.now.wall)
        }
        model.line.wake()
        model.pass(2000)
        #expect(model.isAllSettled)
        #expect(model.arrivals.values.allSatisfy { $0 == 2 })
    }

    @Test
    func `with other settings an endpoint that was down is tried at once`() {
        var isBack = false
        var model = WebhookLineModel { _, _ in isBack ? .delivered : Self.fails }
        for account in 1...30 as ClosedRange<Int64> { model.happen(account) }
        model.pass(60_000)
        isBack = true
        model.line.changeEndpoint(eventsMax: 1)
        model.pass(100)
        #expect(model.isAllSettled)
    }
}
