import GRDB
import PushCore
import Testing

@testable import PushStorage

/// What a change of a message does to its vendor pushes.
@Suite struct ReplacementTests {
    private struct Story {
        let changes: ChangeStory
        let device: DeviceIdentity
        let lane: Int64

        var storage: Storage { changes.storage }
        var now: Milliseconds { changes.store.clock.now }
        var sender: Principal { changes.ann.principal }

        static func begin(
            _ tokens: String = #"[{"vendor":"fcm","token":"token-of-phone"}]"#, vendor: Vendor = .fcm
        ) async throws -> Story {
            let changes = try await ChangeStory.begin()
            for vendor in [Vendor.fcm, .apns, .webhook] {
                try await changes.storage.setVendorSettings(
                    .emptyObject, tenant: changes.store.tenant.key, app: nil, vendor: vendor, at: 1)
            }
            let device = try await changes.store.register(
                "bob", code: "phone", #"{"pushTokens":\#(tokens)}"#
            ).identity
            let lane = try #require(
                try await changes.storage.vendorSettings(
                    tenant: changes.store.tenant.key, app: nil, vendor: vendor)?.lane)
            return Story(changes: changes, device: device, lane: lane)
        }

        /// Sends a message to the device's account and decides about its push.
        func push(_ id: String, _ more: String = "") async throws {
            try await changes.store.send(id, to: device.account.id, more, as: sender)
            let item = try #require(try await changes.store.inbox(device.account).items.last)
            _ = try await storage.decide(
                [
                    FallbackCandidate(
                        device: device.key, account: device.account.key, message: item.message.key, seq: item.entry.seq)
                ], at: now)
        }

        func claim() async throws -> [PushJob] {
            try await storage.claimJobs(lane: lane, limit: 10, now: now, leaseUntil: now + 60_000)
        }

        func accept(_ job: PushJob?) async throws {
            let job = try #require(job)
            try await storage.change([(job, .accepted(vendor: .fcm, vendorID: "v"))], at: now)
        }

        /// The message's push was accepted: the device shows a notification.
        func show(_ id: String, _ more: String = "") async throws {
            try await push(id, more)
            try await accept(try await claim().first)
        }

