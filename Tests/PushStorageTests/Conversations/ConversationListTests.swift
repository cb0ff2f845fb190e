import PushCore
import Testing

@testable import PushStorage

@Suite struct ConversationListTests {
    private func page(
        _ store: TestStore, _ principal: Principal, account: String? = nil, limit: Int, cursor: String? = nil
    ) async throws -> (items: [JSONObject], next: String?) {
        let request = try PageRequest(limit: String(limit), cursor: cursor, limits: store.limits)
        let answer = try await store.conversations().list(request, of: account, as: principal).object
        return (answer?["items"]?.array?.compactMap(\.object) ?? [], answer?["nextCursor"]?.string)
    }

    @Test(arguments: [1, 2, 50])
    func `the most recent come first, what was imported whole comes last`(limit: Int) async throws {
        let store = try await TestStore(indexing: mixedIndexing(every: 4))
        let ann = try await store.device("ann")
        let me = try await store.account("ann")
        var accounts: [String: AccountRef] = [:]
        for user in ["bob", "cat", "dan", "eve"] { accounts[user] = try await store.account(user) }
        let (bob, dan, eve) = (accounts["bob"] ?? me, accounts["dan"] ?? me, accounts["eve"] ?? me)
        for (number, user) in ["bob", "cat", "bob"].enumerated() {
            try await store.send("m\(number)", to: me.id, #","from":"user:\#(user)""#)
        }
        try await store.send("app", to: me.id)
        try await store.send("mine", to: bob.id, #","from":"user:ann""#)
        try await store.edit("mine", text: "edited")
        try await store.importMessage("old", from: dan, to: me, at: 5)
        try await store.importMessage("older", from: eve, to: me, at: 4)
        try await store.importMessage("past", from: bob, to: me, at: 9)

        var found: [JSONObject] = []
        var cursor: String?
        var rounds = 0
        repeat {
            let page = try await page(store, ann, limit: limit, cursor: cursor)
            #expect(page.items.count <= limit)
            found += page.items
            cursor = page.next
            // What happens meanwhile neither moves a conversation out of the list nor in twice.
            rounds += 1
            if rounds == 1, limit < 50 { try await store.send("new", to: me.id, #","from":"user:cat""#) }
        } while cursor != nil
        let cat = accounts["cat"]?.id
        #expect(found.map { $0["peer"]?.string } == [bob.id, "app_one", cat, dan.id, eve.id])
        #expect(
            found.map { $0["last"]?.object?["id"]?.string } == [
                "mine", "app", limit < 50 ? "new" : "m1", "old", "older",
            ])
        #expect(found.map { $0["lastSeq"]?.integer } == [5, 4, limit < 50 ? 7 : 2, 0, 0])
        #expect(found.map { $0["unread"]?.integer } == [2, 1, limit < 50 ? 2 : 1, 0, 0])
        let last = found[0]["last"]?.object
        #expect(last?["content"]?.object?["text"]?.string == "edited" && last?["seq"]?.integer == 5)
    }

    @Test func `an account is named by apps only, and cursors are checked`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        let bob = try await store.account("bob")
        try await store.send("m", to: bob.id)
        #expect(try await page(store, ann, limit: 5).items.isEmpty)
        #expect(try await page(store, store.appPrincipal, account: "user:bob", limit: 5).items.count == 1)
        let forbidden = await store.refusal { try await page(store, ann, account: bob.id, limit: 5) }
        #expect(forbidden?.code == .forbidden)
        let nameless = await store.refusal { try await page(store, store.appPrincipal, limit: 5) }
        #expect(nameless?.code == .invalidRequest)
        for cursor in ["!", "AAAA", "MXwyfDB8eA", "MXwwfDB8bm9ib2R5"] {
            let refused = await store.refusal { try await page(store, ann, limit: 5, cursor: cursor) }
            #expect(refused?.code == .invalidRequest, "\(cursor)")
        }
    }
}
