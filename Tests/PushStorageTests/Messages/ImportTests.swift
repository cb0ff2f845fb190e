import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct ImportTests {
    private struct Copy: Equatable {
        let user: String
        let serverTime: Int64
        let peer: Int64
        let flags: Int
    }

    private func message(
        _ store: TestStore, _ id: String, from: String = "user:ann", to: String = "user:bob", at time: Int = 1000,
        text: String = "hello", _ more: String = ""
    ) throws -> Message {
        try store.message(
            #"{"id":"\#(id)","from":"\#(from)","to":"\#(to)","type":0,"content":{"text":"\#(text)"},"#
                + #""timestamp":\#(time)\#(more)}"#)
    }

    private func run(_ store: TestStore, dryRun: Bool = false, _ messages: Message...) async throws -> [ImportOutcome] {
        try await store.storage.importHistory(
            messages, from: AppIdentity(app: store.app, tenant: store.tenant, scopes: store.app.scopes), dryRun: dryRun)
    }

    private func copies(_ store: TestStore, of id: String) async throws -> [Copy] {
        try await store.storage.file.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT a.user_id, i.server_time, i.peer, i.flags FROM imported i
                    JOIN message m ON m.key = i.message JOIN account a ON a.key = i.account
                    WHERE m.id = ? ORDER BY a.user_id
                    """, arguments: [id]
            ).map { Copy(user: $0[0], serverTime: $0[1], peer: $0[2], flags: $0[3]) }
        }
    }

    private func code(_ outcome: ImportOutcome?) -> GatewayError.Code? {
        if case .refused(let error) = outcome { error.code } else { nil }
    }

    @Test func `an imported message has its own time and no place in any inbox`() async throws {
        let store = try await TestStore()
        let (ann, bob) = (try await store.account("ann"), try await store.account("bob"))
        let sent = try await store.send("before", to: bob.id)
        store.clock.advance(10)
        #expect(try await run(store, message(store, "h1", at: 5000)) == [.imported])
        let found = try #require(try await store.storage.message(id: "h1", tenant: store.tenant.key))
        #expect(found.serverTime == 5000 && found.timestamp == 5000 && found.from == ann.id && found.to == bob.id)
        #expect(
            try await copies(store, of: "h1") == [
                Copy(user: "ann", serverTime: 5000, peer: Peer.account(bob.key).rawValue, flags: 1),
                Copy(user: "bob", serverTime: 5000, peer: Peer.account(ann.key).rawValue, flags: 0),
            ])
        #expect(try await store.inbox(bob).head == 1)
        #expect(try await store.inbox(ann).head == 0)
        #expect(store.storage.feed.head == 1)
        #expect(try await store.storage.hasEntry(of: found.key, account: bob.key))
        let stranger = try await store.account("cid")
        #expect(try await !store.storage.hasEntry(of: found.key, account: stranger.key))
        // The clock of what is sent is not moved, neither by the past nor by the future, nor by a restart.
        let ahead = Int(store.clock.now) + 3_600_000
        #expect(try await run(store, message(store, "h2", at: ahead)) == [.imported])
        #expect(try await store.send("after", to: bob.id).serverTime == sent.serverTime + 10)
        #expect(try await run(store, message(store, "h3", at: ahead)) == [.imported])
        store.storage.close()
        let reopened = try TestStore.open(store.path, clock: store.clock)
        let next = try await reopened.accept(
            store.message(#"{"id":"next","to":"\#(bob.id)","type":0,"content":{"text":"x"}}"#), from: store.appPrincipal
        )
        #expect(next.serverTime == sent.serverTime + 10 && next.recipients == 1)
        #expect(
            try await reopened.inbox(of: bob.key, after: 0, limit: 9).items.map(\.message.id) == [
                "before", "after", "next",
            ])
        reopened.close()
    }

    @Test func `the first one wins, in one call and later`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        try await store.account("ann")
        try await store.send("live", to: bob.id)
        let outcomes = try await run(
            store, message(store, "h1"), message(store, "h1", text: "other"), message(store, "live"),
            message(store, "h2", from: "user:ghost"), message(store, "h2"))
        #expect(outcomes.map(code) == [nil, nil, nil, .recipientNotFound, nil])
        #expect(outcomes.map { $0 == .imported } == [true, false, false, false, true])
        #expect(outcomes[1] == .exists && outcomes[2] == .exists)
        #expect(try await run(store, message(store, "h1", at: 7)) == [.exists])
        let kept = try await store.storage.message(id: "h1", tenant: store.tenant.key)
        #expect(kept?.content?.text == #"{"text":"hello"}"# && kept?.serverTime == 1000)
        #expect(try await store.storage.account(tenant: store.tenant.key, userID: "ghost") == nil)
    }

    @Test func `a later send with that id is a repeat of it, or a conflict`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a").identity
        let bob = try await store.account("bob")
        #expect(try await run(store, message(store, "h1")) == [.imported])
        let again = try await store.send("h1", to: bob.id, as: .device(ann))
        #expect(again.isDuplicate && again.serverTime == 1000 && again.recipients == 1 && again.ownSeq == nil)
        let other = await store.refusal { try await store.send("h1", to: bob.id, text: "other", as: .device(ann)) }
        #expect(other?.code == .messageIDConflict)
        #expect(try await store.inbox(bob).head == 0)
    }

    @Test func `a dry run tells the same and writes nothing`() async throws {
        let store = try await TestStore()
        for user in ["ann", "bob"] { try await store.account(user) }
        let list = try [
            message(store, "h1"), message(store, "h1"), message(store, "h2", to: "user:ghost"),
            message(store, "h3", to: "nogroup"), message(store, "h2"),
        ]
        let app = AppIdentity(app: store.app, tenant: store.tenant, scopes: store.app.scopes)
        let dry = try await store.storage.importHistory(list, from: app, dryRun: true)
        #expect(dry.map(code) == [nil, nil, .recipientNotFound, .recipientNotFound, nil])
        #expect(try await store.storage.message(id: "h1", tenant: store.tenant.key) == nil)
        #expect(try await store.storage.importHistory(list, from: app, dryRun: false) == dry)
        #expect(try await store.storage.importHistory([list[0]], from: app, dryRun: true) == [.exists])
    }

    @Test func `a group's history goes to its members of now and to a sender who left`() async throws {
        var limits = Limits()
        limits.commandEntriesMax = 4
        let store = try await TestStore(limits: limits)
        let group = try await store.storage.createGroup(
            id: "team", name: "", users: ["bob", "cid", "dan", "eve", "fay"], tenant: store.tenant.key, at: 1)
        try await store.account("ann")
        let peer = Peer.group(group.key).rawValue
        let before = store.storage.commits.counters.commands
        let outcomes = try await run(
            store, message(store, "s1"), message(store, "g1", to: "team", at: 50),
            message(store, "g2", from: "user:bob", to: "team", at: 60, #","sync":false"#),
            message(store, "g3", from: "user:bob", to: "team", at: 70, #","target":"user:cid""#), message(store, "s2"))
        #expect(outcomes == Array(repeating: .imported, count: 5))
        // The large ones have a command of their own.
        #expect(store.storage.commits.counters.commands - before == 4)
        #expect(try await copies(store, of: "g1").map(\.user) == ["ann", "bob", "cid", "dan", "eve", "fay"])
        #expect(try await copies(store, of: "g1").map(\.flags) == [1, 0, 0, 0, 0, 0])
        #expect(try await copies(store, of: "g1").allSatisfy { $0.peer == peer && $0.serverTime == 50 })
        #expect(try await copies(store, of: "g2").map(\.user) == ["cid", "dan", "eve", "fay"])
        #expect(try await copies(store, of: "g3").map(\.user) == ["bob", "cid"])
        let g1 = await store.refusal { try await store.send("g1", to: "team") }
        #expect(g1?.code == .messageIDConflict)
        #expect(store.storage.feed.head == 0)
    }

    @Test func `a message to oneself is there once, and another tenant's people are not known`() async throws {
        let store = try await TestStore()
        try await store.account("ann")
        #expect(try await run(store, message(store, "self", to: "user:ann", #","sync":false"#)) == [.imported])
        #expect(try await copies(store, of: "self").map(\.flags) == [1])
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        let (zoe, _) = try await store.storage.ensureAccount(tenant: other.key, userID: "zoe", at: 1)
        #expect(try await run(store, message(store, "h", to: zoe.id)).map(code) == [.recipientNotFound])
        #expect(
            try await run(store, message(store, "h", from: zoe.id, to: "user:ann")).map(code) == [.recipientNotFound])
    }
}
