import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct HistoryTests {
    /// Reads a history page by page, as a client does.
    private struct Reader {
        let conversations: Conversations
        let principal: Principal
        var members: [String: String] = [:]
        var limits = Limits()

        func page(limit: Int, cursor: String? = nil, bytesMax: Int? = nil) async throws -> JSONObject {
            var members = members
            members["limit"] = String(limit)
            members["cursor"] = cursor
            let request = try HistoryRequest(query: { members[$0] }, limits: limits)
            let answer = try await conversations.history(request, as: principal, bytesMax: bytesMax)
            return try #require(answer.object)
        }

        func items(limit: Int, afterPage: () async throws -> Void = {}) async throws -> [JSONObject] {
            var found: [JSONObject] = []
            var cursor: String?
            repeat {
                let page = try await page(limit: limit, cursor: cursor)
                let items = page["items"]?.array?.compactMap(\.object) ?? []
                #expect(items.count <= limit)
                found += items
                cursor = page["nextCursor"]?.string
                try await afterPage()
            } while cursor != nil
            return found
        }

        func ids(limit: Int, afterPage: () async throws -> Void = {}) async throws -> [String] {
            try await items(limit: limit, afterPage: afterPage).compactMap { $0["id"]?.string }
        }

        func with(_ more: [String: String]) -> Reader {
            Reader(conversations: conversations, principal: principal, members: members.merging(more) { $1 })
        }
    }

    private func reader(_ store: TestStore, _ principal: Principal, _ members: [String: String] = [:]) -> Reader {
        Reader(conversations: store.conversations(), principal: principal, members: members)
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func `both orders list everything once, also where times are equal`(limit: Int) async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let (me, bob, cat) = (
            try await store.account("ann"), try await store.account("bob"), try await store.account("cat")
        )
        let time = store.clock.now
        // The clock stands for all of the first six, and what was imported has its time as well.
        for number in 1...6 {
            let sender = number.isMultiple(of: 2) ? "bob" : "cat"
            try await store.send("m\(number)", to: me.id, #","from":"user:\#(sender)""#)
        }
        for number in 1...3 { try await store.importMessage("i\(number)", from: bob, to: me, at: time) }
        try await store.importMessage("i0", from: bob, to: me, at: time - 5)
        try await store.importMessage("i9", from: cat, to: me, at: time + 50)
        store.clock.advance(10)
        try await store.send("m7", to: bob.id, #","from":"user:ann""#)
        store.clock.advance(100)
        try await store.send("m8", to: me.id, #","from":"user:cat""#)

        let all = ["i0", "i1", "i2", "i3", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "i9", "m8"]
        let everything = reader(store, ann)
        #expect(try await everything.with(["order": "asc"]).ids(limit: limit) == all)
        #expect(try await everything.ids(limit: limit) == all.reversed())
        let withBob = ["i0", "i1", "i2", "i3", "m2", "m4", "m6", "m7"]
        #expect(try await everything.with(["with": bob.id, "order": "asc"]).ids(limit: limit) == withBob)
        #expect(try await everything.with(["with": bob.id, "order": "desc"]).ids(limit: limit) == withBob.reversed())
        #expect(try await everything.with(["with": "app_one"]).ids(limit: limit) == [])
    }

    @Test func `items have the reader's own form, and imported ones no seq`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: ["ann", "bob"], tenant: store.tenant.key, at: 1)
        try await store.send("g", to: "team", #","from":"user:bob""#)
        try await store.send("a", to: me.id)
        try await store.importMessage("i", from: bob, to: me, at: 5)
        let items = try await reader(store, ann).items(limit: 10)
        #expect(items.map { $0["id"]?.string } == ["a", "g", "i"])
        #expect(items[0]["from"]?.string == "app_one" && items[0]["seq"]?.integer == 2)
        #expect(items[1]["from"]?.string == "team" && items[1]["target"]?.string == bob.id)
        #expect(items[1]["to"]?.string == me.id)
        #expect(
            items[2].members.map(\.key) == [
                "id", "from", "to", "tenantNo", "type", "content", "timestamp", "isBackground", "serverTime",
                "revision",
            ])
        #expect(items[2]["serverTime"]?.integer == 5)
        // Each of them by its peer.
        #expect(try await reader(store, ann, ["with": "team"]).ids(limit: 9) == ["g"])
        #expect(try await reader(store, ann, ["with": "app_one"]).ids(limit: 9) == ["a"])
        // An app asks for an account by either name, also when the group is gone.
        let group = try #require(try await store.storage.group(id: "team", tenant: store.tenant.key))
        try await store.storage.deleteGroup(group.key, at: 5)
        let byApp = reader(store, store.appPrincipal, ["account": "user:bob", "with": "team"])
        #expect(try await byApp.ids(limit: 9) == ["g"])
    }

    @Test func `messages that arrive between pages disturb nothing`() async throws {
        let store = try await TestStore(indexing: mixedIndexing(every: 10))
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        try await store.account("bob")
        for number in 0..<25 { try await store.send("m\(number)", to: me.id, #","from":"user:bob""#) }
        var added = 0
        func add() async throws {
            for _ in 0..<3 where added < 30 {
                store.clock.advance(1)
                try await store.send("n\(added)", to: me.id, #","from":"user:bob""#)
                added += 1
            }
        }
        let down = try await reader(store, ann, ["with": "user:bob"]).ids(limit: 4, afterPage: add)
        #expect(down == (0..<25).reversed().map { "m\($0)" })
        added = 21
        let up = try await reader(store, ann, ["with": "user:bob", "order": "asc"]).ids(limit: 4, afterPage: add)
        #expect(up == (0..<25).map { "m\($0)" } + (0..<30).map { "n\($0)" })
    }

    @Test func `memory and index together read as the log does, at any moment`() async throws {
        let store = try await TestStore(indexing: mixedIndexing(every: 30))
        var numbers = SeededNumbers(7)
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        for user in ["bob", "cat", "dan"] { try await store.account(user) }
        var sent: [(id: String, with: String)] = []
        for number in 0..<220 {
            let other = ["bob", "cat", "dan"][Int.random(in: 0..<3, using: &numbers)]
            let isOwn = Bool.random(using: &numbers)
            try await store.send(
                "m\(number)", to: isOwn ? "user:\(other)" : me.id, #","from":"user:\#(isOwn ? "ann" : other)""#)
            sent.append(("m\(number)", other))
            if Int.random(in: 0..<4, using: &numbers) == 0 { store.clock.advance(1) }
            // Noise that is no part of any conversation.
            if number.isMultiple(of: 9) { try await store.edit("m\(number)", text: "edited") }
            guard number.isMultiple(of: 13) else { continue }
            let with = ["bob", "cat", "dan"][Int.random(in: 0..<3, using: &numbers)]
            let limit = Int.random(in: 1...40, using: &numbers)
            let expected = sent.filter { $0.with == with }.map(\.id)
            #expect(
                try await reader(store, ann, ["with": "user:\(with)", "order": "asc"]).ids(limit: limit) == expected)
            #expect(try await reader(store, ann).ids(limit: limit) == sent.map(\.id).reversed())
        }
        #expect(store.storage.log.tailCount > 0)
        let indexed = try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM inbox") ?? 0 }
        #expect(indexed > 0)
    }

    @Test func `a range of time loses nothing, not even copies that came late`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 5
        let store = try await TestStore(limits: limits, indexing: mixedIndexing(every: 40))
        var numbers = SeededNumbers(11)
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        _ = try await store.storage.createGroup(
            id: "big", name: "", users: ["ann", "bob"] + (0..<6).map { "u\($0)" }, tenant: store.tenant.key, at: 1)
        let begin = store.clock.now
        for number in 0..<120 {
            store.clock.advance(Milliseconds.random(in: 0...2000, using: &numbers))
            switch Int.random(in: 0..<6, using: &numbers) {
            case 0: try await store.send("m\(number)", to: "big", #","from":"user:bob""#)
            case 1 where number > 3: try await store.edit("m\(number / 2)", text: "x")
            default: break
            }
            if try await store.storage.message(id: "m\(number)", tenant: store.tenant.key) == nil {
                try await store.send("m\(number)", to: me.id, #","from":"user:bob""#)
            }
            if number.isMultiple(of: 17) { while try await store.storage.expandNextPage() {} }
        }
        while try await store.storage.expandNextPage() {}
        let times = try await store.inbox(me, limit: 500).items.filter { $0.entry.revision == 0 }
            .map { (id: $0.message.id, time: $0.message.serverTime) }
        #expect(times.count == 120 && times.map(\.time) != times.map(\.time).sorted())
        for _ in 0..<60 {
            let from = begin + Milliseconds.random(in: 0...120_000, using: &numbers)
            let to = from + Milliseconds.random(in: 0...60_000, using: &numbers)
            let expected = times.filter { $0.time >= from && $0.time < to }.map(\.id)
            let range = ["from": String(from), "to": String(to)]
            #expect(try await reader(store, ann, range.merging(["order": "asc"]) { $1 }).ids(limit: 6) == expected)
            #expect(try await reader(store, ann, range).ids(limit: 6) == expected.reversed())
            let after = times.filter { $0.time >= from }.map(\.id)
            #expect(try await reader(store, ann, ["from": String(from), "order": "asc"]).ids(limit: 50) == after)
            let before = times.filter { $0.time < to }.map(\.id)
            #expect(try await reader(store, ann, ["to": String(to)]).ids(limit: 50) == before.reversed())
        }
        let everything = ["from": String(Int64.min), "to": String(Int64.max)]
        #expect(try await reader(store, ann, everything).ids(limit: 200).count == 120)
        #expect(try await reader(store, ann, ["to": String(Int64.min)]).ids(limit: 200).isEmpty)
    }

    @Test func `edited, revoked, burned, expired and erased messages`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        for id in ["m1", "m2", "m3", "m4", "m5"] { try await store.send(id, to: me.id, #","from":"user:bob""#) }
        try await store.send("short", to: me.id, #","from":"user:bob","ttl":1"#)
        try await store.edit("m1", text: "second")
        try await store.edit("m1", text: "third")
        try await store.revoke("m2")
        try await store.burnCopy("m3", by: me)
        try await store.burnCopy("m4", by: bob)
        try await store.write("UPDATE message SET content = NULL WHERE id = 'm5'")
        store.clock.advance(2000)
        let items = try await reader(store, ann, ["order": "asc"]).items(limit: 2)
        #expect(items.map { $0["id"]?.string } == ["m1", "m2", "m3", "m4"])
        #expect(items[0]["content"]?.object?["text"]?.string == "third" && items[0]["revision"]?.integer == 2)
        #expect(items[0]["seq"]?.integer == 1)
        #expect(items[1]["revoked"]?.bool == true && items[1].isNull("content"))
        #expect(items[2]["burned"]?.bool == true && items[2].isNull("content"))
        #expect(items[3]["content"]?.object?["text"]?.string == "hello")

        // Sync has every entry, each with what its place allows.
        let page = try await store.inbox(me)
        #expect(page.items.map(\.isBurned) == [false, false, true, false, false, false, false, false])
        #expect(page.items.map(\.entry.revision) == [0, 0, 0, 0, 0, 0, 1, 2])
    }

    @Test func `a page is as large as it may be, and holds one item whatever its size`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        for number in 0..<5 {
            try await store.send("m\(number)", to: me.id, text: String(repeating: "x", count: 2000))
        }
        let reader = reader(store, ann)
        let two = try await reader.page(limit: 10, bytesMax: 5500)
        #expect(two["items"]?.array?.count == 2 && two["more"]?.bool == true)
        let cursor = try #require(two["nextCursor"]?.string)
        let one = try await reader.page(limit: 10, cursor: cursor, bytesMax: 10)
        #expect(one["items"]?.array?.compactMap { $0.object?["id"]?.string } == ["m2"])
        let rest = try await reader.page(limit: 10, cursor: one["nextCursor"]?.string, bytesMax: 100_000)
        #expect(rest["items"]?.array?.count == 2 && rest["more"]?.bool == false && rest.isNull("nextCursor"))
    }

    @Test func `a page ends where too much had to be passed over`() async throws {
        var limits = Limits()
        limits.historyEntriesReadMax = 10
        let store = try await TestStore(limits: limits)
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        try await store.send("first", to: me.id)
        for number in 0..<35 { try await store.send("m\(number)", to: me.id, #","ttl":1"#) }
        store.clock.advance(5000)
        let reader = reader(store, ann)
        let page = try await reader.page(limit: 5)
        #expect(page["items"]?.array?.isEmpty == true && page["nextCursor"]?.string != nil)
        #expect(try await reader.ids(limit: 5) == ["first"])
    }

    @Test func `cursors and names of others are refused`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        for number in 0..<3 { try await store.send("m\(number)", to: me.id, #","from":"user:bob""#) }
        let reader = reader(store, ann)
        let cursor = try #require(try await reader.page(limit: 1)["nextCursor"]?.string)
        for members in [["order": "asc"], ["with": bob.id], ["account": me.id, "with": bob.id]] {
            let refused = await store.refusal { try await reader.with(members).page(limit: 1, cursor: cursor) }
            #expect(refused?.code == .invalidRequest)
        }
        let byApp = self.reader(store, store.appPrincipal, ["account": bob.id])
        #expect(await store.refusal { try await byApp.page(limit: 1, cursor: cursor) }?.code == .invalidRequest)
        for members in [["limit": "0"], ["order": "up"], ["from": "x"], ["to": "1.5"], ["cursor": "!"]] {
            let refused = await store.refusal { try HistoryRequest(query: { members[$0] }, limits: store.limits) }
            #expect(refused?.code == .invalidRequest, "\(members)")
        }

        let other = try await store.storage.createTenant(no: "other", name: "Other", at: 1)
        let foreign = try await store.storage.ensureAccount(tenant: other.key, userID: "eve", at: 1).account
        _ = try await store.storage.createGroup(id: "theirs", name: "", users: [], tenant: other.key, at: 1)
        for name in [foreign.id, "theirs", "user:eve", "acct_none", "none", "app_none", "dev_1", ""] {
            let refused = await store.refusal { try await reader.with(["with": name]).page(limit: 1) }
            #expect(refused?.code == .recipientNotFound, "\(name)")
        }
        for name in [foreign.id, "user:eve", "acct_none", "theirs"] {
            for reader in [reader, self.reader(store, store.appPrincipal)] {
                let refused = await store.refusal { try await reader.with(["account": name]).page(limit: 1) }
                #expect(refused?.code == .recipientNotFound, "\(name)")
            }
        }
        #expect(await store.refusal { try await reader.with(["account": bob.id]).page(limit: 1) }?.code == .forbidden)
        #expect(try await reader.with(["account": "user:ann"]).ids(limit: 9).count == 3)
        let nameless = self.reader(store, store.appPrincipal)
        #expect(await store.refusal { try await nameless.page(limit: 1) }?.code == .invalidRequest)
    }
}

extension JSONObject {
    /// The member is there, and null.
    fileprivate func isNull(_ key: String) -> Bool { members.first { $0.key == key }?.value.isNull == true }
}
