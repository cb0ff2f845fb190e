import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

/// The queue as a whole, a turn of its loop at a time.
@Suite struct PushPageTests {
    private let clock = QueueClock()
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func queue(
        _ store: ScriptedStore, _ sender: ScriptedSender, guardedBy tokenGuard: TokenGuard? = nil
    ) async throws -> PushQueue {
        let clock = clock
        let queue = PushQueue(
            store: store, catalog: sender, tenants: { _ in .sample }, limits: Limits(),
            clock: WallClock { clock.now }, runtime: Runtime(now: { clock.instant }),
            retries: RetryPolicy(limits: Limits(), random: { 1 }), logger: quiet, tokenGuard: tokenGuard)
        try await queue.reloadSettings()
        return queue
    }

    private func tokenGuard(_ quarantine: any TokenQuarantineStore) -> TokenGuard {
        let clock = clock
        return TokenGuard(store: quarantine, clock: WallClock { clock.now }, logger: quiet)
    }

    /// Turns until everything that is due has its outcome on disk: nothing was under way before a turn, and it found
    /// nothing to do.
    private func settle(_ queue: PushQueue, _ store: ScriptedStore) async throws {
        func isAtRest() -> Bool { queue.book.isQuiet && queue.recorder.isIdle && queue.book.heldCount == 0 }
        try await eventually("the queue comes to rest") {
            let (wasAtRest, before) = (isAtRest(), store.activity)
            _ = try await queue.turn()
            return wasAtRest && isAtRest() && store.activity == before
        }
    }

    private func status(_ queue: PushQueue) throws -> CredentialStatus { try #require(queue.credentials().first) }

    @Test func `a pause of a device holds back what is claimed for it later`() async throws {
        let store = ScriptedStore(jobs: [.sample(1), .sample(2)])
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        _ = queue.book.with(1) {
            $0.pause(
                .device(DeviceKey(rawValue: 2)), for: .seconds(90), reply: VendorReply(code: "429"),
                now: clock.instant, wall: clock.now)
        }
        try await settle(queue, store)
        #expect(sender.sent == ["token-1"])
        #expect(store.state.withLock { $0.jobs[2]?.due } == clock.now + 90_000)
    }

    // MARK: Batches

    @Test func `a batch's dead and missing tokens leave its living ones alone`() async throws {
        let store = ScriptedStore(jobs: (1...5).map { .sample($0) })
        let sender = ScriptedSender(form: .sameContent(max: 1000)) { batch in
            if batch.count == 1 { return [.sent(vendorID: "again")] }
            let answers = batch.map { push -> VendorAnswer in
                push.token.token == "token-2" ? .dead(VendorReply(code: "gone")) : .sent(vendorID: "v")
            }
            return Array(answers.dropLast())  // nothing of the last one
        }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.requests.withLock { $0.map(\.count) } == [5])
        guard case .tokenDead(let token, _, nil, _)? = store.changes(of: 2).first, token.token == "token-2",
            case .retry(let at, _, _)? = store.changes(of: 5).first
        else {
            Issue.record("\(store.changes(of: 2)) \(store.changes(of: 5))")
            return
        }
        #expect(at == clock.now + 1000)
        clock.advance(.seconds(1))
        try await settle(queue, store)
        #expect(sender.requests.withLock { $0.last } == ["token-5"] && sender.sent.count == 6)
        #expect(store.ended == 5)
        let counters = queue.counters()
        #expect(counters.answers[.huawei] == [.sent: 4, .dead: 1, .retry: 1])
        #expect(counters.latency[.huawei]?.count == 6)
    }

