import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct TokenQuarantineTests {
    private struct Story {
        let store: TestStore
        var storage: Storage { store.storage }
        var now: Milliseconds { store.clock.now }

        static func begin() async throws -> Story {
            let story = Story(store: try await TestStore())
            for vendor in [Vendor.apns, .fcm] { try await story.configure(vendor) }
            return story
        }

        func configure(_ vendor: Vendor) async throws {
            try await storage.setVendorSettings(
                .emptyObject, tenant: store.tenant.key, app: nil, vendor: vendor, at: now)
        }

        func lane(_ vendor: Vendor) async throws -> Int64 {
            try #require(
                try await storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: vendor)?.lane)
        }

        /// A person with a device and these tokens, `vendor:token`.
        func person(_ user: String, _ tokens: String...) async throws -> DeviceIdentity {
            let list = tokens.map { $0.split(separator: ":") }
                .map { #"{"vendor":"\#($0[0])","token":"\#($0[1])"}"# }.joined(separator: ",")
            return try await store.register(user, code: "code-\(user)", #"{"pushTokens":[\#(list)]}"#).identity
        }

        /// A message to a person that is to be pushed.
        func push(_ id: String, to device: DeviceIdentity, _ more: String = "") async throws {
            try await store.send(id, to: "user:\(device.userID)", more)
            let head = try await storage.inbox(of: device.account.key, after: 0, limit: 1).head
            let item = try #require(try await store.inbox(device.account, after: head - 1).items.last)
            _ = try await storage.decide(
                [
                    FallbackCandidate(
                        device: device.key, account: device.account.key, message: item.message.key,
                        seq: item.entry.seq)
                ], at: now)
        }

        func claim(_ vendor: Vendor) async throws -> PushJob {
            try #require(
                try await storage.claimJobs(lane: lane(vendor), limit: 1, now: now, leaseUntil: now + 10_000).first)
        }

        /// The next push of a vendor finds its token dead.
        func kill(_ vendor: Vendor, isDoubtful: Bool, since: Milliseconds? = nil) async throws {
            let job = try await claim(vendor)
            let token = try #require(try await storage.subject(of: job)?.token)
            try await storage.change(
                [(job, .tokenDead(token, VendorReply(code: "Bad"), since: since, isDoubtful: isDoubtful))], at: now)
        }

        func doubt(_ vendor: Vendor, isNew: Bool = true) async throws -> Revival {
            try await storage.doubt(
                lanes: [lane(vendor)], tenant: store.tenant.key, vendor: vendor, since: now - 600_000,
                isNew: isNew,
                at: now)
        }

        func tokens(of device: DeviceIdentity) async throws -> [String] {
            try await storage.device(device.key)?.tokens.map(\.token) ?? []
        }

        func reason(_ id: String, _ device: DeviceIdentity) async throws -> String? {
            let message = try #require(try await storage.message(id: id, tenant: store.tenant.key))
            return try await storage.trace(of: message).first { $0.deviceID == device.deviceID }?.reason
        }

        func dead(_ filter: QuarantineFilter = QuarantineFilter()) async throws -> [String] {
            try await storage.quarantinedTokens(filter, after: nil, limit: 100).map(\.token.token)
        }
    }

    @Test func `tokens of doubtful codes live again, and their pushes wait`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        let bob = try await story.person("bob", "apns:b")
        try await story.push("m1", to: ann)
        try await story.kill(.apns, isDoubtful: true)
        try await story.push("m2", to: bob)
        try await story.kill(.apns, isDoubtful: false)
        // A device without a live token is skipped for the same reason.
        try await story.push("m3", to: ann)
        #expect(try await story.reason("m1", ann) == "token_dead")
        #expect(try await story.reason("m3", ann) == "token_dead")
        story.store.clock.advance(60_000)

        #expect(try await story.doubt(.apns) == Revival(tokens: 1, pushes: 2))
        #expect(try await story.tokens(of: ann) == ["a"])
        #expect(try await story.tokens(of: bob) == [])
        #expect(try await story.dead() == ["b"])
        for id in ["m1", "m3"] {
            #expect(try await story.reason(id, ann) == "waiting")
            let job = try await story.claim(.apns)
            #expect(try await story.storage.subject(of: job)?.message.id == id)
            try await story.storage.change([(job, .accepted(vendor: .apns, vendorID: nil))], at: story.now)
        }
        let trail = try await story.storage.auditTrail(before: nil, limit: 10)
        #expect(trail.map(\.action) == ["push_credential.stop"])
        #expect(trail.first?.subject == "acme/apns tokens=1 pushes=2")
        // Again: nothing is left to do, and nothing goes out twice.
        #expect(try await story.doubt(.apns, isNew: false) == Revival())
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await story.storage.auditTrail(before: nil, limit: 10).count == 1)
    }

    @Test
    func `a doubt outlives the process until it is over, and a second one is in the trail as well`()
        async throws
    {
        let story = try await Story.begin()
        #expect(try await story.storage.vendorSettings().allSatisfy { $0.doubtedAt == nil })
        let lane = try await story.lane(.apns)
        _ = try await story.doubt(.apns)
        #expect(
            try await story.storage.vendorSettings().filter { $0.doubtedAt == story.now }.map(\.lane) == [
                lane
            ])
        try await story.storage.trust(lanes: [lane])
        #expect(try await story.storage.vendorSettings().allSatisfy { $0.doubtedAt == nil })
        _ = try await story.doubt(.apns)
        #expect(try await story.storage.auditTrail(before: nil, limit: 10).count == 2)
        try await story.configure(.apns)
        #expect(
            try await story.storage.vendorSettings().allSatisfy { $0.doubtedAt == nil },
            "a new credential")
    }

    @Test func `what went out by the next token is not sent again, what failed on the way is`()
        async throws
    {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a", "fcm:f")
        try await story.push("m1", to: ann)
        try await story.kill(.apns, isDoubtful: true)
        try await story.storage.change(
            [(story.claim(.fcm), .accepted(vendor: .fcm, vendorID: "v"))], at: story.now)
        try await story.push("m2", to: ann)
        try await story.kill(.fcm, isDoubtful: false)
        #expect(try await story.reason("m2", ann) == "token_dead")
        #expect(try await story.doubt(.apns) == Revival(tokens: 1, pushes: 1))
        let job = try await story.claim(.apns)
        #expect(try await story.storage.subject(of: job)?.message.id == "m2")
        #expect(try await story.reason("m1", ann) == nil)
    }

    @Test func `a token is revived only for whom it still belongs to, and within the window`() async throws {
        let story = try await Story.begin()
        let old = try await story.person("old", "apns:old")
        try await story.push("m-old", to: old)
        try await story.kill(.apns, isDoubtful: true)
        story.store.clock.advance(600_001)
        let people = ["taken", "passed", "gone", "changed", "kept"]
        var devices: [String: DeviceIdentity] = [:]
        for user in people {
            devices[user] = try await story.person(user, "apns:\(user)")
            try await story.push("m-\(user)", to: try #require(devices[user]))
            try await story.kill(.apns, isDoubtful: true)
        }
        story.store.clock.advance(1)
        // Another device has it now; another had it and left it; the device has ended; the device names another token.
        let thief = try await story.person("thief", "apns:taken")
        let visitor = try await story.person("visitor", "apns:passed")
        _ = try await story.person("visitor", "apns:other")
        _ = try await story.storage.deregister(try #require(devices["gone"]).key, at: story.now)
        let changed = try await story.person("changed", "fcm:new")

        #expect(try await story.dead().sorted() == ["kept", "old", "passed", "taken"])
        #expect(try await story.doubt(.apns) == Revival(tokens: 1, pushes: 1))
        #expect(try await story.tokens(of: try #require(devices["kept"])) == ["kept"])
        #expect(try await story.tokens(of: old) == [])
        #expect(try await story.tokens(of: try #require(devices["taken"])) == [])
        #expect(try await story.tokens(of: try #require(devices["passed"])) == [])
        #expect(try await story.tokens(of: thief) == ["taken"])
        #expect(try await story.tokens(of: visitor) == ["other"])
        #expect(try await story.tokens(of: changed) == ["new"])
    }

    @Test func `an expired push does not wait again`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann, #","ttl":30"#)
        try await story.kill(.apns, isDoubtful: true)
        try await story.push("m2", to: ann, #","ttl":30"#)
        story.store.clock.advance(30_000)
        #expect(try await story.doubt(.apns) == Revival(tokens: 1, pushes: 0))
        #expect(try await story.storage.lanesWithJobs().isEmpty)
    }

    @Test func `an attempt that began before the brake kills no token by a doubtful code`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann)
        let job = try await story.claim(.apns)
        let token = try #require(try await story.storage.subject(of: job)?.token)
        #expect(try await story.doubt(.apns) == Revival())
        let change = PushJobChange.tokenDead(token, VendorReply(code: "Bad"), since: nil, isDoubtful: true)
        try await story.storage.change([(job, change)], at: story.now)
        #expect(try await story.tokens(of: ann) == ["a"])
        #expect(try await story.storage.lanesWithJobs().values.map(\.self) == [story.now + 60_000])
        // A code that no wrong credential gives still does, and so does one of an attempt after the credential was
        // found good.
        story.store.clock.advance(60_000)
        try await story.kill(.apns, isDoubtful: true)
        #expect(try await story.tokens(of: ann) == [])
    }

    @Test func `what a replaced credential was told says nothing of the token`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann)
        let job = try await story.claim(.apns)
        let token = try #require(try await story.storage.subject(of: job)?.token)
        try await story.configure(.apns)
        try await story.storage.change(
            [(job, .tokenDead(token, VendorReply(code: "Bad"), since: nil, isDoubtful: true))], at: story.now)
        #expect(try await story.tokens(of: ann) == ["a"])
        story.store.clock.advance(60_000)
        #expect(try await story.claim(.apns).key == job.key)
    }

    @Test func `the operator restores one tenant's tokens, by vendor, device and time`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann)
        try await story.kill(.apns, isDoubtful: false)
        story.store.clock.advance(1000)
        let bob = try await story.person("bob", "fcm:b")
        try await story.push("m2", to: bob)
        try await story.kill(.fcm, isDoubtful: false)
        let other = try await story.storage.createTenant(no: "other", name: "Other", at: story.now)
        let tenant = story.store.tenant.key
        func restore(_ filter: QuarantineFilter) async throws -> Revival {
            try await story.storage.restoreTokens(filter, actor: "operator", at: story.now)
        }
        #expect(try await restore(QuarantineFilter(tenant: other.key)) == Revival())
        #expect(try await restore(QuarantineFilter(tenant: tenant, vendor: .fcm, device: ann.key)) == Revival())
        #expect(try await story.dead() == ["b", "a"])
        #expect(try await story.dead(QuarantineFilter(tenant: other.key)) == [])
        #expect(try await story.dead(QuarantineFilter(tenant: tenant, vendor: .apns)) == ["a"])
        #expect(try await restore(QuarantineFilter(tenant: tenant, since: story.now)) == Revival(tokens: 1, pushes: 1))
        #expect(try await story.tokens(of: bob) == ["b"])
        #expect(try await restore(QuarantineFilter(tenant: tenant, device: ann.key)) == Revival(tokens: 1, pushes: 1))
        #expect(try await story.tokens(of: ann) == ["a"])
        let trail = try await story.storage.auditTrail(before: nil, limit: 10)
        #expect(trail.map(\.subject) == ["acme/* tokens=1 pushes=1", "acme/* tokens=1 pushes=1"])
        #expect(trail.allSatisfy { $0.action == "push_token.restore" && $0.actor == "operator" })
    }

    @Test func `a page begins after the place of the one before`() async throws {
        let story = try await Story.begin()
        for number in 1...5 {
            let device = try await story.person("p\(number)", "apns:t\(number)")
            try await story.push("m\(number)", to: device)
            try await story.kill(.apns, isDoubtful: number == 3)
            // Two die in one millisecond.
            if number != 2 { story.store.clock.advance(1) }
        }
        var found: [QuarantinedToken] = []
        while true {
            let page = try await story.storage.quarantinedTokens(
                QuarantineFilter(), after: found.last?.place, limit: 2)
            found += page
            if page.isEmpty { break }
        }
        #expect(found.map(\.token.token) == ["t5", "t4", "t3", "t2", "t1"])
        #expect(found.map(\.isDoubtful) == [false, false, true, false, false])
        #expect(found[0].userID == "p5" && found[0].reason == "Bad")
    }

    @Test func `many tokens are revived, in more than one transaction`() async throws {
        let story = try await Story.begin()
        for number in 1...250 {
            let device = try await story.person("p\(number)", "apns:t\(number)")
            try await story.push("m\(number)", to: device)
            try await story.kill(.apns, isDoubtful: true)
        }
        #expect(try await story.doubt(.apns) == Revival(tokens: 250, pushes: 250))
        #expect(try await story.dead() == [])
    }

    @Test func `a device's many pushes wait again in bounded transactions`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        let count = TokenRevival.pushesAtOnce + 7
        try await story.push("m0", to: ann)
        try await story.kill(.apns, isDoubtful: true)
        for number in 1..<count { try await story.push("m\(number)", to: ann) }
        let filter = QuarantineFilter(tenant: story.store.tenant.key)
        let (first, place) = try await story.storage.commits.run { [now = story.now] writer in
            try TokenRevival(writer: writer, now: now).step(filter, from: TokenRevival.Place())
        }
        #expect(first == Revival(tokens: 1, pushes: TokenRevival.pushesAtOnce))
        let next = try #require(place)
        let (rest, end) = try await story.storage.commits.run { [now = story.now] writer in
            try TokenRevival(writer: writer, now: now).step(filter, from: next)
        }
        #expect(rest == Revival(tokens: 0, pushes: 7) && end == nil, "\(rest) \(String(describing: end)) \(next)")
        let waiting = try await story.storage.claimJobs(
            lane: story.lane(.apns), limit: count + 10, now: story.now, leaseUntil: story.now + 1000)
        #expect(waiting.count == count)
    }

    @Test func `a push that asked for one try, and one that replaces another, do not wait again`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann, #","push":{"ttl":0}"#)
        try await story.kill(.apns, isDoubtful: true)
        try await story.push("m2", to: ann, #","push":{"ttl":0}"#)
        try await story.push("m3", to: ann)
        try await story.storage.commits.run { writer in
            try writer.db.execute(
                sql: "UPDATE push SET turn = 1 WHERE message = (SELECT key FROM message WHERE id = 'm3')")
        }
        #expect(try await story.doubt(.apns) == Revival(tokens: 1, pushes: 0))
        #expect(try await story.storage.lanesWithJobs().isEmpty)
    }

    @Test func `pushes to revive are found by device and time`() async throws {
        let story = try await Story.begin()
        let plan = try await story.storage.file.read { db in
            try String.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN \(TokenRevival.resumableSQL)", arguments: [1, 0, 0, 0, 10],
                adapter: SuffixRowAdapter(fromIndex: 3))
        }
        #expect(plan.contains { $0.contains("push_without_token (device=? AND expires_at>?)") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }

    // MARK: Pushes beside the one that found out

    @Test func `of a dead token's other pushes those under way are left alone, the rest end with its code`()
        async throws
    {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        for id in ["m1", "m2", "m3"] { try await story.push(id, to: ann) }
        let jobs = try await story.storage.claimJobs(
            lane: story.lane(.apns), limit: 2, now: story.now, leaseUntil: story.now + 10_000)
        let token = PushToken(vendor: .apns, token: "a")
        let reply = VendorReply(code: "Gone", text: "in words")
        try await story.storage.change(
            [(jobs[0], .tokenDead(token, reply, since: nil, isDoubtful: false))], at: story.now)
        #expect(try await story.reason("m1", ann) == "token_dead")
        #expect(try await story.reason("m2", ann) == "waiting", "its own answer is to come")
        #expect(try await story.reason("m3", ann) == "token_dead")
        let words = try await story.storage.file.read { db in
            try String.fetchAll(db, sql: "SELECT code || ' ' || text FROM push WHERE reason = 'token_dead'")
        }
        #expect(words == ["Gone in words", "Gone in words"])
        // It had been claimed but not sent: without a token it ends as the others.
        try await story.storage.change([(jobs[1], .skipped(.noToken))], at: story.now)
        #expect(try await story.reason("m2", ann) == "token_dead")
    }

    @Test func `a claimed push whose token died meanwhile goes on to the next one`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a", "fcm:f")
        for id in ["m1", "m2"] { try await story.push(id, to: ann) }
        let jobs = try await story.storage.claimJobs(
            lane: story.lane(.apns), limit: 2, now: story.now, leaseUntil: story.now + 10_000)
        let token = PushToken(vendor: .apns, token: "a")
        try await story.storage.change(
            [(jobs[0], .tokenDead(token, VendorReply(code: "Gone"), since: nil, isDoubtful: false))], at: story.now)
        try await story.storage.change([(jobs[1], .skipped(.noToken))], at: story.now)
        let next = try await story.storage.claimJobs(
            lane: story.lane(.fcm), limit: 5, now: story.now, leaseUntil: story.now + 10_000)
        #expect(Set(next.map(\.key)) == Set(jobs.map(\.key)))
    }

    @Test func `an accepted push names the token it went to, not the one it was given meanwhile`() async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann)
        let job = try await story.claim(.apns)
        _ = try await story.person("ann", "fcm:f")
        try await story.storage.change(
            [
                (
                    job,
                    .accepted(vendor: .apns, vendorID: "v", token: PushToken(vendor: .apns, token: "a"))
                )
            ], at: story.now)
        let went = try await story.storage.file.read { db in
            try String.fetchOne(
                db, sql: "SELECT p.vendor || ' ' || t.token FROM push p JOIN push_token t ON t.key = p.token")
        }
        #expect(went == "apns a")
    }

    @Test
    func
        `where the first token's credential cannot be silent the next one's is asked, and then no more`()
        async throws
    {
        let story = try await Story.begin()
        for vendor in [Vendor.xiaomi] { try await story.configure(vendor) }
        let ann = try await story.person("ann", "xiaomi:x", "fcm:f")
        try await story.push("m1", to: ann, #","isBackground":true"#)
        let first = try await story.claim(.xiaomi)
        try await story.storage.change([(first, .skipped(.background))], at: story.now)
        let second = try await story.claim(.fcm)
        #expect(second.key == first.key && second.attempts == 1)
        try await story.storage.change([(second, .skipped(.background))], at: story.now)
        #expect(try await story.reason("m1", ann) == "background")
    }

    // MARK: Registered again

    @Test(arguments: [false, true])
    func `a dead token that is registered again lives, with its new environment`(byPatch: Bool) async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        try await story.push("m1", to: ann)
        try await story.kill(.apns, isDoubtful: true)
        #expect(try await story.tokens(of: ann) == [])
        let body = #"{"pushTokens":[{"vendor":"apns","token":"a","environment":"sandbox"}]}"#
        if byPatch {
            _ = try await story.storage.update(ann.key, story.store.draft(body), at: story.now)
        } else {
            try await story.store.register("ann", code: "code-ann", body)
        }
        let token = try #require(try await story.storage.device(ann.key)?.tokens.first)
        #expect(token == PushToken(vendor: .apns, token: "a", environment: .sandbox))
        #expect(try await story.dead() == [])
        // It is in doubt no longer: a brake has nothing to revive.
        #expect(try await story.doubt(.apns) == Revival())
    }

    @Test(arguments: [false, true])
    func `a vendor's date is compared with when the token was last named`(byPatch: Bool) async throws {
        let story = try await Story.begin()
        let ann = try await story.person("ann", "apns:a")
        story.store.clock.advance(10_000)
        let died = story.now - 5000
        let body = #"{"pushTokens":[{"vendor":"apns","token":"a"}]}"#
        if byPatch {
            _ = try await story.storage.update(ann.key, story.store.draft(body), at: story.now)
        } else {
            try await story.store.register("ann", code: "code-ann", body)
        }
        story.store.clock.advance(1)
        try await story.push("m1", to: ann)
        try await story.kill(.apns, isDoubtful: false, since: died)
        #expect(try await story.tokens(of: ann) == ["a"])
        try await story.push("m2", to: ann)
        try await story.kill(.apns, isDoubtful: false, since: story.now)
        #expect(try await story.tokens(of: ann) == [])
    }
}
