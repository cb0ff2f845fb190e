import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct PushJobTests {
    private struct Story {
        let store: TestStore
        let device: DeviceIdentity
        let lane: Int64

        var storage: Storage { store.storage }

        /// Ann's device with two tokens, and the credentials for both.
        static func begin() async throws -> Story {
            let store = try await TestStore()
            for vendor in [Vendor.apns, .fcm] { try await configure(store, vendor) }
            let device = try await store.register(
                "ann", code: "c",
                #"{"pushTokens":[{"vendor":"apns","token":"first111"},{"vendor":"fcm","token":"second22"}]}"#
            ).identity
            let lane = try #require(
                try await store.storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: .apns)?.lane)
            return Story(store: store, device: device, lane: lane)
        }

        static func configure(_ store: TestStore, _ vendor: Vendor) async throws {
            try await store.storage.setVendorSettings(
                .emptyObject, tenant: store.tenant.key, app: nil, vendor: vendor, at: store.clock.now)
        }

        func lane(_ vendor: Vendor) async throws -> Int64 {
            try #require(
                try await storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: vendor)?.lane)
        }

        func candidate(_ id: String, _ more: String = "", notBefore: Milliseconds? = nil) async throws
            -> FallbackCandidate
        {
            try await store.send(id, to: "user:ann", more)
            let item = try #require(try await store.inbox(device.account).items.last)
            return FallbackCandidate(
                device: device.key, account: device.account.key, message: item.message.key, seq: item.entry.seq,
                notBefore: notBefore)
        }

        func claim(_ lane: Int64) async throws -> [PushJob] {
            try await storage.claimJobs(
                lane: lane, limit: 10, now: store.clock.now, leaseUntil: store.clock.now + 10_000)
        }

        func change(_ job: PushJob, _ change: PushJobChange) async throws {
            try await storage.change([(job, change)], at: store.clock.now)
        }

        func trace(_ id: String) async throws -> DeviceTrace {
            let message = try #require(try await storage.message(id: id, tenant: store.tenant.key))
            return try #require(try await storage.trace(of: message).first { $0.deviceID == device.deviceID })
        }
    }

    @Test func `a device that did not acknowledge gets one job, claimed by one`() async throws {
        let story = try await Story.begin()
        let candidate = try await story.candidate("m1")
        #expect(try await story.storage.decide([candidate], at: story.store.clock.now))
        #expect(try await !story.storage.decide([candidate], at: story.store.clock.now))
        #expect(try await story.storage.lanesWithJobs() == [story.lane: story.store.clock.now])
        let job = try #require(try await story.claim(story.lane).first)
        #expect(job.attempts == 1)
        #expect(try await story.claim(story.lane).isEmpty)
        let subject = try #require(try await story.storage.subject(of: job))
        #expect(subject.token?.token == "first111" && !subject.isAcknowledged && subject.senderName == "Chat")
        #expect(subject.message.id == "m1" && subject.device.deviceID == story.device.deviceID)
        try await story.change(job, .accepted(vendor: .apns, vendorID: "v-1"))
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        let trace = try await story.trace("m1")
        #expect(trace.outcome == "pushed")
        #expect(trace.stages.map(\.stage) == ["archived", "push_queued", "push_accepted"])
        #expect(trace.stages.last?.vendorID == "v-1")
    }

    @Test func `a lease ends by its time, or when the gateway starts again`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        #expect(try await story.claim(story.lane).count == 1)
        story.store.clock.advance(10_001)
        #expect(try await story.claim(story.lane).map(\.attempts) == [2])
        try await story.storage.releaseLeases(at: story.store.clock.now)
        let job = try #require(try await story.claim(story.lane).first)
        #expect(job.attempts == 3)
        try await story.change(job, .released(at: story.store.clock.now + 50))
        #expect(try await story.claim(story.lane).isEmpty)
        story.store.clock.advance(50)
        #expect(try await story.claim(story.lane).map(\.attempts) == [3])
    }

    @Test func `what was written while the clock was ahead waits as long as it was to wait, from now`() async throws {
        let story = try await Story.begin()
        let now = story.store.clock.now
        let before = try await story.candidate("before", notBefore: now + 200_000_000)
        _ = try await story.storage.decide([before], at: now)
        story.store.clock.advance(86_400_000)
        let ahead = story.store.clock.now
        let late = try await story.candidate("m2", notBefore: ahead + 70_000)
        _ = try await story.storage.decide([story.candidate("m1"), late], at: ahead)
        let job = try #require(try await story.claim(story.lane).first)
        story.store.clock.advance(-86_400_000)
        #expect(try await story.claim(story.lane).isEmpty)

        try await story.storage.clockWentBack(to: now)
        #expect(try await story.claim(story.lane).isEmpty)
        // The lease of ten seconds, of a process that may be gone.
        story.store.clock.advance(10_001)
        #expect(try await story.claim(story.lane).map(\.key) == [job.key])
        story.store.clock.advance(59_998)
        #expect(try await story.claim(story.lane).map(\.key) == [job.key])
        story.store.clock.advance(2)
        #expect(try await story.claim(story.lane).map(\.message) == [late.message])
        // What had its time before is left alone, however often it is said.
        try await story.storage.clockWentBack(to: story.store.clock.now)
        let dueTimes = try await story.storage.file.read { db in
            try Int64.fetchAll(
                db, sql: "SELECT not_before FROM push WHERE message = ?", arguments: [before.message.rawValue])
        }
        #expect(dueTimes == [now + 200_000_000])
    }

    @Test(arguments: ["released", "retry"])
    func `what was given back while the clock was ahead goes out once it was set back`(_ outcome: String) async throws {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1")], at: now)
        let job = try #require(try await story.claim(story.lane).first)
        story.store.clock.advance(86_400_000)
        let ahead = story.store.clock.now
        try await story.change(
            job,
            outcome == "released"
                ? .released(at: ahead) : .retry(at: ahead + 1000, vendor: .apns, VendorReply(code: "503")))
        story.store.clock.advance(-86_400_000)
        try await story.storage.clockWentBack(to: now)
        story.store.clock.advance(1000)
        #expect(try await story.claim(story.lane).map(\.key) == [job.key])
    }

    @Test func `a retry waits for its time and is kept for the trace`() async throws {
        let story = try await Story.begin()
        let later = story.store.clock.now + 5000
        _ = try await story.storage.decide(
            [try await story.candidate("m1", notBefore: later)], at: story.store.clock.now)
        #expect(try await story.claim(story.lane).isEmpty)
        story.store.clock.advance(5000)
        let job = try #require(try await story.claim(story.lane).first)
        try await story.change(job, .retry(at: later + 1000, vendor: .apns, VendorReply(code: "503")))
        #expect(try await story.storage.lanesWithJobs() == [story.lane: later + 1000])
        story.store.clock.advance(1000)
        let again = try #require(try await story.claim(story.lane).first)
        try await story.change(again, .failed(vendor: .apns, .vendorRefused, VendorReply(code: "BadTopic")))
        let trace = try await story.trace("m1")
        #expect(trace.outcome == "not_pushed" && trace.reason == "vendor_refused")
        #expect(trace.stages.map(\.detail) == [nil, nil, "503", "BadTopic"])
    }

    @Test func `a dead token goes on to the next, and then fails`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        let job = try #require(try await story.claim(story.lane).first)
        let first = try #require(try await story.storage.subject(of: job)?.token)
        try await story.change(job, .tokenDead(first, VendorReply(code: "Unregistered"), since: nil))
        #expect(try await story.storage.device(story.device.key)?.tokens.map(\.token) == ["second22"])
        let next = try #require(try await story.claim(story.lane(.fcm)).first)
        let second = try #require(try await story.storage.subject(of: next)?.token)
        #expect(second.token == "second22")
        try await story.change(next, .tokenDead(second, VendorReply(code: "UNREGISTERED"), since: nil))
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        let trace = try await story.trace("m1")
        #expect(trace.outcome == "not_pushed" && trace.reason == "token_dead")
        // Registering a dead token again revives it.
        try await story.store.register("ann", code: "c", #"{"pushTokens":[{"vendor":"apns","token":"first111"}]}"#)
        #expect(try await story.storage.device(story.device.key)?.tokens.map(\.token) == ["first111"])
    }

    @Test func `a token that was registered after it died stays, and this push goes on`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        let job = try #require(try await story.claim(story.lane).first)
        let token = try #require(try await story.storage.subject(of: job)?.token)
        let died = story.store.clock.now - 1
        try await story.change(job, .tokenDead(token, VendorReply(code: "Unregistered"), since: died))
        #expect(try await story.storage.device(story.device.key)?.tokens.count == 2)
        #expect(try await story.claim(story.lane(.fcm)).count == 1)
    }

    @Test func `a token that moves to another device takes its job along the chain`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        try await story.store.register("bob", code: "d", #"{"pushTokens":[{"vendor":"apns","token":"first111"}]}"#)
        #expect(try await story.storage.lanesWithJobs().keys.map(\.self) == [story.lane(.fcm)])
        try await story.store.register("bob", code: "d", #"{"pushTokens":[{"vendor":"fcm","token":"second22"}]}"#)
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await story.trace("m1").reason == "no_token")
    }

    @Test func `acknowledging, deregistering and push off cancel what waits`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        _ = try await story.storage.acknowledge(story.device, seq: 1, broadcastSeq: nil)
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await story.trace("m1").outcome == "acknowledged")
        _ = try await story.storage.decide([try await story.candidate("m2")], at: story.store.clock.now)
        _ = try await story.storage.update(
            story.device.key, story.store.draft(#"{"pushEnabled":false}"#), at: story.store.clock.now)
        #expect(try await story.trace("m2").reason == "push_disabled")
        _ = try await story.storage.update(
            story.device.key, story.store.draft(#"{"pushEnabled":true}"#), at: story.store.clock.now)
        _ = try await story.storage.decide([try await story.candidate("m3")], at: story.store.clock.now)
        story.store.clock.advance(1)
        _ = try await story.storage.deregister(story.device.key, at: story.store.clock.now)
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await story.trace("m3").reason == "deregistered")
    }

    @Test func `what may not be pushed is a row that says why`() async throws {
        let story = try await Story.begin()
        let never = try await story.candidate("m1", #","push":{"policy":"never"}"#)
        #expect(try await !story.storage.decide([never], at: story.store.clock.now))
        #expect(try await story.trace("m1").reason == "policy_never")
        // Acknowledged in time: nothing is written down.
        let done = try await story.candidate("m2")
        _ = try await story.storage.acknowledge(story.device, seq: 2, broadcastSeq: nil)
        #expect(try await !story.storage.decide([done], at: story.store.clock.now))
        #expect(try await story.trace("m2").stages.map(\.stage) == ["archived", "acknowledged"])
    }

    @Test func `a job past its life is skipped when it would be claimed`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1", #","ttl":5"#)], at: story.store.clock.now)
        story.store.clock.advance(5000)
        #expect(try await story.claim(story.lane).isEmpty)
        #expect(try await story.trace("m1").reason == "expired")
        #expect(try await story.storage.lanesWithJobs().isEmpty)
    }

    @Test func `new settings are a new lane with the old one's jobs, none skip them`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([try await story.candidate("m1")], at: story.store.clock.now)
        try await Story.configure(story.store, .apns)
        let lane = try await story.lane(.apns)
        #expect(lane > story.lane)
        #expect(try await story.storage.lanesWithJobs().keys.map(\.self) == [lane])
        #expect(try await story.storage.vendorSettings().count == 2)
        try await story.storage.setVendorSettings(
            nil, tenant: story.store.tenant.key, app: nil, vendor: .apns, at: story.store.clock.now)
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await story.trace("m1").reason == "vendor_not_configured")
    }

    @Test func `a new credential sends at once what was tried, and keeps what was to wait, in pages`()
        async throws
    {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1", notBefore: now + 50_000)], at: now)
        let more = LaneMoves.pageMax + 10
        try await story.storage.commits.run { writer in
            // Tried, put off for a day, and so many that one transaction does not move them all.
            try writer.db.execute(
                sql: """
                    WITH RECURSIVE n(turn) AS (SELECT 1 UNION ALL SELECT turn + 1 FROM n WHERE turn < ?)
                    INSERT INTO push (message, device, turn, seq, state, lane, vendor, token, attempts, not_before,
                        claimed_at, expires_at, created_at, updated_at)
                    SELECT message, device, n.turn, seq, state, lane, vendor, token, 1, ?, ?, ?, created_at, updated_at
                    FROM push, n WHERE push.turn = 0
                    """, arguments: [more, now + 86_400_000, now, now + 900_000_000])
        }
        try await Story.configure(story.store, .apns)
        let lane = try await story.lane(.apns)
        let jobs = try await story.storage.claimJobs(
            lane: lane, limit: more + 10, now: now, leaseUntil: now + 1000)
        #expect(jobs.count == more && jobs.allSatisfy { $0.turn > 0 })
        #expect(
            try await story.storage.claimJobs(
                lane: lane, limit: more + 10, now: now + 50_000, leaseUntil: now + 60_000
            )
            .contains { $0.turn == 0 })
    }

    // MARK: What must not go out twice

    @Test func `a begun push that must not go out twice ends at the next start, one that had not begun goes out`()
        async throws
    {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1"), story.candidate("m2")], at: now)
        let jobs = try await story.claim(story.lane)
        #expect(jobs.count == 2)
        try await story.storage.markBegun([jobs[0]])
        try await story.storage.releaseLeases(at: now + 500)
        #expect(try await story.claim(story.lane).map(\.key) == [])
        story.store.clock.advance(500)
        #expect(try await story.claim(story.lane).map(\.key) == [jobs[1].key])
        let trace = try await story.trace("m1")
        #expect(trace.outcome == "not_pushed" && trace.reason == "vendor_refused")
        let stage = try #require(trace.stages.last)
        #expect(stage.stage == "push_failed" && stage.vendor == .apns && stage.code == "not_repeated")
        #expect(stage.detail?.contains("interrupted") == true)
        // Nothing of it is left for the next start.
        try await story.storage.releaseLeases(at: now + 1000)
        #expect(try await story.trace("m1").stages.last?.at == now + 500)
    }

    @Test(arguments: ["released", "retry", "heldBack"])
    func `what waits again after an answer has not begun`(_ name: String) async throws {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1")], at: now)
        let job = try #require(try await story.claim(story.lane).first)
        try await story.storage.markBegun([job])
        let change: PushJobChange =
            switch name {
            case "released": .released(at: now)
            case "retry": .retry(at: now, vendor: .apns, VendorReply(code: "503"))
            default: .heldBack(vendor: .apns, VendorReply(code: "403"))
            }
        try await story.change(job, change)
        // Claimed again and not begun when the process ends.
        #expect(try await story.claim(story.lane).map(\.key) == [job.key])
        try await story.storage.releaseLeases(at: now)
        #expect(try await story.claim(story.lane).map(\.key) == [job.key])
    }

    @Test func `a begun push whose outcome could not be written is not claimed again but ends`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide([story.candidate("m1")], at: story.store.clock.now)
        let job = try #require(try await story.claim(story.lane).first)
        try await story.storage.markBegun([job])
        story.store.clock.advance(10_001)
        // As long as somebody holds it, it is left alone.
        let held = try await story.storage.claimJobs(
            lane: story.lane, limit: 10, besides: [job.key], now: story.store.clock.now,
            leaseUntil: story.store.clock.now + 10_000)
        #expect(held.isEmpty)
        #expect(try await story.trace("m1").outcome == "waiting")
        #expect(try await story.claim(story.lane).isEmpty)
        #expect(try await story.trace("m1").stages.last?.code == "not_repeated")
        // Its answer comes after all.
        try await story.change(job, .accepted(vendor: .apns, vendorID: "v"))
        #expect(try await story.trace("m1").outcome == "not_pushed")
    }

    @Test func `pushes that a process left on a credential that is gone find theirs at the start`()
        async throws
    {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1")], at: now)
        try await story.storage.commits.run { writer in
            try writer.db.execute(sql: "UPDATE push SET lane = 999999")
        }
        try await story.storage.releaseLeases(at: now)
        let lane = try await story.lane(.apns)
        #expect(try await story.storage.lanesWithJobs().keys.map(\.self) == [lane])
    }

    @Test func `a refused credential costs a push no attempt, and is in its trace`() async throws {
        let story = try await Story.begin()
        let now = story.store.clock.now
        _ = try await story.storage.decide([story.candidate("m1")], at: now)
        let lane = try await story.lane(.apns)
        for _ in 1...3 {
            let job = try #require(
                try await story.storage.claimJobs(lane: lane, limit: 1, now: now, leaseUntil: now + 1000)
                    .first)
            #expect(job.attempts == 1)
            try await story.change(job, .heldBack(vendor: .apns, VendorReply(code: "403")))
        }
        #expect(try await story.trace("m1").stages.contains { $0.detail == "403" })
    }

    @Test func `marks go forward only and tell when an entry was published`() async throws {
        let story = try await Story.begin()
        _ = try await story.candidate("m1")
        _ = try await story.candidate("m2")
        let now = story.store.clock.now
        try await story.storage.advance(DeliveryMarks(dispatched: 1, decided: 0), at: now + 10)
        try await story.storage.advance(DeliveryMarks(dispatched: 0, decided: 1), at: now + 20)
        #expect(try await story.storage.marks() == DeliveryMarks(dispatched: 1, decided: 1))
        try await story.storage.advance(DeliveryMarks(dispatched: 2, decided: 1), at: now + 5000)
        #expect(try await story.trace("m1").stages.map(\.at) == [now, now + 10])
        #expect(try await story.trace("m2").stages.map(\.at) == [now, now + 5000])
        let log = try await story.storage.entries(after: 1, limit: 10)
        #expect(log.map(\.message.id) == ["m2"] && log[0].entries.map(\.position) == [2])
    }

    @Test func `a message's own life holds for its push where the sender gave the push none`() async throws {
        let story = try await Story.begin()
        _ = try await story.storage.decide(
            [try await story.candidate("m1", #","ttl":604800"#)], at: story.store.clock.now)
        story.store.clock.advance(2 * 86_400_000)
        #expect(try await story.claim(story.lane).count == 1)
    }

    @Test func `one try now that was put off still gets its try`() async throws {
        let story = try await Story.begin()
        let later = story.store.clock.now + 120_000
        _ = try await story.storage.decide(
            [try await story.candidate("m1", #","push":{"ttl":0,"after":120}"#, notBefore: later)],
            at: story.store.clock.now)
        story.store.clock.advance(120_000)
        #expect(try await story.claim(story.lane).count == 1)
    }
}
