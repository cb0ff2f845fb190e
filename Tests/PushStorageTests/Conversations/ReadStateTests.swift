import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct ReadStateTests {
    private struct Answer: Equatable {
        let peer: String?
        let seq: Int64?
        let unread: Int64?
    }

    private func read(
        _ store: TestStore, _ body: String, peer: String? = nil, account: String? = nil, as principal: Principal,
        changes: any DeviceChanges = QuietChanges()
    ) async throws -> Answer {
        let answer = try await store.conversations(changes: changes).read(
            RawJSON(parsing: Array(body.utf8)), peer: peer, account: account, as: principal
        ).object
        return Answer(
            peer: answer?["peer"]?.string, seq: answer?["seq"]?.integer, unread: answer?["unread"]?.integer)
    }

    @Test func `a cursor never goes back and never beyond the conversation`() async throws {
        let store = try await TestStore(indexing: mixedIndexing(every: 4))
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        let changes = CountedChanges()
        // 1 and 2 from bob, 3 from the app, 4 from bob, 5 to bob.
        for id in ["b1", "b2"] { try await store.send(id, to: me.id, #","from":"user:bob""#) }
        try await store.send("a3", to: me.id)
        try await store.send("b4", to: me.id, #","from":"user:bob""#)
        try await store.send("o5", to: bob.id, #","from":"user:ann""#)

        func answer(_ body: String, _ peer: String = bob.id) async throws -> Answer {
            try await read(store, body, peer: peer, as: ann, changes: changes)
        }
        #expect(try await answer(#"{"seq":0}"#) == Answer(peer: bob.id, seq: 0, unread: 3))
        #expect(changes.count == 0)
        #expect(try await answer(#"{"seq":1}"#) == Answer(peer: bob.id, seq: 1, unread: 2))
        #expect(try await answer(#"{"seq":3}"#) == Answer(peer: bob.id, seq: 3, unread: 1))
        #expect(try await answer(#"{"seq":2}"#) == Answer(peer: bob.id, seq: 3, unread: 1))
        #expect(changes.count == 2)
        #expect(try await answer("{}", "user:bob") == Answer(peer: bob.id, seq: 5, unread: 0))
        #expect(try await answer(#"{"seq":9223372036854775807}"#) == Answer(peer: bob.id, seq: 5, unread: 0))
        // The other conversation has not been touched, and one without entries has nothing to read.
        #expect(try await answer(#"{"seq":2}"#, "app_one") == Answer(peer: "app_one", seq: 2, unread: 1))
        #expect(try await answer("{}", "app_one") == Answer(peer: "app_one", seq: 3, unread: 0))
        try await store.account("cat")
        let cat = try await store.account("cat").id
        #expect(try await answer("{}", "user:cat") == Answer(peer: cat, seq: 0, unread: 0))
        #expect(changes.count == 5)
        // It lasts.
        store.storage.close()
        let again = try TestStore.open(store.path, clock: store.clock)
        defer { again.close() }
        #expect(try await again.unread(of: me.key, idsPerPeer: 0, idsMax: 0).isEmpty)
    }

    @Test func `own devices and the sender are told, once`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        try await store.send("b1", to: me.id, #","from":"user:bob""#)
        try await store.send("b2", to: me.id, #","from":"user:bob""#)
        try await store.send("mine", to: bob.id, #","from":"user:ann""#)
        try await store.send("many", #","from":"user:bob","audience":{"users":["ann"]}"#)
        _ = try await read(store, "{}", peer: bob.id, as: ann)
        _ = try await read(store, "{}", peer: bob.id, as: ann)
        _ = try await read(store, #"{"seq":1}"#, peer: bob.id, as: ann)

        let own = try await store.events(259, of: me)
        #expect(own.map(\.content?.text) == [#"{"peer":"\#(bob.id)","seq":4}"#])
        #expect(own.first?.from == me.id)
        let told = try await store.events(261, of: bob)
        #expect(told.map(\.content?.text) == [#"{"peer":"\#(me.id)","messageId":"b2"}"#])
        #expect(told.first?.from == me.id)
        #expect(try await store.events(261, of: me).isEmpty)
        #expect(try await store.events(259, of: bob).isEmpty)

        // Only what was read now counts: nothing but the sender's audience and own messages since.
        try await store.send("many2", #","from":"user:bob","audience":{"users":["ann"]}"#)
        try await store.send("mine2", to: bob.id, #","from":"user:ann""#)
        _ = try await read(store, "{}", peer: bob.id, as: ann)
        #expect(try await store.events(261, of: bob).count == 1)
        #expect(try await store.events(259, of: me).count == 2)
        // An app that reads for the account is named.
        try await store.send("b3", to: me.id, #","from":"user:bob""#)
        _ = try await read(store, "{}", peer: bob.id, account: "user:ann", as: store.appPrincipal)
        #expect(try await store.events(259, of: me).last?.from == "app_one")
        #expect(try await store.events(261, of: bob).last?.from == me.id)
        // A message to oneself, a group and an app have nobody to be told.
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: ["ann", "bob"], tenant: store.tenant.key, at: 1)
        try await store.send("self", to: me.id, #","from":"user:ann""#)
        try await store.send("g", to: "team", #","from":"user:bob""#)
        try await store.send("a", to: me.id)
        for peer in [me.id, "team", "app_one"] { _ = try await read(store, "{}", peer: peer, as: ann) }
        #expect(try await store.events(261, of: bob).count == 2)
        #expect(try await store.events(261, of: me).isEmpty)
        #expect(try await store.events(259, of: me).count == 6)
    }

    @Test func `a tenant can do without read receipts`() async throws {
        let store = try await TestStore()
        let identity = try await store.register("ann", code: "c").identity
        var tenant = store.tenant
        tenant.settings.readReceipts = false
        let ann = Principal.device(
            DeviceIdentity(
                key: identity.key, deviceID: identity.deviceID, account: identity.account, userID: "ann",
                tenant: tenant))
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        try await store.send("b1", to: me.id, #","from":"user:bob""#)
        _ = try await read(store, "{}", peer: bob.id, as: ann)
        #expect(try await store.events(261, of: bob).isEmpty)
        #expect(try await store.events(259, of: me).count == 1)
    }

    @Test func `who may read what`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let bob = try await store.account("bob")
        func refusal(_ body: String, _ peer: String?, _ account: String? = nil, as principal: Principal) async
            -> GatewayError.Code?
        {
            await store.refusal { try await read(store, body, peer: peer, account: account, as: principal) }?.code
        }
        #expect(await refusal(#"{"seq":-1}"#, bob.id, as: ann) == .invalidRequest)
        #expect(await refusal(#"{"seq":"1"}"#, bob.id, as: ann) == .invalidRequest)
        #expect(await refusal("[]", bob.id, as: ann) == .invalidRequest)
        #expect(await refusal("{}", nil, as: ann) == .invalidRequest)
        #expect(await refusal("{}", "nobody", as: ann) == .recipientNotFound)
        #expect(await refusal("{}", bob.id, bob.id, as: ann) == .forbidden)
        #expect(await refusal(#"{"account":"user:bob"}"#, "user:ann", as: ann) == .forbidden)
        #expect(await refusal(#"{"account":"user:bob"}"#, "user:ann", "user:ann", as: ann) == .invalidRequest)
        #expect(await refusal("{}", bob.id, as: store.appPrincipal) == .invalidRequest)
        let reader = Principal.app(AppIdentity(app: store.app, tenant: store.tenant, scopes: [.messagesRead]))
        #expect(await refusal("{}", bob.id, "user:ann", as: reader) == .forbidden)
    }

    @Test func `what was read is not pushed any more`() async throws {
        let store = try await TestStore()
        for vendor in [Vendor.fcm] {
            try await store.storage.setVendorSettings(
                .emptyObject, tenant: store.tenant.key, app: nil, vendor: vendor, at: store.clock.now)
        }
        let phone = try await store.register("ann", code: "c", #"{"pushTokens":[{"vendor":"fcm","token":"token111"}]}"#)
            .identity
        let (me, bob) = (phone.account, try await store.account("bob"))
        func candidate(_ id: String, from: String) async throws -> FallbackCandidate {
            try await store.send(id, to: me.id, from)
            let item = try #require(try await store.inbox(me).items.last { $0.message.id == id })
            return FallbackCandidate(device: phone.key, account: me.key, message: item.message.key, seq: item.entry.seq)
        }
        func stages(_ id: String) async throws -> [String?] {
            let message = try #require(try await store.storage.message(id: id, tenant: store.tenant.key))
            let trace = try #require(try await store.storage.trace(of: message).first { $0.deviceID != nil })
            return trace.stages.map(\.stage) + [trace.reason]
        }
        let (b1, a2) = (try await candidate("b1", from: #","from":"user:bob""#), try await candidate("a2", from: ""))
        let late = try await candidate("b3", from: #","from":"user:bob""#)
        let later = try await candidate("b4", from: #","from":"user:bob""#)
        #expect(try await store.storage.decide([b1, a2, later], at: store.clock.now))
        let jobs = try await store.storage.claimJobs(
            lane: try #require(try await store.storage.lanesWithJobs().keys.first), limit: 1, now: store.clock.now,
            leaseUntil: store.clock.now + 60_000)
        store.clock.advance(10)
        _ = try await read(store, #"{"seq":3}"#, peer: bob.id, as: .device(phone))

        #expect(try await stages("b1") == ["archived", "push_queued", "read", "push_skipped", "read"])
        #expect(try await stages("a2") == ["archived", "push_queued", "waiting"])
        #expect(try await stages("b4") == ["archived", "push_queued", "waiting"])
        // What had been taken to be sent is looked at again, and what is decided later is not begun.
        let claimed = try #require(jobs.first)
        #expect(try await store.storage.subject(of: claimed) == nil)
        #expect(try await !store.storage.decide([late], at: store.clock.now))
        #expect(try await stages("b3").last == "read")
        // A read message that had no push tells when it was read, for the receiver alone.
        let message = try #require(try await store.storage.message(id: "b3", tenant: store.tenant.key))
        let traces = try await store.storage.trace(of: message)
        let told = traces.map { trace in (trace.account, trace.stages.first { $0.stage == "read" }?.at) }
        #expect(told.contains { $0 == (me.id, store.clock.now) } && told.contains { $0 == (bob.id, nil) })
    }

    @Test func `old rows of the journals go, the newest stays`() async throws {
        let store = try await TestStore()
        let phone = try await store.register("ann", code: "c").identity
        let (me, bob) = (phone.account, try await store.account("bob"))
        try await store.send("a", to: me.id)
        _ = try await read(store, "{}", peer: "app_one", as: .device(phone))
        for number in 1...60 {
            try await store.send("m\(number)", to: me.id, #","from":"user:bob""#)
            _ = try await read(store, "{}", peer: bob.id, as: .device(phone))
            _ = try await store.storage.acknowledge(phone, seq: .max, broadcastSeq: nil)
        }
        func rows(_ table: String) async throws -> Int {
            try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? 0 }
        }
        #expect(try await rows("read_cursor") == 61)
        #expect(try await rows("acknowledgement") == 60)
        store.clock.advance(31 * 86_400_000)
        for number in 61...63 {
            try await store.send("m\(number)", to: me.id, #","from":"user:bob""#)
            _ = try await read(store, "{}", peer: bob.id, as: .device(phone))
            _ = try await store.storage.acknowledge(phone, seq: .max, broadcastSeq: nil)
        }
        // Three of this month, and the one row of the conversation with the app.
        #expect(try await rows("read_cursor") == 4)
        #expect(try await rows("acknowledgement") == 3)
        #expect(try await store.storage.unread(of: me.key, idsPerPeer: 0, idsMax: 0).isEmpty)
        // The rows that told of the old message are gone: when it was read is not known any more.
        let message = try #require(try await store.storage.message(id: "m5", tenant: store.tenant.key))
        let trace = try #require(try await store.storage.trace(of: message).first { $0.deviceID == phone.deviceID })
        #expect(trace.outcome == "acknowledged")
        #expect(trace.stages.filter { ["read", "acknowledged"].contains($0.stage) }.map(\.at) == [nil, nil])
    }
}
