import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct WebhookEventTests {
    @Test func `a message is told once, as it was sent`() async throws {
        let story = try await WebhookStory.begin()
        let (ann, bob) = (story.people.ann, story.people.bob)
        for _ in 0..<2 { try await story.store.send("m1", to: bob.account.id, as: .device(ann)) }
        let event = try #require(try await story.events().first)
        #expect(try await story.events().count == 1)
        #expect(event.type == .messageSent && event.account == ann.account.key && event.id == "evt_\(event.position)")
        #expect(event.person == WebhookEvent.Person(account: ann.account.id, userID: "ann"))
        let message = try #require(event.data(now: 0).object?["message"]?.object)
        #expect(
            message.members.map(\.key) == [
                "id", "from", "to", "tenantNo", "type", "content", "timestamp", "isBackground", "serverTime",
                "revision",
            ])
        #expect(message["content"]?.text == #"{"text":"hello"}"# && message["from"]?.string == ann.account.id)
        #expect(event.timestamp.hasSuffix("Z") && event.at == message["serverTime"]?.integer)
    }

    @Test func `every kind of address is one event, an app's own message is nobody's in order`() async throws {
        let story = try await WebhookStory.begin(limits: Limits())
        try await story.people.group(["ann", "bob", "cat"])
        try await story.store.send("group", to: "team", as: .device(story.people.ann))
        try await story.store.send("people", #","audience":{"users":["ann","bob"]}"#)
        let tenant = story.tenant.rawValue
        try await story.storage.commits.run { writer in
            try writer.db.execute(
                sql: "INSERT INTO tag (tenant, name, created_at) VALUES (?, 'x', 1)", arguments: [tenant])
        }
        try await story.store.send("tags", #","audience":{"tags":{"any":["x"]}}"#)
        try await story.store.send("all", #","audience":{"all":true}"#)
        try await story.people.settle()
        let events = try await story.events()
        #expect(events.compactMap(\.message?.id) == ["group", "people", "tags", "all"])
        #expect(events.allSatisfy { $0.type == .messageSent })
        #expect(events.map(\.account) == [story.people.ann.account.key, nil, nil, nil])
        #expect(events.map(\.position) == events.map(\.position).sorted())
    }

    @Test func `what changes a message is told in its order`() async throws {
        let story = try await WebhookStory.begin()
        let (ann, bob) = (story.people.ann, story.people.bob)
        for id in ["m1", "m2"] { try await story.store.send(id, to: bob.account.id, as: .device(ann)) }
        _ = try await story.people.update("m1", "new", by: .device(ann))
        for _ in 0..<2 {
            _ = try await story.people.revoke("m1", by: .device(ann))
            _ = try await story.people.burn("m2", by: bob)
        }
        let told = try await story.told()
        #expect(
            told.suffix(2) == [
                #"message.revoked {"messageId":"m1","from":"@ann","to":"@bob","by":"@ann"}"#,
                #"message.burned {"messageId":"m2","from":"@ann","to":"@bob","by":"@bob","erased":true,"account":"@bob","userId":"bob"}"#,
            ])
        #expect(
            try await story.types() == [
                .messageSent, .messageSent, .messageUpdated, .messageRevoked, .messageBurned,
            ])
        #expect(try await story.events().last?.account == bob.account.key)
        // Nothing of what was erased is in any event any more.
        #expect(told.allSatisfy { !$0.contains("hello") && !$0.contains("new") })
        #expect(
            told[0].contains(#""content":null"#)
                && told[2].hasPrefix(#"message.updated {"messageId":"m1","revision":1,"#))
    }

    @Test func `each burned copy of a group is told, the last one as the end of it`() async throws {
        let story = try await WebhookStory.begin()
        try await story.people.group(["ann", "bob", "cat"])
        try await story.store.send("m1", to: "team", as: .device(story.people.ann))
        for device in [story.people.bob, story.people.cat] { _ = try await story.people.burn("m1", by: device) }
        let burned = try await story.events(type: .messageBurned).map { $0.data(now: 0).object }
        #expect(burned.map { $0?["erased"]?.bool } == [false, true])
        #expect(burned.map { $0?["userId"]?.string } == ["bob", "cat"])
    }

    @Test func `a read cursor is told when it moves`() async throws {
        let story = try await WebhookStory.begin()
        let (ann, bob) = (story.people.ann, story.people.bob)
        try await story.store.send("m1", to: bob.account.id, as: .device(ann))
        let peer = NamedPeer(peer: .account(ann.account.key), id: ann.account.id)
        for _ in 0..<2 {
            _ = try await story.storage.read(
                peer, through: nil, of: bob.account, by: .device(bob), at: story.store.clock.now)
        }
        #expect(
            try await story.told().dropFirst()
                == [#"message.read {"account":"@bob","userId":"bob","peer":"@ann","seq":1}"#])
    }

    @Test func `imports, and what the gateway itself says, are no messages`() async throws {
        let story = try await WebhookStory.begin()
        try await story.people.group(["ann", "bob"])
        let message = try story.store.message(
            #"{"id":"h1","from":"user:ann","to":"user:bob","type":0,"content":{"text":"old"},"timestamp":5}"#)
        _ = try await story.storage.importHistory([message], from: story.store.appIdentity, dryRun: false)
        #expect(try await story.events().isEmpty)
    }

    @Test func `a command that is refused tells nothing, and one beside it does`() async throws {
        let story = try await WebhookStory.begin()
        let (ann, bob) = (story.people.ann, story.people.bob)
        try await story.store.send("m1", to: bob.account.id, as: .device(ann))
        #expect(await story.people.code { try await story.store.send("m1", to: bob.account.id, text: "other") } != nil)
        #expect(await story.people.code { try await story.people.revoke("m1", by: .device(bob)) } == .notSender)
        let undone = await story.store.refusal {
            try await story.storage.commits.run { writer in
                try WebhookLog(writer: writer).record(.messageSent, tenant: story.tenant, at: 0)
                throw GatewayError(.conflict, "undone")
            }
        }
        #expect(undone?.code == .conflict)
        #expect(try await story.types() == [.messageSent])
    }

    @Test func `without a webhook nothing is recorded, and another tenant's is not ours`() async throws {
        let story = try await WebhookStory.begin(settings: nil)
        let other = try await story.storage.createTenant(no: "other", name: "Other", at: 0)
        try await story.storage.setWebhook(WebhookStory.settings, of: other.key, at: 0)
        try await story.store.send("m1", to: "user:bob", as: .device(story.people.ann))
        try await story.store.register("dan", code: "dan")
        _ = try await story.storage.deregister(story.people.bob.key, at: story.store.clock.now)
        #expect(try await story.count("webhook_event") == 0)
    }

    // MARK: Devices

    @Test func `registrations, moves and ends are told`() async throws {
        let story = try await WebhookStory.begin()
        for _ in 0..<2 { try await story.store.register("ann", code: "ann") }
        let moved = try await story.store.register("bob", code: "ann").identity
        let token = #"{"pushTokens":[{"vendor":"fcm","token":"secret-token"}]}"#
        try await story.store.register("bob", code: "bob", token)
        try await story.store.register("cat", code: "cat", token)
        _ = try await story.storage.deregister(moved.key, at: story.store.clock.now)
        let told = try await story.told()
        let bob = #""account":"@bob","userId":"bob","osType":-1"#
        #expect(
            told == [
                #"device.moved {"deviceId":"dev_ann","account":"@ann","userId":"ann","osType":-1,"what":"code","toAccount":"@bob","toDeviceId":"\#(moved.deviceID)"}"#,
                #"device.registered {"deviceId":"\#(moved.deviceID)",\#(bob)}"#,
                #"device.moved {"deviceId":"dev_bob",\#(bob),"what":"token","toAccount":"@cat","toDeviceId":"dev_cat"}"#,
                #"device.deregistered {"deviceId":"\#(moved.deviceID)",\#(bob)}"#,
            ])
    }

    @Test func `a deleted user is not named in any event`() async throws {
        let story = try await WebhookStory.begin()
        try await story.store.send("m1", to: "user:bob", as: .device(story.people.ann))
        _ = try await story.storage.deleteAccount(
            story.people.ann.account.key, by: story.store.appIdentity, at: story.store.clock.now)
        #expect(
            try await story.told().last
                == #"device.deregistered {"deviceId":"dev_ann","account":"@ann","userId":null,"osType":-1}"#)
    }

    @Test func `presence is told as it changes`() async throws {
        let story = try await WebhookStory.begin()
        func connection(_ device: DeviceIdentity) -> DeviceConnection {
            DeviceConnection(connection: 1, deviceID: device.deviceID, at: 5)
        }
        let (ann, bob) = (story.people.ann, story.people.bob)
        let stranger = DeviceConnection(connection: 1, deviceID: "dev_none", at: 5)
        try await story.storage.recordPresence([
            .connected(connection(ann)), .connected(connection(bob)), .connected(connection(ann)), .connected(stranger),
        ])
        #expect(try await story.storage.devicesToldOnline(after: nil, limit: 1) == [ann.deviceID])
        #expect(try await story.storage.devicesToldOnline(after: ann.deviceID, limit: 5) == [bob.deviceID])
        try await story.storage.recordPresence([.disconnected(connection(ann))])
        #expect(try await story.types() == [.deviceOnline, .deviceOnline, .deviceOffline])
        #expect(try await story.storage.devicesToldOnline(after: nil, limit: 5) == [bob.deviceID])
        try await story.put(nil)
        #expect(try await story.storage.devicesToldOnline(after: nil, limit: 5).isEmpty)
    }

    // MARK: Pushes

    private func push(_ story: WebhookStory, _ id: String) async throws -> PushJob {
        let (store, bob) = (story.store, story.people.bob)
        try await store.send(id, to: "user:bob")
        let item = try #require(try await store.inbox(bob.account).items.last)
        _ = try await store.storage.decide(
            [
                FallbackCandidate(
                    device: bob.key, account: bob.account.key, message: item.message.key, seq: item.entry.seq)
            ], at: store.clock.now)
        let lane = try #require(
            try await store.storage.vendorSettings(tenant: story.tenant, app: nil, vendor: .huawei)?.lane)
        return try #require(
            try await store.storage.claimJobs(
                lane: lane, limit: 1, now: store.clock.now, leaseUntil: store.clock.now + 10_000
            ).first)
    }

    private func pushStory() async throws -> WebhookStory {
        let story = try await WebhookStory.begin()
        try await story.storage.setVendorSettings(.emptyObject, tenant: story.tenant, app: nil, vendor: .huawei, at: 0)
        try await story.store.register(
            "bob", code: "bob", #"{"pushTokens":[{"vendor":"huawei","token":"secret-token"}]}"#)
        return story
    }

    @Test func `what vendors say of pushes is told, without a token`() async throws {
        let story = try await pushStory()
        let (store, now) = (story.store, story.store.clock.now)
        let accepted = try await push(story, "m1")
        for _ in 0..<2 {
            try await story.storage.change([(accepted, .accepted(vendor: .huawei, vendorID: "r-1"))], at: now)
        }
        let failed = try await push(story, "m2")
        let reply = VendorReply(code: "80100003", text: "bad payload")
        try await story.storage.change([(failed, .failed(vendor: .huawei, .vendorRefused, reply))], at: now)
        let retried = try await push(story, "m3")
        try await story.storage.change([(retried, .retry(at: now + 5, vendor: .huawei, reply))], at: now)
        let receipt = VendorReceipt(
            messageID: "m1", token: "secret-token", vendorID: "r-1", code: "0", meaning: .delivered, text: "", at: nil)
        for _ in 0..<2 {
            _ = try await story.storage.record([receipt], from: .huawei, tenant: story.tenant, at: now)
        }
        store.clock.advance(5)
        let again = try await push(story, "m4")
        let token = PushToken(vendor: .huawei, token: "secret-token", kind: .alert, environment: .production)
        try await story.storage.change(
            [(again, .tokenDead(token, VendorReply(code: "80300007"), since: nil))], at: store.clock.now)

        let bob = #""deviceId":"dev_bob","account":"@bob","userId":"bob""#
        let told = try await story.told().filter { !$0.hasPrefix("message") }
        #expect(
            told == [
                #"push.accepted {"messageId":"m1",\#(bob),"vendor":"huawei","vendorId":"r-1"}"#,
                #"push.failed {"messageId":"m2",\#(bob),"vendor":"huawei","reason":"vendor_refused","code":"80100003","text":"bad payload"}"#,
                #"push.receipt {"messageId":"m1",\#(bob),"vendor":"huawei","vendorId":"r-1","meaning":"delivered","code":"0"}"#,
                #"device.token_dead {\#(bob),"osType":-1,"vendor":"huawei","code":"80300007"}"#,
                #"push.failed {"messageId":"m4",\#(bob),"vendor":"huawei","reason":"token_dead","code":"80300007"}"#,
                #"push.failed {"messageId":"m3",\#(bob),"vendor":"huawei","reason":"token_dead","code":"80300007"}"#,
            ])
        let stored = try await store.read {
            try String.fetchAll($0, sql: "SELECT ifnull(detail, '') FROM webhook_event")
        }
        #expect(!stored.contains { $0.contains("secret-token") })
    }

    @Test func `a push that was tried until its time was over has failed, one that nobody came to has not`()
        async throws
    {
        let story = try await pushStory()
        let tried = try await push(story, "m1")
        try await story.storage.change(
            [(tried, .retry(at: story.store.clock.now, vendor: .huawei, VendorReply(code: "503")))],
            at: story.store.clock.now)
        try await story.store.send("m2", to: "user:bob")
        let item = try #require(try await story.store.inbox(story.people.bob.account).items.last)
        _ = try await story.storage.decide(
            [
                FallbackCandidate(
                    device: story.people.bob.key, account: story.people.bob.account.key, message: item.message.key,
                    seq: item.entry.seq)
            ], at: story.store.clock.now)
        story.store.clock.advance(3 * 86_400_000)
        #expect(try await story.storage.expireJobs(limit: 10, words: [:], at: story.store.clock.now) == 2)
        let failed = try await story.events(type: .pushFailed)
        #expect(failed.map { $0.message?.id } == ["m1"] && failed[0].detail.object?["reason"]?.string == "expired")
    }
}
