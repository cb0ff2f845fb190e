import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct PushReceiptTests {
    /// Ann's phone with two vendors' tokens, and a push that Huawei accepted.
    private struct Story {
        let store: TestStore
        let device: DeviceIdentity

        static func begin(
            tokens: String = #"{"vendor":"huawei","token":"hw-token"},{"vendor":"fcm","token":"fcm-token"}"#
        ) async throws -> Story {
            let store = try await TestStore()
            for vendor in [Vendor.huawei, .fcm] {
                try await store.storage.setVendorSettings(
                    .emptyObject, tenant: store.tenant.key, app: nil, vendor: vendor, at: store.clock.now)
            }
            let device = try await store.register("ann", code: "c", #"{"pushTokens":[\#(tokens)]}"#).identity
            let story = Story(store: store, device: device)
            try await story.push("m1")
            return story
        }

        /// Hands a message over to Huawei.
        func push(_ id: String, accepted: Bool = true) async throws {
            try await store.send(id, to: "user:ann")
            let item = try #require(try await store.inbox(device.account).items.last)
            _ = try await store.storage.decide(
                [
                    FallbackCandidate(
                        device: device.key, account: device.account.key, message: item.message.key,
                        seq: item.entry.seq)
                ], at: store.clock.now)
            guard accepted else { return }
            let job = try #require(try await claim(.huawei).first)
            try await store.storage.change(
                [(job, .accepted(vendor: .huawei, vendorID: "r-\(id)"))], at: store.clock.now)
            store.clock.advance(1000)
        }

        func claim(_ vendor: Vendor) async throws -> [PushJob] {
            let lane = try #require(
                try await store.storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: vendor)?.lane)
            return try await store.storage.claimJobs(
                [JobClaim(lane: lane, limits: [.transactional: 10])], besides: [], now: store.clock.now,
                leaseUntil: store.clock.now + 10_000)
        }

        func record(
            _ code: String, _ meaning: VendorReceipt.Meaning, id: String? = "m1", token: String = "hw-token",
            at: Milliseconds? = nil, tenant: TenantKey? = nil
        ) async throws -> VendorReceiptCounts {
            let receipt = VendorReceipt(
                messageID: id, token: token, vendorID: nil, code: code, meaning: meaning, text: "in words", at: at)
            return try await store.storage.record(
                [receipt], from: .huawei, tenant: tenant ?? store.tenant.key, at: store.clock.now
            ).counts
        }

        func trace(_ id: String = "m1") async throws -> DeviceTrace {
            let message = try #require(try await store.storage.message(id: id, tenant: store.tenant.key))
            return try #require(try await store.storage.trace(of: message).first { $0.deviceID == device.deviceID })
        }

        func tokenStates() async throws -> [String] {
            try await store.storage.file.read { db in
                try String.fetchAll(db, sql: "SELECT token || ' ' || state FROM push_token ORDER BY key")
            }
        }
    }

    @Test func `a receipt is a stage of its own and neither acknowledges nor reads`() async throws {
        let story = try await Story.begin()
        let at = story.store.clock.now - 300
        #expect(try await story.record("0", .delivered, at: at) == .init(recorded: 1))
        let trace = try await story.trace()
        #expect(trace.outcome == "pushed")
        #expect(trace.stages.map(\.stage) == ["archived", "push_queued", "push_accepted", "receipt"])
        let stage = try #require(trace.stages.last)
        #expect(stage.at == at && stage.vendor == .huawei && stage.detail == "0: in words")
        #expect(stage.meaning == .delivered && stage.code == "0")
    }

    @Test func `a repeat changes nothing, another code is another stage`() async throws {
        let story = try await Story.begin()
        #expect(try await story.record("0", .delivered) == .init(recorded: 1))
        story.store.clock.advance(500)
        #expect(try await story.record("0", .delivered) == .init(repeated: 1))
        #expect(try await story.record("6", .notificationsOff) == .init(recorded: 1))
        #expect(try await story.trace().stages.filter { $0.stage == "receipt" }.map(\.code) == ["0", "6"])
    }

    @Test func `what is not known is counted and harms nobody`() async throws {
        let story = try await Story.begin()
        let other = try await story.store.storage.createTenant(no: "other", name: "Other", at: story.store.clock.now)
        #expect(try await story.record("2", .tokenDead, id: "none") == .init(unknown: 1))
        #expect(try await story.record("2", .tokenDead, id: nil) == .init(unknown: 1))
        #expect(try await story.record("2", .tokenDead, token: "elsewhere") == .init(unknown: 1))
        #expect(try await story.record("2", .tokenDead, token: "fcm-token") == .init(unknown: 1))
        #expect(try await story.record("2", .tokenDead, tenant: other.key) == .init(unknown: 1))
        // A push that no vendor ever had.
        try await story.push("m2", accepted: false)
        #expect(try await story.record("2", .tokenDead, id: "m2") == .init(unknown: 1))
        #expect(try await story.tokenStates() == ["hw-token live", "fcm-token live"])
    }

    @Test func `a clock that is wrong puts no receipt before its push or into the future`() async throws {
        let story = try await Story.begin()
        _ = try await story.record("0", .delivered, at: 1000)
        _ = try await story.record("40", .shown, at: story.store.clock.now + 9_000_000)
        let times = try await story.trace().stages.filter { $0.stage == "receipt" }.compactMap(\.at)
        #expect(times.count == 2 && times.allSatisfy { $0 > 1000 && $0 <= story.store.clock.now })
    }

    @Test func `a dead token is quarantined and its push goes on to the next one, once`() async throws {
        let story = try await Story.begin()
        #expect(try await story.record("2", .tokenDead) == .init(recorded: 1, movedOn: 1))
        #expect(try await story.tokenStates() == ["hw-token dead", "fcm-token live"])
        let waiting = try await story.trace()
        #expect(waiting.outcome == "waiting" && waiting.waiting?.vendor == .fcm)
        #expect(
            waiting.stages.map(\.stage) == ["archived", "push_queued", "push_accepted", "push_failed", "receipt"]
                || waiting.stages.map(\.stage) == [
                    "archived", "push_queued", "push_accepted", "receipt", "push_failed",
                ])
        // The vendor repeats itself while the push is on its way, and afterwards.
        #expect(try await story.record("2", .tokenDead) == .init(repeated: 1))
        let job = try #require(try await story.claim(.fcm).first)
        #expect(try await story.store.storage.subjects(of: [job])[job.key]?.token?.token == "fcm-token")
        try await story.store.storage.change(
            [(job, .accepted(vendor: .fcm, vendorID: "f-1"))], at: story.store.clock.now)
        #expect(try await story.record("2", .tokenDead) == .init(repeated: 1))
        #expect(try await story.record("5", .tokenDead) == .init(recorded: 1))
        #expect(try await story.claim(.fcm).isEmpty)
        #expect(try await story.trace().outcome == "pushed")
    }

    @Test func `a death that is reported is told once with its credential, and in doubt`() async throws {
        let story = try await Story.begin()
        let (storage, now) = (story.store.storage, story.store.clock.now)
        let tenant = story.store.tenant.key
        let lane = try #require(try await storage.vendorSettings(tenant: tenant, app: nil, vendor: .huawei)?.lane)
        func report(_ code: String, _ meaning: VendorReceipt.Meaning) async throws -> [ReportedDeath] {
            let receipt = VendorReceipt(messageID: "m1", token: "hw-token", code: code, meaning: meaning, text: "")
            return try await storage.record([receipt], from: .huawei, tenant: tenant, at: now).deaths
        }
        #expect(try await report("6", .notShown).isEmpty)
        let death = ReportedDeath(lane: lane, token: PushToken(vendor: .huawei, token: "hw-token"))
        #expect(try await report("2", .tokenDead) == [death])
        #expect(try await report("2", .tokenDead).isEmpty)
        #expect(try await report("5", .tokenDead).isEmpty)
        // Where the credential turns out to be wrong it lives again.
        let revival = try await storage.doubt(
            lanes: [lane], tenant: tenant, vendor: .huawei, since: now - 600_000, isNew: true, at: now)
        #expect(revival.tokens == 1)
        #expect(try await story.tokenStates() == ["hw-token live", "fcm-token live"])
    }

    @Test func `a push that had reached the phone does not ring on another token`() async throws {
        let story = try await Story.begin()
        _ = try await story.record("0", .delivered)
        #expect(try await story.record("2", .tokenDead) == .init(recorded: 1))
        #expect(try await story.tokenStates() == ["hw-token dead", "fcm-token live"])
        #expect(try await story.claim(.fcm).isEmpty)
    }

    @Test func `a token that was registered after the push stays alive`() async throws {
        let story = try await Story.begin()
        try await story.store.register(
            "ann", code: "c",
            #"{"pushTokens":[{"vendor":"huawei","token":"hw-token"},{"vendor":"fcm","token":"fcm-token"}]}"#)
        #expect(try await story.record("2", .tokenDead) == .init(recorded: 1))
        #expect(try await story.tokenStates() == ["hw-token live", "fcm-token live"])
        #expect(try await story.claim(.fcm).isEmpty)
    }

    @Test func `other pushes that wait for the dead token leave it`() async throws {
        let story = try await Story.begin(tokens: #"{"vendor":"huawei","token":"hw-token"}"#)
        try await story.push("m2", accepted: false)
        #expect(try await story.record("2", .tokenDead) == .init(recorded: 1))
        // The only token: the first push stays as it was handed over, the second one ends with the reason.
        #expect(try await story.trace("m1").outcome == "pushed")
        let second = try await story.trace("m2")
        #expect(second.outcome == "not_pushed" && second.reason == "token_dead" && second.stages.last?.code == "2")
    }
}
