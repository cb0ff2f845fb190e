import PushCore
import Testing

@testable import PushStorage

@Suite struct GroupEventTests {
    private struct Told: Equatable {
        let change: String
        let members: [String]
        let isCut: Bool
    }

    private func app(_ store: TestStore) -> AppIdentity {
        AppIdentity(app: store.app, tenant: store.tenant, scopes: store.app.scopes)
    }

    private func make(_ store: TestStore, _ users: [String], id: String = "team") async throws -> Group {
        try await store.storage.createGroup(
            id: id, name: "", users: users, tenant: store.tenant.key, at: 1, announcedBy: app(store))
    }

    @discardableResult
    private func add(_ store: TestStore, _ users: [String], _ group: Group) async throws -> Int {
        try await store.storage.addMembers(
            users, to: group.key, tenant: store.tenant.key, membersMax: 100_000, at: 2, announcedBy: app(store)
        ).changed
    }

    @discardableResult
    private func remove(_ store: TestStore, _ users: [String], _ group: Group) async throws -> Int {
        try await store.storage.removeMembers(
            users, from: group.key, tenant: store.tenant.key, at: 3, announcedBy: app(store)
        ).changed
    }

    private func users(_ range: Range<Int>) -> [String] { range.map { "u\($0)" } }

    /// The group events in an inbox, their members by user.
    private func told(_ store: TestStore, _ user: String) async throws -> [Told] {
        let account = try await store.account(user)
        let events = try await store.inbox(account).items.filter { $0.message.type.rawValue == 260 }
        var found: [Told] = []
        for event in events {
            let content = try #require(event.message.content?.object)
            var names: [String] = []
            for member in content["members"]?.array ?? [] {
                let id = try #require(member.string)
                let row = try await store.storage.file.read { try AccountRows.find($0, id: id) }
                names.append(try #require(row).userID)
            }
            found.append(
                Told(
                    change: content["change"]?.string ?? "", members: names, isCut: content["cut"]?.bool ?? false))
        }
        return found
    }

    @Test func `every change is told to those who are in it and those who left`() async throws {
        let store = try await TestStore()
        let group = try await make(store, ["ann", "bob"])
        try await add(store, ["bob", "cid", "dan", "cid"], group)
        try await remove(store, ["ann", "ghost"], group)
        try await store.storage.deleteGroup(group.key, at: 9, announcedBy: app(store))
        let created = Told(change: "created", members: ["ann", "bob"], isCut: false)
        let joined = Told(change: "joined", members: ["cid", "dan"], isCut: false)
        let left = Told(change: "left", members: ["ann"], isCut: false)
        let deleted = Told(change: "deleted", members: ["bob", "cid", "dan"], isCut: false)
        #expect(try await told(store, "ann") == [created, joined, left])
        #expect(try await told(store, "bob") == [created, joined, left, deleted])
        #expect(try await told(store, "dan") == [joined, left, deleted])
        let bob = try await store.account("bob")
        let item = try #require(try await store.inbox(bob).items.first)
        #expect(item.entry.flags == .uncounted && item.entry.peer == .none)
        #expect(item.message.from == "app_one" && item.message.to == "team" && item.message.form == .group)
        let payload = String(
            decoding: DownlinkTemplate(item.message, now: store.clock.now).payload(account: bob.id, seq: 1),
            as: UTF8.self)
        #expect(payload.contains(#""from":"team","to":"\#(bob.id)","target":"app_one""#))
        #expect(payload.contains(#""content":{"groupId":"team","change":"created","members":["#))
    }

    @Test func `what changes nothing is not told`() async throws {
        let store = try await TestStore()
        let group = try await make(store, ["ann"])
        #expect(try await add(store, ["ann", "ann"], group) == 0)
        #expect(try await remove(store, ["ghost", "bob"], group) == 0)
        #expect(
            try await store.storage.file.read { try GroupRow.find($0, id: "team", tenant: store.tenant.key) }?.version
                == 2)
        try await store.storage.deleteGroup(group.key, at: 9, announcedBy: app(store))
        try await store.storage.deleteGroup(group.key, at: 9, announcedBy: app(store))
        #expect(try await told(store, "ann").map(\.change) == ["created", "deleted"])
        let empty = try await make(store, [], id: "empty")
        try await store.storage.deleteGroup(empty.key, at: 9, announcedBy: app(store))
        let full = await store.refusal {
            try await store.storage.createGroup(
                id: "x", name: "", users: ["ann"], tenant: store.tenant.key, at: 1, announcedBy: app(store))
        }
        #expect(full == nil)
        #expect(try await told(store, "ann").map(\.change) == ["created", "deleted", "created"])
        // A refused change neither.
        let tooMany = await store.refusal {
            try await store.storage.addMembers(
                ["bob"], to: make(store, ["ann"], id: "y").key, tenant: store.tenant.key, membersMax: 1, at: 2,
                announcedBy: app(store))
        }
        #expect(tooMany?.code == .tooLarge)
        #expect(try await told(store, "bob") == [])
    }

