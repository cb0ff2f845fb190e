import PushCore
import Testing

@testable import PushStorage

@Suite struct ExpansionTests {
    private func largeGroup(_ store: TestStore, _ count: Int) async throws -> Group {
        try await store.storage.createGroup(
            id: "big", name: "", users: (0..<count).map { "u\($0)" }, tenant: store.tenant.key, at: 1)
    }

    @Test func `a large group is expanded in pages, in order, with who was in it then`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 1000
        let store = try await TestStore(limits: limits)
        let group = try await largeGroup(store, 2500)
        let first = try await store.send("m1", to: "big", #","from":"user:u0""#)
        #expect(first.recipients == nil && first.ownSeq == 1)
        // Afterwards the group changes; a second message waits its turn behind the first.
        _ = try await store.storage.removeMembers(["u2"], from: group.key, tenant: store.tenant.key, at: 2)
        _ = try await store.storage.addMembers(
            ["late"], to: group.key, tenant: store.tenant.key, membersMax: 100_000, at: 3)
        let aimed = try await store.send("m2", to: "big", #","target":"user:u1""#)
        #expect(aimed.recipients == nil)
        let late = try await store.account("late")
        #expect(try await store.send("between", to: late.id).recipients == 1)
        var pages = 0
        while try await store.storage.expandNextPage() { pages += 1 }
        #expect(pages >= 3)
        #expect(try await store.send("m1", to: "big", #","from":"user:u0""#).recipients == 2499)
        #expect(try await store.send("m2", to: "big", #","target":"user:u1""#).recipients == 1)
        let u1 = try await store.account("u1")
        #expect(try await store.inbox(u1).items.map(\.message.id) == ["m1", "m2"])
        let u2 = try await store.account("u2")
        #expect(try await store.inbox(u2).items.map(\.message.id) == ["m1"])
        #expect(try await store.inbox(late).items.map(\.message.id) == ["between"])
        let u2499 = try await store.account("u2499")
        let message = try #require(try await store.storage.message(id: "m1", tenant: store.tenant.key))
        #expect(try await store.storage.hasEntry(of: message.key, account: u2499.key))
        #expect(try await !store.storage.hasEntry(of: message.key, account: late.key))
    }

    @Test func `a large audience reaches everybody once`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 10
        let store = try await TestStore(limits: limits)
        _ = try await largeGroup(store, 25)
        let names = (20..<35).map { #""u\#($0)""# }.joined(separator: ",")
        for index in 25..<35 { try await store.account("u\(index)") }
        let answer = try await store.send("m1", #","audience":{"users":[\#(names)],"groups":["big"]}"#)
        #expect(answer.recipients == nil)
        while try await store.storage.expandNextPage() {}
        for index in 0..<35 {
            let account = try await store.account("u\(index)")
            #expect(try await store.inbox(account).head == 1)
        }
        let again = try await store.send("m1", #","audience":{"users":[\#(names)],"groups":["big"]}"#)
        #expect(again.isDuplicate && again.recipients == 35)
    }
}