        func rows(_ id: String) async throws -> [String] {
            let key = try await changes.message(id).key.rawValue
            return try await storage.file.read { db in
                try String.fetchAll(
                    db,
                    sql:
                        "SELECT turn || ' ' || state || ifnull(' ' || reason, '') FROM push WHERE message = ? ORDER BY turn",
                    arguments: [key])
            }
        }
    }

    @Test func `a shown notification is replaced after a moment, with the same token`() async throws {
        let story = try await Story.begin()
        try await story.show("m1")
        _ = try await story.changes.update("m1", "new", by: story.sender)
        #expect(try await story.claim().isEmpty)
        story.changes.store.clock.advance(2000)
        let job = try #require(try await story.claim().first)
        #expect(job.turn == 1)
        let subject = try #require(try await story.storage.subject(of: job))
        #expect(subject.token?.token == "token-of-phone" && !subject.isAcknowledged)
        try await story.accept(job)
        _ = try await story.changes.revoke("m1", by: story.sender)
        #expect(try await story.rows("m1") == ["0 accepted", "1 accepted", "2 waiting"])
        let trace = try #require(
            try await story.storage.trace(of: story.changes.message("m1")).first {
                $0.deviceID == story.device.deviceID
            })
        #expect(trace.outcome == "pushed")
        #expect(trace.stages.map(\.stage).count { $0 == "push_accepted" } == 2)
        #expect(trace.stages.map(\.stage).count { $0 == "push_queued" } == 3)
    }

    @Test func `a newer turn takes the place of one that waits, an acknowledgement ends it`() async throws {
        let story = try await Story.begin()
        try await story.show("m1")
        _ = try await story.changes.update("m1", "new", by: story.sender)
        _ = try await story.changes.update("m1", "newer", by: story.sender)
        #expect(try await story.rows("m1") == ["0 accepted", "1 skipped superseded", "2 waiting"])
        // The device has the first revision, but not yet the second.
        let head = try await story.changes.store.inbox(story.device.account).head
        _ = try await story.storage.acknowledge(story.device, seq: head - 1, broadcastSeq: nil)
        #expect(try await story.rows("m1").last == "2 waiting")
        _ = try await story.storage.acknowledge(story.device, seq: head, broadcastSeq: nil)
        #expect(try await story.rows("m1").last == "2 skipped acknowledged")
    }

    @Test func `a waiting push is cancelled by revoking and kept by editing`() async throws {
        let story = try await Story.begin()
        try await story.push("m1")
        try await story.push("m2")
        _ = try await story.changes.update("m1", "new", by: story.sender)
        _ = try await story.changes.revoke("m2", by: story.sender)
        #expect(try await story.rows("m1") == ["0 waiting"])
        #expect(try await story.rows("m2") == ["0 skipped revoked"])
        let job = try #require(try await story.claim().first)
        let subject = try #require(try await story.storage.subject(of: job))
        #expect(subject.message.content?.object?["text"]?.string == "new")
    }

    @Test func `a push that was under way when its message changed is replaced when it is known to be out`()
        async throws
    {
        let story = try await Story.begin()
        try await story.push("m1")
        let job = try #require(try await story.claim().first)
        _ = try await story.changes.revoke("m1", by: story.sender)
        #expect(try await story.storage.subject(of: job) == nil)
        try await story.accept(job)
        #expect(try await story.rows("m1") == ["0 accepted", "1 waiting"])
        try await story.push("m2")
        let second = try #require(try await story.claim().first)
        _ = try await story.changes.update("m2", "new", by: story.sender)
        #expect(try await story.rows("m2") == ["0 waiting"])
        try await story.accept(second)
        #expect(try await story.rows("m2") == ["0 accepted", "1 waiting"])
    }

    @Test(arguments: [
        #"[{"vendor":"apns","token":"voip-token","kind":"voip"}]"#, #"[{"vendor":"webhook","token":"hook-token"}]"#,
    ])
    func `what cannot be replaced is left alone`(tokens: String) async throws {
        let story = try await Story.begin(tokens, vendor: tokens.contains("webhook") ? .webhook : .apns)
        let call = #"{"id":"m1","to":"\#(story.device.account.id)","type":7,"content":{"status":"invite"}}"#
        _ = try await story.storage.accept(
            story.changes.store.message(call, as: story.sender), from: story.sender)
        let item = try #require(try await story.changes.store.inbox(story.device.account).items.last)
        _ = try await story.storage.decide(
            [
                FallbackCandidate(
                    device: story.device.key, account: story.device.account.key, message: item.message.key,
                    seq: item.entry.seq)
            ], at: story.now)
        try await story.accept(try await story.claim().first)
        _ = try await story.changes.revoke("m1", by: story.sender)
        #expect(try await story.rows("m1") == ["0 accepted"])
    }

    @Test func `a data push, a token that is gone and a device that is gone are not replaced`() async throws {
        let story = try await Story.begin()
        try await story.show("m1", #","isBackground":true"#)
        _ = try await story.changes.revoke("m1", by: story.sender)
        #expect(try await story.rows("m1") == ["0 accepted"])
        try await story.show("m2")
        _ = try await story.changes.revoke("m2", by: story.sender)
        // The token goes to somebody else's device.
        try await story.changes.store.register(
            "eve", code: "e", #"{"pushTokens":[{"vendor":"fcm","token":"token-of-phone"}]}"#)
        #expect(try await story.rows("m2") == ["0 accepted", "1 skipped no_token"])
        try await story.changes.store.register(
            "bob", code: "phone", #"{"pushTokens":[{"vendor":"fcm","token":"token-of-phone"}]}"#)
        try await story.show("m3")
        _ = try await story.changes.update("m3", "new", by: story.sender)
        story.changes.store.clock.advance(1)
        _ = try await story.storage.deregister(story.device.key, at: story.now)
        #expect(try await story.rows("m3") == ["0 accepted", "1 skipped deregistered"])
        _ = try await story.changes.revoke("m3", by: story.sender)
        #expect(try await story.rows("m3").count == 2)
    }

    @Test func `a dead token ends a replacement instead of ringing another`() async throws {
        let story = try await Story.begin(
            #"[{"vendor":"fcm","token":"token-of-phone"},{"vendor":"apns","token":"second22"}]"#)
        try await story.show("m1")
        _ = try await story.changes.revoke("m1", by: story.sender)
        story.changes.store.clock.advance(2000)
        let job = try #require(try await story.claim().first)
        let token = try #require(try await story.storage.subject(of: job)?.token)
        try await story.storage.change(
            [(job, .tokenDead(token, VendorReply(code: "UNREGISTERED"), since: nil))], at: story.now)
        #expect(try await story.rows("m1") == ["0 accepted", "1 failed token_dead"])
        #expect(try await story.storage.lanesWithJobs().isEmpty)
    }
}
