import GRDB
import PushCore
import TestWaiting
import Testing

@testable import PushStorage

@Suite struct AccountEndingTests {
    private let token = #"{"pushTokens":[{"vendor":"fcm","token":"secret-token"}],"device":{"model":"Private"}}"#

    /// Deletes as the use case does. Returns the devices that ended.
    @discardableResult
    private func delete(_ user: String, of store: TestStore) async throws -> [String]? {
        let account = try #require(try await store.storage.account(tenant: store.tenant.key, userID: user))
        let ended = try await store.storage.deleteAccount(account.key, by: store.appIdentity, at: store.clock.now)
        while try await store.storage.eraseNextPage(of: account.key) == .more {}
        return ended
    }

    private func content(_ id: String, _ store: TestStore) async throws -> RawJSON? {
        try #require(try await store.storage.message(id: id, tenant: store.tenant.key)).content
    }

    @Test func `one device ends, the others stay`() async throws {
        let store = try await TestStore()
        let first = try await store.register("ann", code: "c1", token).identity
        let second = try await store.register("ann", code: "c2").identity
        let bob = try await store.account("bob")
        let storage = store.storage
        #expect(try await !storage.endDevice("dev_none", of: first.account.key, by: store.appIdentity, at: 5))
        #expect(try await !storage.endDevice(first.deviceID, of: bob.key, by: store.appIdentity, at: 5))
        for _ in 0..<2 {
            #expect(try await storage.endDevice(first.deviceID, of: first.account.key, by: store.appIdentity, at: 5))
            guard case .ended = try await storage.lookUp(deviceID: first.deviceID) else {
                Issue.record("still there")
                return
            }
        }
        guard case .active = try await storage.lookUp(deviceID: second.deviceID) else {
            Issue.record("gone")
            return
        }
        let trail = try await storage.auditTrail(before: nil, limit: 10).filter { $0.action == "device.end" }
        #expect(trail.map(\.subject) == [first.deviceID])
    }

