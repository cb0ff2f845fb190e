import Foundation
import PushCore
import Testing

@testable import PushStorage

@Suite struct BroadcastTests {
    private static let everyone = #","audience":{"all":true}"#

    private func broadcasts(_ crowd: Crowd, after seq: Int64 = 0) async throws -> BroadcastPage {
        try await crowd.storage.broadcasts(of: crowd.store.tenant.key, after: seq, limit: 100)
    }

    // MARK: The channel

    @Test func `a broadcast is one original with a place on the channel, and in no inbox`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(3, in: store)
        let first = try await store.send("b1", #","from":"user:u0""# + Self.everyone)
        #expect(first.isJob && first.status == 202 && first.recipients == nil && first.ownSeq == nil)
        try await store.send("b2", Self.everyone)
        let page = try await broadcasts(crowd)
        #expect(page.items.map(\.seq) == [1, 2] && page.items.map(\.message.id) == ["b1", "b2"] && page.head == 2)
        let payload = try RawJSON(parsing: page.items[0].payload(now: store.clock.now)).object
        #expect(payload?["to"]?.string == "*" && payload?["seq"]?.integer == 1)
        #expect(payload?["from"]?.string == "acct_u0" && payload?["content"]?.object?["text"]?.string == "hello")
        #expect(try await broadcasts(crowd, after: 1).items.map(\.seq) == [2])
        #expect(try await crowd.count("SELECT count(*) FROM entry") == 0)
        // Only the head.
        let head = try await crowd.storage.broadcasts(of: store.tenant.key, after: 0, limit: 0)
        #expect(head.items.isEmpty && head.head == 2)

        let again = try await store.send("b1", #","from":"user:u0""# + Self.everyone)
        #expect(again.isDuplicate && again.isJob)
        #expect(try await broadcasts(crowd).head == 2)
        #expect(
            await store.refusal { try await store.send("b2", text: "other", Self.everyone) }?.code
                == .messageIDConflict
        )
        #expect(await store.refusal { try await store.send("b2", to: "user:u1") }?.code == .messageIDConflict)
    }

    @Test func `all beside another kind adds nothing`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(3, in: store)
        let answer = try await store.send("m", #","audience":{"all":true,"users":["u1"]}"#)
        #expect(answer.recipients == 1 && !answer.isJob)
        #expect(try await store.send("m", #","audience":{"users":["u1"]}"#).isDuplicate)
        #expect(try await broadcasts(crowd).head == 0)
    }

