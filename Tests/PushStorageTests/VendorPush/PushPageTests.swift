import GRDB
import Logging
import PushCore
import Synchronization
import TestWaiting
import Testing

@testable import PushStorage

/// Many jobs at once: claims, pages, outcomes and their recovery, on a real file.
@Suite struct PushPageTests {
    /// `count` devices with an FCM token, one message to them, and a waiting job for each.
    private struct Story {
        let store: TestStore
        let crowd: Crowd
        let lane: Int64

        var storage: Storage { crowd.storage }
        var now: Milliseconds { store.clock.now }

        static func begin(_ count: Int, push: String = "") async throws -> Story {
            let store = try await TestStore()
            let crowd = try await Crowd.make(count, in: store)
            try await store.send("m1", to: "user:u0", push)
            let lane = try #require(
                try await store.storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: .fcm)?.lane)
            let story = Story(store: store, crowd: crowd, lane: lane)
            try await story.addJobs()
            return story
        }

        /// As a decision leaves them: a job for each device.
        private func addJobs() async throws {
            try await storage.commits.run { [lane, now] writer in
                try writer.db.execute(
                    sql: """
                        INSERT INTO push (message, device, seq, state, lane, vendor, token, not_before, expires_at,
                            created_at, updated_at)
                        SELECT (SELECT max(key) FROM message), device, 1, 'waiting', ?1, 'fcm', key, ?2, ?2 + 3600000,
                            ?2, ?2 FROM push_token ORDER BY key
                        """,
                    arguments: [lane, now])
            }
        }

        func claim(_ limit: Int, besides held: Set<Int64> = []) async throws -> [PushJob] {
            try await storage.claimJobs(
                lane: lane, limit: limit, besides: held, now: now, leaseUntil: now + 60_000)
        }
    }

    @Test func `what a push is for is read once for a message, however many devices it has`() async throws {
        let story = try await Story.begin(50, push: #","push":{"class":"marketing"}"#)
        let (storage, now) = (story.storage, story.now)
        let devices = try await storage.file.read { db in
            try Row.fetchAll(db, sql: "SELECT key, account FROM device").map {
                (DeviceKey(rawValue: $0[0]), AccountKey(rawValue: $0[1]))
            }
        }
        let asked = try await storage.commits.run { writer -> Int in
            try writer.db.execute(sql: "DELETE FROM push")
            let message = MessageKey(rawValue: try Int64.fetchOne(writer.db, sql: "SELECT max(key) FROM message") ?? 0)
            var asked = 0
            var decisions = PushDecisions(writer: writer, now: now)
            decisions.messageClass = {
                asked += 1
                return $0.messageClass
            }
            _ = try decisions.decide(
                devices.map { FallbackCandidate(device: $0, account: $1, message: message, seq: 1, notBefore: nil) },
                lifeDefaultSeconds: 3600)
            return asked
        }
        #expect(asked == 1)
        let classes = try await storage.file.read { db in
            try Int.fetchAll(db, sql: "SELECT class FROM push WHERE state = 'waiting'")
        }
        #expect(classes == Array(repeating: MessageClass.marketing.rawValue, count: 50))
    }

    @Test func `jobs that somebody holds are not claimed again, whatever the clock does`() async throws {
        let story = try await Story.begin(30)
        let held = try await story.claim(10)
        story.store.clock.advance(3_600_000 - 1)
        let keys = Set(held.map(\.key))
        let others = try await story.claim(15, besides: keys)
        #expect(others.count == 15 && keys.isDisjoint(with: others.map(\.key)))
        // Nobody holds them: the process is another one.
        #expect(try await story.claim(30, besides: Set(others.map(\.key))).count == 15)
    }

    @Test func `a kill between the claim and the outcome leaves exactly the unfinished jobs`() async throws {
        let story = try await Story.begin(20)
        let jobs = try await story.claim(12)
        try await story.storage.change(
            jobs.prefix(5).map { ($0, .accepted(vendor: .fcm, vendorID: "v-\($0.key)")) }, at: story.now)
        story.storage.close()
        let again = try TestStore.open(story.store.path, clock: story.store.clock)
        defer { again.close() }
        try await again.releaseLeases(at: story.now)
        let left = try await again.claimJobs(
            lane: story.lane, limit: 100, now: story.now, leaseUntil: story.now + 60_000)
        #expect(left.count == 15 && Set(left.map(\.key)).isDisjoint(with: jobs.prefix(5).map(\.key)))
        #expect(left.filter { $0.attempts == 2 }.count == 7)
    }

    @Test func `transactional jobs are claimed first, each class within its limit`() async throws {
        let story = try await Story.begin(10)
        try await story.storage.commits.run { writer in
            try writer.db.execute(sql: "UPDATE push SET class = 1, not_before = not_before - 5 WHERE key <= 5")
        }
        let jobs = try await story.storage.claimJobs(
            [JobClaim(lane: story.lane, limits: [.transactional: 3, .marketing: 2])], besides: [], now: story.now,
            leaseUntil: story.now + 1000)
        #expect(jobs.map(\.messageClass) == [.transactional, .transactional, .transactional, .marketing, .marketing])
        #expect(jobs.map { story.now - $0.dueAt } == [0, 0, 0, 5, 5])
        #expect(jobs.allSatisfy { $0.attempts == 1 && $0.claimedAt == story.now })
    }

    @Test(arguments: [(1, 0, 1), (4, 3, 1), (2, 2, 0)])
    func `the room that one class leaves is the other's`(total: Int, transactional: Int, marketing: Int) async throws {
        let story = try await Story.begin(10)
        try await story.storage.commits.run { writer in
            // All but so many are marketing.
            try writer.db.execute(sql: "UPDATE push SET class = 1 WHERE key > ?", arguments: [transactional])
        }
        let claim = JobClaim(lane: story.lane, limits: [.transactional: total, .marketing: total], total: total)
        let jobs = try await story.storage.claimJobs(
            [claim], besides: [], now: story.now, leaseUntil: story.now + 1000)
        #expect(jobs.count { $0.messageClass == .transactional } == transactional)
        #expect(jobs.count { $0.messageClass == .marketing } == marketing)
    }

    @Test func `a page is read as it is in one moment`() async throws {
        let story = try await Story.begin(6, push: #","push":{"badge":"auto"}"#)
        let jobs = try await story.claim(6)
        try await story.storage.commits.run { writer in
            try writer.db.execute(
                sql: "UPDATE push_token SET state = 'dead', ended_at = 1 WHERE token = 'token-u2'")
            try writer.db.execute(sql: "UPDATE device SET push_enabled = 0 WHERE device_id = 'dev_u3'")
        }
        let subjects = try await story.storage.subjects(of: jobs)
        let byUser = Dictionary(subjects.values.map { ($0.device.userID, $0) }) { first, _ in first }
        #expect(subjects.count == 6)
        #expect(byUser["u0"]?.token?.token == "token-u0" && byUser["u0"]?.unreadTotal == 1)
        #expect(byUser["u2"]?.token == nil && byUser["u2"]?.device.tokens.isEmpty == true)
        #expect(byUser["u3"]?.device.pushEnabled == false && byUser["u4"]?.unreadTotal == 0)
        #expect(subjects.values.allSatisfy { $0.message.id == "m1" && $0.senderName == "Chat" })
        _ = try await story.storage.acknowledge(
            try await story.crowd.identity("u0"), seq: 1, broadcastSeq: nil)
        #expect(try await story.storage.subjects(of: jobs).count == 5, "acknowledged: it waits no longer")
        #expect(try await story.storage.subjects(of: []).isEmpty)
    }

    @Test func `jobs of a lane that does not recover end in time, with the vendor's words`() async throws {
        let story = try await Story.begin(30)
        let held = try await story.claim(4)
        #expect(try await story.storage.expireJobs(limit: 100, words: [:], at: story.now) == 0)
        story.store.clock.advance(3_600_000)
        let words = [story.lane: VendorReply(code: "401", text: "The key was withdrawn.")]
        #expect(try await story.storage.expireJobs(limit: 20, words: words, at: story.now) == 20)
        #expect(try await story.storage.expireJobs(limit: 20, words: words, at: story.now) == 6)
        #expect(try await story.crowd.pushes() == ["skipped/expired": 26, "waiting": 4])
        #expect(
            try await story.crowd.count("SELECT count(*) FROM push WHERE code = '401' AND text LIKE '%withdrawn.'")
                == 26)
        // What is under way may still end as it does.
        try await story.storage.change(held.map { ($0, .accepted(vendor: .fcm, vendorID: nil)) }, at: story.now)
        #expect(try await story.crowd.pushes()["accepted"] == 4)
    }

    @Test func `an expired job is never claimed, and does not hide the next`() async throws {
        let story = try await Story.begin(3)
        try await story.storage.commits.run { [now = story.now] writer in
            try writer.db.execute(
                sql: "UPDATE push SET expires_at = ?1, not_before = ?1 - 1 WHERE key = 1", arguments: [now])
        }
        #expect(try await story.claim(1).isEmpty)
        #expect(try await story.claim(1).count == 1)
        #expect(try await story.crowd.pushes()["skipped/expired"] == 1)
    }

    @Test func `of many answers in one transaction only changed messages are followed`() async throws {
        let story = try await Story.begin(4)
        let jobs = try await story.claim(4)
        story.store.clock.advance(5)
        try await story.storage.commits.run { [now = story.now] writer in
            try writer.db.execute(sql: "UPDATE message SET revised_at = ?, revision = 1", arguments: [now])
        }
        try await story.storage.change(
            jobs.map { ($0, .accepted(vendor: .fcm, vendorID: nil)) }, at: story.now)
        // Each was built before the change, and is replaced.
        #expect(try await story.crowd.count("SELECT count(*) FROM push WHERE turn = 1 AND state = 'waiting'") == 4)
    }

    @Test func `events of a push end at their bound`() async throws {
        let story = try await Story.begin(1)
        for number in 0..<25 {
            let job = try #require(try await story.claim(1).first)
            #expect(job.attempts == number + 1)
            try await story.storage.change(
                [(job, .retry(at: story.now, vendor: .fcm, VendorReply(code: "\(number)")))], at: story.now)
        }
        #expect(try await story.crowd.count("SELECT count(*) FROM push_event") == 20)
    }

    // MARK: The queue on the file

    private func run(
        _ story: Story, _ sender: CountingSender, until isDone: () async throws -> Bool
    ) async throws {
        let queue = PushQueue(
            store: story.storage, catalog: sender, tenants: { story.storage.tenant(key: $0) }, limits: Limits(),
            clock: WallClock { story.now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await queue.reloadSettings()
        let running = Task { await queue.run() }
        try await eventually("the queue is through", within: .seconds(120), isDone)
        running.cancel()
        await running.value
    }

    @Test(arguments: [BatchForm.single, .sameContent(max: 1000)])
    func `every job goes out once`(form: BatchForm) async throws {
        let story = try await Story.begin(3000)
        let sender = CountingSender(batchForm: form)
        let began = ContinuousClock.now
        try await run(story, sender) { try await story.crowd.pushes()["accepted"] == 3000 }
        print("3000 pushes as \(form): \(ContinuousClock.now - began), \(sender.requests.withLock { $0 }) requests")
        #expect(sender.tokens.withLock { $0.values.allSatisfy { $0 == 1 } && $0.count == 3000 })
    }
}

/// A vendor that takes everything at once.
private final class CountingSender: VendorSender, VendorCatalog, Sendable {
    let vendor = Vendor.fcm
    let concurrentMax = 100
    let canSendSilently = true
    let batchForm: BatchForm
    let tokens = Mutex<[String: Int]>([:])
    let requests = Mutex(0)

    init(batchForm: BatchForm) { self.batchForm = batchForm }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        requests.withLock { $0 += 1 }
        tokens.withLock { tokens in
            for push in batch { tokens[push.token.token, default: 0] += 1 }
        }
        return batch.map { .sent(vendorID: "v-\($0.token.token)") }
    }

    func check(_ push: VendorPush) async -> VendorAnswer { .sent(vendorID: nil) }
    func shutdown() async {}
    func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON { settings }
    func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {}
    func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON { .emptyObject }
    func makeSender(
        for vendor: Vendor, settings: RawJSON, tenantNo: String
    ) throws(GatewayError) -> any VendorSender { self }
}