    @Test func `a kick closes an account that was made openly`() async throws {
        let store = try await TestStore()
        let guest = try await store.register("guest", code: "c", isSigned: false).identity
        #expect(
            try await store.storage.endDevices(of: guest.account.key, by: store.appIdentity, at: store.clock.now)
                == [guest.deviceID])
        let back = await store.refusal { try await store.register("guest", code: "c", isSigned: false) }
        #expect(back?.code == .forbidden)
    }

    @Test func `what a kick voided stays void when the account is deleted and made anew`() async throws {
        let store = try await TestStore()
        let (storage, tenant) = (store.storage, store.tenant.key)
        let ann = try await store.register("ann", code: "c").identity
        try await store.register("bob", code: "b")
        let signedAt = store.clock.now
        store.clock.advance(1000)
        let kickedAt = store.clock.now
        _ = try await storage.endDevices(of: ann.account.key, by: store.appIdentity, at: kickedAt)
        for user in ["ann", "bob"] { try await delete(user, of: store) }
        #expect(try await storage.signaturesNotBefore(tenant: tenant, userID: "ann") == kickedAt)
        func register(_ user: String) async -> GatewayError.Code? {
            await store.refusal { try await store.register(user, code: "n", signedAt: signedAt) }?.code
        }
        #expect(await register("ann") == .tokenRevoked)
        // Nobody was kicked there.
        #expect(await register("bob") == nil)
        let other = try await storage.createTenant(no: "other", name: "", at: 1)
        #expect(try await storage.signaturesNotBefore(tenant: other.key, userID: "ann") == nil)
        try await store.account("ann")
        #expect(try await storage.signaturesNotBefore(tenant: tenant, userID: "ann") == kickedAt)
        #expect(await register("ann") == .tokenRevoked)
        try await store.register("ann", code: "n", signedAt: kickedAt)
    }

    @Test func `a deleted user is unknown under every name and may come back as another`() async throws {
        let store = try await TestStore()
        let (storage, tenant) = (store.storage, store.tenant.key)
        let ann = try await store.register("ann", code: "c", token).identity
        let bob = try await store.account("bob")
        _ = try await storage.createGroup(id: "g", name: "", users: ["ann", "bob"], tenant: tenant, at: 1)
        _ = try await storage.addMembers(["ann", "bob"], toTag: "t", tenant: tenant, at: 1)
        // So that the writer knows both of her names.
        try await store.send("m1", to: "user:ann")
        try await store.send("m2", to: ann.account.id)
        #expect(try await delete("ann", of: store) == [ann.deviceID])

        for name in ["user:ann", ann.account.id, "user:/\(ann.account.key.rawValue)"] {
            let refusal = await store.refusal { try await store.send("x", to: name) }
            #expect(refusal?.code == .recipientNotFound || refusal?.code == .invalidRequest, "\(name)")
        }
        #expect(try await storage.account(tenant: tenant, userID: "ann") == nil)
        #expect(try await storage.account(tenant: tenant, userID: "/\(ann.account.key.rawValue)") == nil)
        #expect(try await storage.activeDevices(tenant: tenant, userIDs: ["ann", "bob"]).map(\.userID) == ["bob"])
        #expect(try await storage.group(id: "g", tenant: tenant)?.memberCount == 1)
        #expect(try await storage.tag(name: "t", tenant: tenant)?.memberCount == 1)
        #expect(try await storage.deleteAccount(ann.account.key, by: store.appIdentity, at: 1) == nil)
        guard case .ended = try await storage.lookUp(deviceID: ann.deviceID) else {
            Issue.record("the device is not ended")
            return
        }
        let left = try await storage.file.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT CAST(info AS TEXT) || unique_code FROM device WHERE account = ?1
                    UNION ALL SELECT token FROM push_token UNION ALL SELECT user_id FROM account
                    """,
                arguments: [ann.account.key.rawValue])
        }
        #expect(!left.contains { $0.contains("secret") || $0.contains("Private") || $0.contains("ann") }, "\(left)")

        let back = try await store.register("ann", code: "c", token)
        #expect(back.isNew && back.seq == 0)
        #expect(back.identity.account != ann.account && back.identity.deviceID != ann.deviceID)
        try await store.send("m3", to: "user:ann")
        #expect(try await store.inbox(back.identity.account).items.map(\.message.id) == ["m3"])
        // Bob is told that she left the group, and nothing else.
        let told = try await store.inbox(bob).items.map(\.message)
        #expect(told.map(\.type.rawValue) == [260] && told.first?.content?.object?["change"]?.string == "left")
    }

    @Test func `content goes with the last account that has it`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.register("bob", code: "b").identity
        let tenant = store.tenant.key
        _ = try await store.storage.createGroup(id: "g", name: "", users: ["ann", "bob"], tenant: tenant, at: 1)
        try await store.send("from-app", to: "user:ann")
        try await store.send("to-self", to: ann.account.id, as: .device(ann))
        try await store.send("to-bob", to: bob.account.id, as: .device(ann))
        try await store.send("silent", to: bob.account.id, #","sync":false"#, as: .device(ann))
        try await store.send("to-ann", to: ann.account.id, as: .device(bob))
        try await store.send("group", to: "g")
        try await store.send("only-ann", #","audience":{"users":["ann"]}"#)
        try await store.send("both", #","audience":{"users":["ann","bob"]}"#)

        try await delete("ann", of: store)
        for id in ["from-app", "to-self", "only-ann"] { #expect(try await content(id, store) == nil, "\(id)") }
        for id in ["to-bob", "silent", "to-ann", "group", "both"] {
            #expect(try await content(id, store) != nil, "\(id)")
        }
        let seen = try await store.inbox(bob.account).items.filter { !$0.message.type.isEvent }
        #expect(seen.map(\.message.id) == ["to-bob", "silent", "to-ann", "group", "both"])
        #expect(seen.allSatisfy { $0.message.content != nil })
        // The id stays taken.
        let taken = await store.refusal { try await store.send("from-app", to: "user:bob") }
        #expect(taken?.code == .messageIDConflict)

        try await delete("bob", of: store)
        for id in ["to-bob", "silent", "to-ann", "group", "both"] {
            #expect(try await content(id, store) == nil, "\(id)")
        }
    }

    @Test func `a message without a copy for its sender goes when the sender is deleted last`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        try await store.account("bob")
        try await store.send("silent", to: "user:bob", #","sync":false"#, as: .device(ann))
        try await delete("bob", of: store)
        #expect(try await content("silent", store) != nil)
        try await delete("ann", of: store)
        #expect(try await content("silent", store) == nil)
    }

    @Test(arguments: [false, true])
    func `the index forgets an inbox, whether it was written before or after`(isIndexedFirst: Bool) async throws {
        var limits = Limits()
        limits.erasurePageEntries = 7
        var indexing = Indexer.Tuning()
        indexing.idle = isIndexedFirst ? .milliseconds(5) : .seconds(3600)
        let store = try await TestStore(limits: limits, indexing: indexing)
        let storage = store.storage
        let ann = try await store.account("ann")
        let bob = try await store.account("bob")
        for number in 0..<40 {
            try await store.send("a\(number)", to: "user:ann")
            try await store.send("b\(number)", to: "user:bob")
        }
        if isIndexedFirst { try await eventually("all is indexed") { storage.log.tailCount == 0 } }
        try await delete("ann", of: store)
        for number in 0..<40 { #expect(try await content("a\(number)", store) == nil) }
        #expect(try await store.inbox(bob).items.compactMap(\.message.content).count == 40)
        if isIndexedFirst {
            try await eventually("nothing is left to erase") {
                while try await storage.eraseNextPage(of: ann.key) == .more {}
                return try await storage.accountsToErase(limit: 10).isEmpty
            }
        } else {
            // Not done before the index has come so far, also after a restart.
            #expect(try await storage.accountsToErase(limit: 10) == [ann.key])
            storage.close()
            var fast = Indexer.Tuning()
            fast.idle = .milliseconds(5)
            let again = try TestStore.open(store.path, limits: limits, indexing: fast, clock: store.clock)
            defer { again.close() }
            try await eventually("nothing is left to erase") {
                while try await again.eraseNextPage(of: ann.key) == .more {}
                return try await again.accountsToErase(limit: 10).isEmpty
            }
            let rows = try await again.file.read { db in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM inbox WHERE account = ?", arguments: [ann.key.rawValue])
            }
            #expect(rows == 0)
            return
        }
        let rows = try await storage.file.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM inbox WHERE account = ?", arguments: [ann.key.rawValue])
        }
        #expect(rows == 0)
    }

    @Test func `an audience that is still walked is waited for`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 2
        var indexing = Indexer.Tuning()
        indexing.idle = .milliseconds(5)
        let store = try await TestStore(limits: limits, indexing: indexing)
        let storage = store.storage
        let users = (0..<6).map { "u\($0)" }
        _ = try await storage.createGroup(id: "g", name: "", users: users, tenant: store.tenant.key, at: 1)
        try await store.send("m", to: "g")
        let last = try #require(try await storage.account(tenant: store.tenant.key, userID: "u5"))
        try await delete("u5", of: store)
        #expect(try await storage.eraseNextPage(of: last.key) == .waiting)
        while try await storage.expandNextPage() {}
        try await eventually("nothing is left to erase") {
            while try await storage.eraseNextPage(of: last.key) == .more {}
            return try await storage.accountsToErase(limit: 10).isEmpty
        }
        let rows = try await storage.file.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM inbox WHERE account = ?", arguments: [last.key.rawValue])
        }
        #expect(rows == 0)
        #expect(try await content("m", store) != nil)
    }

    @Test func `the sender of a push is not named when deleted, and the trace is silent about them`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.register("bob", code: "b").identity
        try await store.send("m", to: bob.account.id, as: .device(ann))
        try await store.send("n", to: ann.account.id, as: .device(bob))
        try await delete("ann", of: store)
        for id in ["m", "n"] {
            let message = try #require(try await store.storage.message(id: id, tenant: store.tenant.key))
            let traces = try await store.storage.trace(of: message)
            #expect(traces.map(\.userID) == ["bob"])
        }
    }

    @Test func `what was written with a deleted user can still be named, read and paged`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "c1").identity
        let bob = try await store.register("bob", code: "c2").identity
        _ = try await store.send("m1", to: bob.account.id, as: .device(ann))
        try await delete("ann", of: store)
        let storage = store.storage
        let peer = try #require(try await storage.peer(named: ann.account.id, tenant: store.tenant.key))
        #expect(try await storage.peer(named: "user:ann", tenant: store.tenant.key) == nil)
        let history = try await storage.history(HistoryQuery(account: bob.account.key, peer: peer.peer, limit: 5))
        #expect(history.items.map(\.content.message.id) == ["m1"])
        #expect(try await storage.unread(of: bob.account.key, idsPerPeer: 5, idsMax: 5).map(\.count) == [1])
        let read = try await storage.read(peer, through: nil, of: bob.account, by: .device(bob), at: store.clock.now)
        #expect(read.hasMoved && read.unread == 0)
        // Nobody is told that a message of a deleted user was read.
        #expect(try await store.inbox(ann.account).items.allSatisfy { $0.message.type.rawValue != 261 })
    }
}