    @Test func `a large group is told page by page, and joins that wait are told together`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 100
        let store = try await TestStore(limits: limits)
        let group = try await make(store, users(0..<50))
        // Five thousand, 500 a call, without the expansion having a turn.
        for start in stride(from: 50, to: 5050, by: 500) {
            #expect(try await add(store, users(start..<start + 500), group) == 500)
        }
        var pages = 0
        while try await store.storage.expandNextPage() { pages += 1 }
        // One event of 51 pages, not ten.
        #expect((50...52).contains(pages))
        #expect(store.storage.feed.head == 50 + 5050)
        for user in ["u0", "u549", "u550", "u5049"] {
            let last = try #require(try await told(store, user).last)
            #expect(last == Told(change: "joined", members: users(50..<550), isCut: true), "\(user)")
        }
        #expect(try await told(store, "u0").count == 2)
        // Who left is told with the others, in one walk.
        #expect(try await remove(store, ["u7", "u4000"], group) == 2)
        while try await store.storage.expandNextPage() {}
        for user in ["u7", "u8", "u4000", "u5049"] {
            #expect(
                try await told(store, user).last == Told(change: "left", members: ["u7", "u4000"], isCut: false))
        }
        try await store.storage.deleteGroup(group.key, at: 9, announcedBy: app(store))
        while try await store.storage.expandNextPage() {}
        let deleted = try #require(try await told(store, "u5049").last)
        #expect(deleted.change == "deleted" && deleted.members.count == 500 && deleted.isCut)
        #expect(try await told(store, "u7").last?.change == "left")
        #expect(await store.refusal { try await store.send("m", to: "team") }?.code == .recipientNotFound)
    }

    @Test func `joins are not told together across anything else, nor once the telling has begun`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 10
        let store = try await TestStore(limits: limits)
        let group = try await make(store, users(0..<20))
        while try await store.storage.expandNextPage() {}
        try await add(store, ["a"], group)
        try await store.send("between", to: "team")
        try await add(store, ["b"], group)
        try await add(store, ["c"], group)
        try await remove(store, ["u3"], group)
        try await add(store, ["d"], group)
        #expect(try await store.storage.expandNextPage())
        while try await store.storage.expandNextPage() {}
        let all = try await told(store, "u0")
        #expect(all.map(\.change) == ["created", "joined", "joined", "left", "joined"])
        #expect(all.map(\.members).dropFirst() == [["a"], ["b", "c"], ["u3"], ["d"]])
        #expect(try await told(store, "u3").map(\.change) == ["created", "joined", "joined", "left"])
        #expect(try await told(store, "c").map(\.change) == ["joined", "left", "joined"])
        let c = try await store.account("c")
        #expect(try await store.inbox(c).items.allSatisfy { $0.message.id != "between" })
        // Begun: the next one is told on its own.
        try await add(store, ["e"], group)
        #expect(try await store.storage.expandNextPage())
        try await add(store, ["f"], group)
        while try await store.storage.expandNextPage() {}
        #expect(try await told(store, "u0").map(\.members).suffix(2) == [["e"], ["f"]])
    }

    @Test func `a group that is deleted and made again under its id has its own members`() async throws {
        let store = try await TestStore()
        let group = try await make(store, ["ann"])
        try await store.send("m1", to: "team")
        try await store.storage.deleteGroup(group.key, at: 9, announcedBy: app(store))
        _ = try await make(store, ["bob"])
        try await store.send("m2", to: "team")
        let (ann, bob) = (try await store.account("ann"), try await store.account("bob"))
        #expect(try await store.inbox(ann).items.filter { !$0.message.type.isEvent }.map(\.message.id) == ["m1"])
        #expect(try await store.inbox(bob).items.filter { !$0.message.type.isEvent }.map(\.message.id) == ["m2"])
    }
}
