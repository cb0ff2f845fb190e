import PushCore
import Testing

@testable import PushStorage

@Suite struct AcceptanceTests {
    @Test func `a single message is one entry for the receiver and one of its own for the sender`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.account("bob")
        let answer = try await store.send("m1", to: bob.id, as: .device(ann))
        #expect(answer.recipients == 1 && answer.ownSeq == 1 && !answer.isDuplicate)
        let received = try await store.inbox(bob)
        #expect(received.head == 1 && received.items.map(\.message.id) == ["m1"])
        #expect(received.items[0].message.from == ann.account.id && received.items[0].message.to == bob.id)
        #expect(received.items[0].entry.flags == [])
        let own = try await store.inbox(ann.account)
        #expect(own.items.map(\.entry.flags) == [.own])
        #expect(try await store.storage.hasEntry(of: own.items[0].message.key, account: bob.key))
        #expect(try await !store.storage.hasEntry(of: own.items[0].message.key, account: AccountKey(rawValue: 999)))
    }

    @Test func `sync false leaves the sender's inbox alone, and a message to oneself is one entry`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.account("bob")
        #expect(try await store.send("m1", to: bob.id, #","sync":false"#, as: .device(ann)).ownSeq == nil)
        #expect(try await store.inbox(ann.account).head == 0)
        let toSelf = try await store.send("m2", to: ann.account.id, #","sync":false"#, as: .device(ann))
        #expect(toSelf.recipients == 0 && toSelf.ownSeq == 1)
        #expect(try await store.inbox(ann.account).items.map(\.entry.flags) == [.own])
    }

    @Test func `an app sends in its own name without a copy, or for a user with one`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let ann = try await store.account("ann")
        #expect(try await store.send("m1", to: "user:bob", #","countUnread":false"#).ownSeq == nil)
        #expect(try await store.inbox(bob).items.map(\.message.from) == ["app_one"])
        #expect(try await store.inbox(bob).items.map(\.entry.flags) == [.uncounted])
        #expect(try await store.send("m2", to: "user:bob", #","from":"user:ann""#).ownSeq == 1)
        #expect(try await store.inbox(ann).items.map(\.message.from) == [ann.id])
    }

    @Test func `a group message goes to every other member once, or to its target only`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        _ = try await store.storage.createGroup(
            id: "team", name: "Team", users: ["ann", "bob", "cid"], tenant: store.tenant.key, at: 1)
        let bob = try await store.account("bob")
        let cid = try await store.account("cid")
        let answer = try await store.send("m1", to: "team", as: .device(ann))
        #expect(answer.recipients == 2 && answer.ownSeq == 1)
        for account in [bob, cid] { #expect(try await store.inbox(account).items.map(\.message.form) == [.group]) }
        let aimed = try await store.send("m2", to: "team", #","target":"\#(bob.id)""#, as: .device(ann))
        #expect(aimed.recipients == 1 && aimed.ownSeq == 2)
        #expect(try await store.inbox(bob).head == 2)
        #expect(try await store.inbox(cid).head == 1)
        #expect(try await store.send("m3", to: "team").recipients == 3)
    }

    @Test func `an audience is one copy each, names nobody has are listed`() async throws {
        let store = try await TestStore()
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: ["ann", "bob"], tenant: store.tenant.key, at: 1)
        let cid = try await store.account("cid")
        let audience =
            #","audience":{"users":["ann","cid","ghost"],"accounts":["\#(cid.id)"],"groups":["team","none"]}"#
        let answer = try await store.send("m1", audience)
        #expect(answer.recipients == 3 && answer.unknown == ["ghost", "none"])
        let page = try await store.inbox(cid)
        #expect(page.items.map(\.message.form) == [.audience] && page.items[0].message.from == "app_one")
        // A name that is known by now does not make the repeat another message.
        try await store.account("ghost")
        let again = try await store.send("m1", audience)
        #expect(again.isDuplicate && again.unknown == ["ghost", "none"] && again.recipients == 3)
        let nobody = await store.refusal { try await store.send("m2", #","audience":{"users":["nobody"]}"#) }
        #expect(nobody?.code == .recipientNotFound)
    }

    @Test func `what cannot be delivered is refused and leaves nothing behind`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        _ = try await store.storage.createGroup(id: "team", name: "", users: ["bob"], tenant: store.tenant.key, at: 1)
        let gone = try await store.storage.createGroup(
            id: "gone", name: "", users: ["ann"], tenant: store.tenant.key, at: 1)
        try await store.storage.deleteGroup(gone.key, at: 2)
        for name in ["user:ghost", "acct_ghost", "nogroup", "gone", "app_one", "dev_x"] {
            #expect(await store.refusal { try await store.send("x", to: name) }?.code == .recipientNotFound)
        }
        let stranger = await store.refusal { try await store.send("x", to: "team", as: .device(ann)) }
        #expect(stranger?.code == .notAMember)
        let forOther = await store.refusal { try await store.send("x", to: "team", #","from":"user:ann""#) }
        #expect(forOther?.code == .notAMember)
        let target = await store.refusal { try await store.send("x", to: "team", #","target":"user:ann""#) }
        #expect(target?.code == .recipientNotFound)
        let single = await store.refusal { try await store.send("x", to: "user:bob", #","target":"user:ann""#) }
        #expect(single?.errors.first?.pointer == "/target")
        let from = await store.refusal { try await store.send("x", to: "user:bob", #","from":"user:ghost""#) }
        #expect(from?.errors.first?.pointer == "/from")
        #expect(try await store.storage.message(id: "x", tenant: store.tenant.key) == nil)
        #expect(store.storage.feed.head == 0)
    }

    @Test func `another tenant's account and group are not known`() async throws {
        let store = try await TestStore()
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        let (theirs, _) = try await store.storage.ensureAccount(tenant: other.key, userID: "zoe", at: 1)
        _ = try await store.storage.createGroup(id: "club", name: "", users: ["zoe"], tenant: other.key, at: 1)
        for name in [theirs.id, "club", "user:zoe"] {
            #expect(await store.refusal { try await store.send("x", to: name) }?.code == .recipientNotFound)
        }
    }

    @Test func `the same id again is the first answer, anything else a conflict`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.account("bob")
        let first = try await store.send("m1", to: bob.id, as: .device(ann))
        store.clock.advance(5000)
        let again = try await store.send("m1", to: bob.id, #","timestamp":5,"ttl":9"#, as: .device(ann))
        #expect(again.isDuplicate && again.serverTime == first.serverTime && again.ownSeq == first.ownSeq)
        #expect(try await store.inbox(bob).head == 1)
        let changed = await store.refusal { try await store.send("m1", to: bob.id, text: "else", as: .device(ann)) }
        #expect(changed?.code == .messageIDConflict)
        let byApp = await store.refusal { try await store.send("m1", to: bob.id) }
        #expect(byApp?.code == .messageIDConflict)
        // Both of a person's names are one.
        try await store.send("m2", to: bob.id)
        #expect(try await store.send("m2", to: "user:bob").isDuplicate)
    }

    @Test func `one id sent many times at once is accepted once`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let duplicates = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 { group.addTask { try await store.send("same", to: bob.id).isDuplicate } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(duplicates == 39)
        #expect(try await store.inbox(bob).head == 1)
    }

    @Test func `server time never goes back`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let first = try await store.send("m1", to: bob.id)
        store.clock.advance(-60_000)
        #expect(try await store.send("m2", to: bob.id).serverTime == first.serverTime)
    }

    @Test func `what was sent comes out byte for byte`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let content = #"{"z":1.50,"a":[1e3,"\u0000é"],"text":"x"}"#
        _ = try await store.storage.accept(
            store.message(
                #"{"id":"m","to":"\#(bob.id)","type":9,"content":\#(content),"ttl":60,"push":{"policy":"never"}}"#),
            from: store.appPrincipal)
        let message = try #require(try await store.storage.message(id: "m", tenant: store.tenant.key))
        #expect(message.content?.text == content)
        #expect(message.timeToLiveSeconds == 60 && message.push.policy == .never && message.type == .custom)
    }

    @Test func `an ephemeral message finds its receivers and writes nothing`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: ["ann", "bob"], tenant: store.tenant.key, at: 1)
        let bob = try await store.account("bob")
        let typing = try store.message(
            #"{"id":"t","to":"team","type":9,"content":{},"ephemeral":true}"#, as: .device(ann))
        let delivery = try await store.storage.receivers(of: typing, from: .device(ann))
        #expect(delivery.accounts == [bob] && delivery.message.form == .group)
        #expect(try await store.storage.message(id: "t", tenant: store.tenant.key) == nil)
    }

    @Test func `an ephemeral message to an audience reaches each once, without its sender`() async throws {
        let store = try await TestStore()
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: ["ann", "bob"], tenant: store.tenant.key, at: 1)
        let (bob, cid) = (try await store.account("bob"), try await store.account("cid"))
        let typing = try store.message(
            #"{"id":"t","from":"user:ann","type":9,"content":{},"ephemeral":true,"#
                + #""audience":{"users":["cid","bob","ghost"],"accounts":["\#(cid.id)"],"groups":["team"]}}"#)
        let delivery = try await store.storage.receivers(of: typing, from: store.appPrincipal)
        #expect(delivery.accounts == [bob, cid] && delivery.message.form == .audience)
        #expect(store.storage.feed.head == 0)
    }

    @Test func `an inbox is asked for what follows the largest number there is`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        try await store.send("m1", to: bob.id)
        let page = try await store.inbox(bob, after: .max)
        #expect(page.items.isEmpty && page.head == 1)
    }
}