    @Test func `a thousand jobs are read in one go and sent in one request`() async throws {
        let store = ScriptedStore(jobs: (1...1000).map { .sample($0) })
        let sender = ScriptedSender(form: .anyContent(max: 1000)) { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(store.state.withLock { $0.pages.map(\.count) } == [1000])
        #expect(sender.requests.withLock { $0.count } == 1 && store.ended == 1000)
    }

    @Test func `what a page no longer needs is skipped, and takes no request`() async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0) })
        store.state.withLock { state in
            state.jobs[1]?.isAcknowledged = true
            state.jobs[2]?.token = nil
            state.jobs[3]?.token = PushToken(vendor: .fcm, token: "other")
        }
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        _ = try await queue.turn()
        try await eventually("all three are written") { store.state.withLock { $0.changes.count } == 3 }
        #expect(sender.sent.isEmpty)
        guard case .skipped(.acknowledged)? = store.changes(of: 1).first,
            case .skipped? = store.changes(of: 2).first, case .released? = store.changes(of: 3).first
        else {
            Issue.record("\(store.state.withLock { $0.changes })")
            return
        }
    }

    @Test func `a page that could not be read is read again later, and nothing went out`() async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0) })
        store.state.withLock { $0.failedReadings = 1 }
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.sent.isEmpty)
        clock.advance(.seconds(1))
        try await settle(queue, store)
        #expect(sender.sent.count == 3 && store.state.withLock { $0.jobs[1]?.attempts } == 1)
    }

    @Test func `a stopped credential with marketing alone is probed and goes on`() async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0, messageClass: .marketing) })
        let isGood = Mutex(false)
        let sender = ScriptedSender { batch in
            let answer: VendorAnswer =
                isGood.withLock { $0 } ? .sent(vendorID: nil) : .auth(VendorReply(code: "401"))
            return batch.map { _ in answer }
        }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(try status(queue).state == .stopped)
        isGood.withLock { $0 = true }
        clock.advance(.seconds(60))
        try await eventually("all three are sent") {
            _ = try await queue.turn()
            return store.ended == 3
        }
    }

    // MARK: Never twice

    @Test func `a clock that is set forward does not send again what is under way`() async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0) })
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let sender = ScriptedSender(form: .anyContent(max: 10)) { batch in
            for await _ in gate { break }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        _ = try await queue.turn()
        try await eventually("the request is under way") { sender.sent.count == 3 }
        clock.jump(3_600_000)
        for _ in 0..<5 { _ = try await queue.turn() }
        clock.jump(-7_200_000)
        for _ in 0..<5 { _ = try await queue.turn() }
        opening.finish()
        try await settle(queue, store)
        #expect(sender.sent.count == 3 && store.ended == 3)
        #expect(store.state.withLock { $0.claimedTimes } == [1: 1, 2: 1, 3: 1])
    }

    @Test func `an outcome that waits for a busy disk keeps its job from being sent again`() async throws {
        let store = ScriptedStore(jobs: [.sample(1)])
        let failures = Mutex(3)
        store.onChange = { [clock] _ in
            clock.advance(.seconds(100))  // far beyond the lease
            try failures.withLock { left in
                left -= 1
                if left >= 0 { throw GatewayError(.overloaded, "busy") }
            }
        }
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.sent == ["token-1"] && store.ended == 1)
    }

    @Test func `an unknown outcome that a repeat would double ends the push`() async throws {
        let store = ScriptedStore(jobs: [.sample(1)])
        let sender = ScriptedSender(replaces: false) { $0.map { _ in .unknown(VendorReply(code: "timeout")) } }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        guard case .failed(.huawei, .vendorRefused, let reply)? = store.changes(of: 1).first else {
            Issue.record("\(store.changes(of: 1))")
            return
        }
        #expect(reply.code == "not_repeated" && reply.text.hasPrefix("timeout") && sender.sent.count == 1)
        #expect(Remedies.sentence(for: .huawei, code: reply.code)?.contains("may have delivered") == true)
    }

    @Test(arguments: [false, true])
    func `what must not go out twice is known on disk before its request, the rest costs nothing`(
        replaces: Bool
    ) async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0) })
        let known = Mutex<[Set<Int64>]>([])
        let sender = ScriptedSender(form: .anyContent(max: 2), replaces: replaces) { batch in
            known.withLock { $0.append(store.state.withLock { Set($0.begun) }) }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.sent.count == 3 && store.ended == 3)
        for (request, begun) in zip(sender.requests.withLock { $0 }, known.withLock { $0 }) {
            let mine = Set(request.compactMap { Int64($0.dropFirst("token-".count)) })
            #expect(replaces ? begun.isEmpty : mine.isSubset(of: begun), "\(request): \(begun)")
        }
        #expect(store.state.withLock { $0.begun.count } == (replaces ? 0 : 3))
    }

    @Test func `where the disk cannot take the mark nothing goes out, and it is tried again`() async throws {
        let store = ScriptedStore(jobs: [.sample(1)])
        store.state.withLock { $0.failedMarks = 2 }
        let sender = ScriptedSender(replaces: false) { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        // Between two tries the queue is at rest, too.
        try await eventually("it has gone out in the end") {
            _ = try await queue.turn()
            return store.ended == 1 && queue.book.isQuiet && queue.recorder.isIdle
        }
        #expect(sender.sent == ["token-1"] && store.state.withLock { $0.begun } == [1])
        #expect(store.changes(of: 1).count == 3 && store.state.withLock { $0.jobs[1]?.attempts } == 1)
        let isFree = queue.book.with(1) { $0.requests == 0 && $0.underWay == 0 }
        #expect(isFree == true)
    }

    @Test func `a change of devices waits until a page's requests have begun, not for their answers`() async throws {
        let store = ScriptedStore(jobs: (1...20).map { .sample($0) })
        let (reading, finishReading) = AsyncStream.makeStream(of: Void.self)
        let (reached, reaching) = AsyncStream.makeStream(of: Void.self)
        store.state.withLock {
            $0.onRead = {
                reaching.yield()
                for await _ in reading { return }
            }
        }
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let sender = ScriptedSender(concurrentMax: 20) { batch in
            for await _ in gate { break }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        _ = try await queue.turn()
        for await _ in reached { break }
        let begun = Mutex<Int?>(nil)
        let change = Task {
            await queue.devicesChanged()
            begun.withLock { $0 = sender.sent.count }
        }
        for _ in 0..<1000 { await Task.yield() }
        #expect(begun.withLock { $0 } == nil)
        finishReading.finish()
        await change.value
        try await eventually("all requests are under way") { sender.sent.count == 20 }
        #expect(store.ended == 0, "no answer had to be waited for")
        opening.finish()
        try await settle(queue, store)
    }

    // MARK: Vendors that refuse, fail and hang

    @Test func `a refused credential stops its lane, a probe a minute starts it again`() async throws {
        let store = ScriptedStore(jobs: (1...30).map { .sample($0) })
        let isGood = Mutex(false)
        let sender = ScriptedSender(concurrentMax: 5) { batch in
            batch.map { _ in isGood.withLock { $0 } ? .sent(vendorID: nil) : .auth(VendorReply(code: "401")) }
        }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.sent.count <= 5, "at most what was in flight")
        #expect(try status(queue).state == .stopped && status(queue).code == "401")
        let before = sender.sent.count
        clock.advance(.seconds(59))
        try await settle(queue, store)
        #expect(sender.sent.count == before)
        clock.advance(.seconds(1))
        try await settle(queue, store)
        #expect(sender.sent.count == before + 1, "one probe")
        isGood.withLock { $0 = true }
        clock.advance(.seconds(60))
        try await settle(queue, store)
        #expect(store.ended == 30 && Set(sender.sent).count == 30)
        #expect(try status(queue).state == .running)
    }

    @Test func `a restart sends at once what a stop held back`() async throws {
        let store = ScriptedStore(jobs: (1...30).map { .sample($0) })
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        queue.stop(lane: 1, reply: VendorReply(code: "brake", text: "Too many tokens died."))
        try await settle(queue, store)
        #expect(sender.sent.isEmpty && store.ended == 0)
        let stopped = try status(queue)
        #expect(stopped.state == .stopped && stopped.text == "Too many tokens died." && stopped.since == clock.now)
        queue.restart(tenant: TenantKey(rawValue: 99), app: nil, vendor: .huawei)
        #expect(try status(queue).state == .stopped, "that was another tenant's")
        queue.restart(tenant: Tenant.sample.key, app: nil, vendor: .huawei)
        try await settle(queue, store)
        #expect(store.ended == 30)
    }

    @Test
    func
        `what proves only the login starts nothing, and nothing but a push or its settings ends a brake`()
        async throws
    {
        let store = ScriptedStore(jobs: [.sample(1)])
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let queue = try await queue(store, sender)
        for (reason, isTakenBack) in [
            (LaneCircuit.Reason.refused, true), (.braked, false), (.failing, false),
        ] {
            _ = queue.book.with(1) { lane in
                lane.restart()
                lane.circuit.open(reason, VendorReply(code: "x"), now: clock.instant, wall: clock.now)
            }
            queue.takeBackRefusal(lane: 1)
            #expect((try status(queue).state == .running) == isTakenBack, "\(reason)")
        }
    }

    private actor QuietQuarantine: TokenQuarantineStore {
        private(set) var trusted: Set<Int64> = []

        func quarantinedTokens(
            _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
        ) async throws -> [QuarantinedToken] { [] }
        func restoreTokens(
            _ filter: QuarantineFilter, actor: String, at now: Milliseconds
        ) async throws -> Revival { Revival() }
        func doubt(
            lanes: Set<Int64>, tenant: TenantKey, vendor: Vendor, since: Milliseconds, isNew: Bool,
            at now: Milliseconds
        ) async throws -> Revival { Revival() }
        func trust(lanes: Set<Int64>) async throws { trusted.formUnion(lanes) }
    }

    @Test func `a lane that was in doubt within a day starts with a brake, which a probe ends`()
        async throws
    {
        let clock = clock
        let store = ScriptedStore(
            jobs: (1...20).map { .sample($0, lane: $0 <= 10 ? 1 : 2) }, lanes: [1, 2])
        store.state.withLock { state in
            state.settings = [(1, clock.now - 3_600_000), (2, clock.now - 86_400_000)].map {
                lane, doubtedAt in
                VendorSettings(
                    lane: lane, tenantKey: Tenant.sample.key, app: nil, vendor: .huawei,
                    settings: .emptyObject,
                    doubtedAt: doubtedAt)
            }
        }
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let quarantine = QuietQuarantine()
        let tokenGuard = tokenGuard(quarantine)
        let queue = try await queue(store, sender, guardedBy: tokenGuard)
        try await settle(queue, store)
        #expect(store.ended == 10 && queue.credentials().map(\.state) == [.stopped, .running])
        #expect(queue.credentials().first?.reason == .tokensDying && tokenGuard.isDoubted(1))
        clock.advance(.seconds(60))
        try await eventually("the probe is accepted") {
            try await settle(queue, store)
            return store.ended == 20
        }
        #expect(!tokenGuard.isDoubted(1))
        try await eventually("it is written down") { await quarantine.trusted == [1] }
    }

    @Test func `tokens that reports call dead stop their credential and live again`() async throws {
        let clock = clock
        let store = ScriptedStore(jobs: (1...4).map { .sample($0) }, lanes: [1, 2])
        let sender = ScriptedSender { $0.map { _ in .sent(vendorID: nil) } }
        let quarantine = MemoryQuarantine()
        let tokenGuard = tokenGuard(quarantine)
        let queue = try await queue(store, sender, guardedBy: tokenGuard)
        func report(_ numbers: Range<Int>) async {
            await queue.note(
                numbers.map {
                    ReportedDeath(lane: 1, token: PushToken(vendor: .huawei, token: "token-\($0)"))
                }, tenant: Tenant.sample.key, vendor: .huawei)
        }
        await report(0..<19)
        #expect(queue.credentials().map(\.state) == [.running, .running] && quarantine.restorations.isEmpty)
        await report(19..<20)
        #expect(queue.credentials().map(\.state) == [.stopped, .running])
        #expect(queue.credentials().first?.reason == .tokensDying && tokenGuard.stopCount == 1)
        #expect(quarantine.restorations.count == 1)
        try await settle(queue, store)
        #expect(sender.sent.isEmpty, "a stopped credential sends nothing")
    }

    @Test func `a refused credential is said once, not for each push that was under way or each probe`()
        async throws
    {
        let clock = clock
        let store = ScriptedStore(jobs: (1...30).map { .sample($0) })
        let isGood = Mutex(false)
        let sender = ScriptedSender(concurrentMax: 20) { batch in
            batch.map { _ in isGood.withLock { $0 } ? .sent(vendorID: nil) : .auth(VendorReply(code: "401")) }
        }
        let lines = NotedLines()
        let queue = PushQueue(
            store: store, catalog: sender, tenants: { _ in .sample }, limits: Limits(),
            clock: WallClock { clock.now }, runtime: Runtime(now: { clock.instant }),
            retries: RetryPolicy(limits: Limits(), random: { 1 }), logger: Logger(label: "test") { _ in lines })
        try await queue.reloadSettings()
        try await settle(queue, store)
        clock.advance(.seconds(60))
        try await settle(queue, store)
        #expect(sender.sent.count > 2, "\(sender.sent)")
        #expect(lines.errors == ["a vendor refused the credential"])
        // Refused again after it was good: that is news.
        isGood.withLock { $0 = true }
        clock.advance(.seconds(60))
        try await settle(queue, store)
        #expect(store.ended == 30)
        isGood.withLock { $0 = false }
        store.state.withLock { $0.jobs[1]?.isWaiting = true }
        clock.advance(.seconds(61))
        try await settle(queue, store)
        #expect(lines.errors.count == 2)
    }

    @Test func `a vendor that fails is not hammered and recovers`() async throws {
        let store = ScriptedStore(jobs: (1...200).map { .sample($0) })
        let isDown = Mutex(true)
        let sender = ScriptedSender(concurrentMax: 5) { batch in
            batch.map { _ in isDown.withLock { $0 } ? .retry(VendorReply(code: "503")) : .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        for _ in 0..<600 {
            try await settle(queue, store)
            clock.advance(.milliseconds(100))
        }
        // A minute: three rounds, then probes after 0.5, 1, 2, 4, 8, 16 and 32 seconds.
        #expect((8...40).contains(sender.sent.count), "\(sender.sent.count)")
        #expect(try status(queue).state == .slowed && status(queue).code == "503")
        isDown.withLock { $0 = false }
        for _ in 0..<130 where store.ended < 200 {
            clock.advance(.seconds(1))
            try await settle(queue, store)
        }
        #expect(store.ended == 200)
    }

    @Test func `a vendor that hangs fills only its own room`() async throws {
        let jobs: [PushJob] = (1...400).map { .sample($0, lane: $0 <= 300 ? 1 : 2) }
        let store = ScriptedStore(jobs: jobs, lanes: [1, 2])
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let sender = ScriptedSender(concurrentMax: 10) { batch in
            if let number = batch.first.flatMap({ Int($0.token.token.dropFirst(6)) }), number <= 300 {
                for await _ in gate { break }
            }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        try await eventually("the other lane is through") {
            _ = try await queue.turn()
            return store.ended == 100
        }
        #expect(queue.credentials().first { $0.lane == 1 }?.underWay == 10)
        opening.finish()
        try await settle(queue, store)
        #expect(store.ended == 400)
    }

    @Test func `a pause that the vendor asked for is kept, and no push goes before`() async throws {
        let store = ScriptedStore(jobs: (1...3).map { .sample($0) })
        let isSlow = Mutex(true)
        let sender = ScriptedSender(concurrentMax: 1) { batch in
            let slow = isSlow.withLock { value in
                defer { value = false }
                return value
            }
            return batch.map { _ in
                slow
                    ? .slow(VendorReply(code: "429"), scope: .credential, after: .seconds(30)) : .sent(vendorID: nil)
            }
        }
        let queue = try await queue(store, sender)
        try await settle(queue, store)
        #expect(sender.sent.count == 1)
        clock.advance(.milliseconds(29_999))
        try await settle(queue, store)
        #expect(sender.sent.count == 1)
        clock.advance(.milliseconds(1))
        try await settle(queue, store)
        #expect(store.ended == 3)
    }

    @Test func `at the end what is under way is written down, and the rest stays on disk`() async throws {
        let store = ScriptedStore(jobs: (1...50).map { .sample($0) })
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let sender = ScriptedSender(concurrentMax: 5) { batch in
            for await _ in gate { break }
            return batch.map { _ in .sent(vendorID: nil) }
        }
        let queue = try await queue(store, sender)
        let running = Task { await queue.run() }
        try await eventually("five are under way") { sender.sent.count == 5 }
        running.cancel()
        try await eventually("the backlog is back on disk") { store.state.withLock { $0.changes.count } > 0 }
        opening.finish()
        await running.value
        #expect(sender.sent.count == 5 && store.ended == 5)
        #expect(store.state.withLock { $0.jobs.values.count { $0.isWaiting && $0.due <= 2000 } } == 45)
    }
}

/// Keeps what is logged as an error.
private struct NotedLines: LogHandler {
    private final class Lines: Sendable {
        let errors = Mutex<[String]>([])
    }

    private let lines = Lines()
    var logLevel: Logger.Level = .error
    var metadata: Logger.Metadata = [:]

    var errors: [String] { lines.errors.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(
        level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata?, source: String, file: String,
        function: String, line: UInt
    ) {
        if level >= .error { lines.errors.withLock { $0.append("\(message)") } }
    }
}