    @Test func `channels of tenants are their own, and heads survive a refused command`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(1, in: store)
        let other = try await store.storage.createTenant(no: "other", name: "Other", at: 1)
        try await store.send("b1", Self.everyone)
        #expect(try await crowd.storage.broadcasts(of: other.key, after: 0, limit: 10).head == 0)
        let key = try #require(try await store.storage.message(id: "b1", tenant: store.tenant.key)).key
        await #expect(throws: GatewayError.self) {
            try await store.storage.commits.run { [tenant = store.tenant.key] writer in
                #expect(try BroadcastLog(writer: writer).append(key, revision: 1, tenant: tenant) == 2)
                throw GatewayError(.conflict, "undo it")
            }
        }
        #expect(try await crowd.storage.broadcasts(of: store.tenant.key, after: 0, limit: 0).head == 1)
        try await store.send("b2", Self.everyone)
        #expect(try await broadcasts(crowd).items.map(\.seq) == [1, 2])
    }

    @Test func `what the broker has not taken is published again, as the message is then`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(2, in: store)
        for id in ["b1", "b2", "b3"] { try await store.send(id, Self.everyone) }
        let waiting = try await crowd.storage.unpublishedBroadcasts(limit: 2)
        #expect(waiting.map(\.entry.seq) == [1, 2])
        try await crowd.storage.published(Array(waiting.prefix(1)), at: store.clock.now)
        try await store.storage.commits.run { writer in
            try writer.db.execute(sql: "UPDATE message SET state = 1, content = NULL WHERE id = 'b2'")
        }
        let left = try await crowd.storage.unpublishedBroadcasts(limit: 10)
        #expect(left.map(\.entry.message.id) == ["b2", "b3"])
        let short = try RawJSON(parsing: left[0].entry.payload(now: store.clock.now)).object
        #expect(short?["revoked"]?.bool == true && short?["content"] == nil)
        #expect(try await crowd.job("b1")?.published == 2)
        #expect(try await crowd.job("b2")?.published == 0)
    }

    // MARK: Cursors

    @Test func `a device begins at the head, and its cursor never passes it`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(1, in: store)
        try await store.send("b1", Self.everyone)
        try await store.send("b2", Self.everyone)
        let new = try await store.register("new", code: "n")
        #expect(new.broadcastSeq == 2)
        #expect(try await store.storage.cursor(of: new.identity.key) == PushCore.Cursor(seq: 0, broadcastSeq: 2))
        try await store.send("b3", Self.everyone)
        #expect(try await store.register("new", code: "n").broadcastSeq == 3)
        let old = try await crowd.identity("u0")
        #expect(try await store.storage.acknowledge(old, seq: nil, broadcastSeq: 1).broadcastSeq == 1)
        #expect(try await store.storage.acknowledge(old, seq: nil, broadcastSeq: 99).broadcastSeq == 3)
        #expect(try await store.storage.acknowledge(old, seq: nil, broadcastSeq: 2).broadcastSeq == 3)
        #expect(try await store.storage.cursor(of: old.key) == PushCore.Cursor(seq: 0, broadcastSeq: 3))
        // Those who came later are nobody's audience.
        #expect(try await store.storage.acknowledge(new.identity, seq: 0, broadcastSeq: 3).broadcastSeq == 3)
        #expect(try await crowd.job("b2")?.acknowledged == 1)
        #expect(try await crowd.job("b3")?.acknowledged == 2)
    }

    @Test func `an acknowledgement takes back the broadcast's push, one of the inbox does not`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(2, in: store)
        try await store.send("b1", Self.everyone)
        try await crowd.walk()
        try await store.send("m", to: "user:u0")
        let device = try await crowd.identity("u0")
        _ = try await store.storage.acknowledge(device, seq: 1, broadcastSeq: nil)
        #expect(try await crowd.pushes() == ["waiting": 2])
        let lane = try #require(try await store.storage.lanesWithJobs().keys.first)
        let jobs = try await store.storage.claimJobs(lane: lane, limit: 10, now: store.clock.now, leaseUntil: .max)
        let mine = try #require(jobs.first { $0.device == device.key })
        #expect(try await store.storage.subject(of: mine)?.isAcknowledged == false)
        _ = try await store.storage.acknowledge(device, seq: nil, broadcastSeq: 1)
        #expect(try await crowd.pushes() == ["waiting": 1, "skipped/acknowledged": 1])
        // Taken back while it was claimed: it does not go out.
        #expect(try await store.storage.subject(of: mine) == nil)
        let message = try #require(try await store.storage.message(id: "b1", tenant: store.tenant.key))
        let other = try await crowd.identity("u1").key
        let stored = try await store.storage.file.read { db in
            try [device.key, other].map { try Cursors.hasStored(db, device: $0, message, seq: 0) }
        }
        #expect(stored == [true, false])
    }

    // MARK: The walk

    @Test func `each device is decided once, also when the gateway is killed between pages`() async throws {
        var limits = Limits()
        limits.jobPageDevices = 100
        let store = try await TestStore(limits: limits)
        // By tens: 0 connected and acknowledging, 1 connected and silent, 2 without token, 3 push off, else away.
        var crowd = try await Crowd.make(2000, in: store, hasToken: "i % 10 <> 2", pushEnabled: "i % 10 <> 3")
        for index in stride(from: 0, to: 2000, by: 10) {
            crowd.connected.formUnion(["dev_u\(index)", "dev_u\(index + 1)"])
        }
        try await store.send("b", #","from":"user:u4""# + Self.everyone)
        let late = try await store.register(
            "late", code: "late", #"{"pushTokens":[{"vendor":"fcm","token":"late1234"}]}"#)
        try await crowd.publish()
        for _ in 0..<7 { try await crowd.step() }
        crowd.storage = try restarted(store)
        for _ in 0..<3 { try await crowd.step() }
        for index in stride(from: 0, to: 2000, by: 10) {
            _ = try await crowd.storage.acknowledge(try await crowd.identity("u\(index)"), seq: nil, broadcastSeq: 1)
        }
        try await crowd.walk()
        // Those who are connected have their time, from when the broker had it.
        #expect(try await crowd.pushes() == ["waiting": 1199])
        #expect(try await crowd.job("b")?.state == .running)
        store.clock.advance(9_999)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 1199])
        store.clock.advance(1)
        try await crowd.step()
        crowd.storage.close()
        crowd.storage = try restarted(store, again: true)
        try await crowd.walk()
        defer { crowd.storage.close() }
        #expect(try await crowd.pushes() == ["waiting": 1399])
        let job = try #require(try await crowd.job("b"))
        #expect(job.state == .done && job.audience == 2000 && job.published == 2000 && job.acknowledged == 200)
        #expect(job.skipped == ["own": 1, "no_token": 200, "push_disabled": 200])
        #expect(job.finishedAt == store.clock.now)
        #expect(try await crowd.count("SELECT count(DISTINCT device) FROM push") == 1399)
        #expect(try await crowd.count("SELECT count(*) FROM push WHERE device = \(late.identity.key.rawValue)") == 0)
        #expect(try await crowd.count("SELECT count(*) FROM job_device") == 0)
        let again = try await crowd.storage.accept(
            store.message(#"{"id":"b","from":"user:u4","type":0,"content":{"text":"hello"}\#(Self.everyone)}"#),
            from: store.appPrincipal)
        #expect(again.recipients == 1999)
    }

    /// The store as a killed process leaves it, opened anew.
    private func restarted(_ store: TestStore, again: Bool = false) throws -> Storage {
        let from = again ? store.directory.appendingPathComponent("killed.db").path : store.path
        let path = store.directory.appendingPathComponent(again ? "again.db" : "killed.db").path
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: from + suffix) {
            try FileManager.default.copyItem(atPath: from + suffix, toPath: path + suffix)
        }
        return try TestStore.open(path, limits: store.limits, clock: store.clock)
    }

    @Test func `a restart gives connected devices their time again, and the broker's absence does not hold pushes`()
        async throws
    {
        let store = try await TestStore()
        var crowd = try await Crowd.make(1, in: store)
        crowd.connected = ["dev_u0"]
        try await store.send("b", Self.everyone)
        try await crowd.walk()
        store.clock.advance(60_000)
        // Started now.
        try await crowd.step(startedAt: store.clock.now)
        #expect(try await crowd.pushes() == [:])
        store.clock.advance(10_000)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 1])
        // Everybody is decided, but the broker does not have it yet.
        #expect(try await crowd.job("b")?.state == .running)
        #expect(try await store.storage.dueJobs(at: .max, limit: 1).isEmpty)
        try await crowd.publish()
        #expect(try await crowd.job("b")?.state == .done)
    }

    @Test(arguments: [false, true])
    func `what was archived after the clock was set back waits no longer than its time`(_ isPublished: Bool)
        async throws
    {
        let store = try await TestStore()
        var crowd = try await Crowd.make(1, in: store)
        crowd.connected = ["dev_u0"]
        let now = store.clock.now
        store.clock.advance(3_600_000)
        try await store.send("ahead", to: "user:u0")
        store.clock.advance(now - store.clock.now)
        // Its server time is an hour ahead: those never go back.
        try await store.send("b", Self.everyone)
        try await crowd.step(startedAt: now - 60_000)
        if isPublished { try await crowd.publish() }
        #expect(try await crowd.pushes() == [:])
        store.clock.advance(10_000)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 1])
    }

    @Test func `what the broker got while the clock was ahead waits its time once it was set back`() async throws {
        let store = try await TestStore()
        var crowd = try await Crowd.make(1, in: store)
        crowd.connected = ["dev_u0"]
        try await store.send("b", Self.everyone)
        let now = store.clock.now
        store.clock.advance(86_400_000)
        try await crowd.publish()
        try await crowd.step(startedAt: now - 60_000)
        store.clock.advance(now - store.clock.now)
        try await store.storage.clockWentBack(to: now)
        try await crowd.walk()
        #expect(try await crowd.pushes() == [:])
        store.clock.advance(10_000)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 1])
    }

    @Test(arguments: [
        ("never", [:]), ("always", ["waiting": 2]), ("offline", ["waiting": 1]),
    ])
    func `the policy says who is pushed at once`(_ policy: String, _ expected: [String: Int]) async throws {
        let store = try await TestStore()
        var crowd = try await Crowd.make(2, in: store)
        crowd.connected = ["dev_u0"]
        try await store.send("b", #","push":{"policy":"\#(policy)"}"# + Self.everyone)
        try await crowd.walk()
        #expect(try await crowd.pushes() == expected)
        try await crowd.publish()
        #expect(try await crowd.job("b")?.state == (policy == "offline" ? .running : .done))
    }

    @Test func `what was revoked or expired meanwhile is pushed to nobody`() async throws {
        let store = try await TestStore()
        var crowd = try await Crowd.make(4, in: store)
        crowd.connected = ["dev_u0", "dev_u1"]
        try await store.send("revoked", Self.everyone)
        try await store.send("expired", #","ttl":5"# + Self.everyone)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 4])
        try await store.storage.commits.run {
            try $0.db.execute(sql: "UPDATE message SET state = 1 WHERE id = 'revoked'")
        }
        store.clock.advance(10_000)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["waiting": 4])
        #expect(try await crowd.job("revoked")?.skipped == ["revoked": 2])
        #expect(try await crowd.job("expired")?.skipped == ["expired": 2])
    }

    // MARK: What apps do

    @Test func `pause, resume and cancel stop the walk where it is`() async throws {
        var limits = Limits()
        limits.jobPageDevices = 10
        let store = try await TestStore(limits: limits)
        let crowd = try await Crowd.make(50, in: store)
        try await store.send("b", Self.everyone)
        try await crowd.publish()
        try await crowd.step()
        try await crowd.change(.pause, "b")
        try await crowd.change(.pause, "b")
        #expect(try await !crowd.step())
        #expect(try await crowd.job("b")?.state == .paused)
        try await crowd.change(.resume, "b")
        try await crowd.change(.resume, "b")
        try await crowd.step()
        #expect(try await crowd.pushes() == ["waiting": 20])
        // One is on its way when it is cancelled: that one stays what it becomes.
        let lane = try #require(try await store.storage.lanesWithJobs().keys.first)
        let claimed = try await store.storage.claimJobs(lane: lane, limit: 2, now: store.clock.now, leaseUntil: .max)
        try await crowd.change(.cancel, "b")
        #expect(try await store.storage.subject(of: claimed[0]) == nil)
        try await crowd.walk()
        #expect(try await crowd.pushes() == ["skipped/cancelled": 20])
        try await store.storage.change([(claimed[1], .accepted(vendor: .fcm, vendorID: "v"))], at: store.clock.now)
        try await crowd.change(.cancel, "b")
        let job = try #require(try await crowd.job("b"))
        #expect(job.state == .cancelled && job.pushed == 1 && job.skipped == ["cancelled": 19] && job.finishedAt != nil)
        for action in [JobAction.pause, .resume] {
            #expect(await store.refusal { try await crowd.change(action, "b") }?.code == .conflict)
        }
        try await store.send("m", to: "user:u1")
        for id in ["m", "nothing"] {
            #expect(await store.refusal { try await crowd.change(.cancel, id) }?.code == .notFound)
            #expect(try await crowd.job(id) == nil)
        }
        let other = try await store.storage.createTenant(no: "other", name: "Other", at: 1)
        #expect(try await store.storage.job(of: "b", tenant: other) == nil)
    }

    @Test func `a job that is done cannot be changed, and one held up before its end ends when it goes on`()
        async throws
    {
        let store = try await TestStore()
        let crowd = try await Crowd.make(2, in: store)
        try await store.send("b", Self.everyone)
        try await crowd.walk()
        try await crowd.change(.pause, "b")
        try await crowd.publish()
        #expect(try await crowd.job("b")?.state == .paused)
        try await crowd.change(.resume, "b")
        #expect(try await crowd.job("b")?.state == .done)
        for action in JobAction.allCases {
            #expect(await store.refusal { try await crowd.change(action, "b") }?.code == .conflict)
        }
    }

    @Test func `the trace has the queued pushes, and counts for the rest`() async throws {
        let store = try await TestStore()
        let crowd = try await Crowd.make(4, in: store, hasToken: "i < 2")
        try await store.send("b", Self.everyone)
        try await crowd.publish()
        try await crowd.walk()
        _ = try await store.storage.acknowledge(try await crowd.identity("u1"), seq: nil, broadcastSeq: 1)
        let message = try #require(try await store.storage.message(id: "b", tenant: store.tenant.key))
        let trace = try await store.storage.trace(of: message)
        #expect(trace.map(\.userID) == ["u0", "u1"] && trace.map(\.outcome) == ["waiting", "acknowledged"])
        #expect(trace[0].stages.map(\.stage) == ["archived", "published", "push_queued"])
        #expect(
            trace[1].stages.map(\.stage) == ["archived", "published", "push_queued", "push_skipped", "acknowledged"])
        #expect(try await store.storage.skippedCounts(of: message.key) == ["no_token": 2, "acknowledged": 1])
    }
}
