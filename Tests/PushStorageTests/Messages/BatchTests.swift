import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct BatchTests {
    private func texts(_ store: TestStore, _ names: [(id: String, to: String, text: String)]) throws -> [Message] {
        try names.map { name in
            try store.message(
                #"{"id":"\#(name.id)","to":"\#(name.to)","type":0,"content":{"text":"\#(name.text)"}}"#)
        }
    }

    private func code(_ outcome: Result<Acceptance, GatewayError>) -> GatewayError.Code? {
        if case .failure(let error) = outcome { error.code } else { nil }
    }

    @Test func `each message is accepted or refused alone, in the batch's order`() async throws {
        var limits = Limits()
        limits.commandMessagesMax = 2
        let store = try await TestStore(limits: limits)
        let bob = try await store.account("bob")
        try await store.send("taken", to: bob.id)
        let batch = try texts(
            store,
            [
                ("b1", bob.id, "one"), ("b2", "user:ghost", "two"), ("b3", bob.id, "three"), ("b1", bob.id, "one"),
                ("b3", bob.id, "other"), ("taken", "user:bob", "hello"), ("b4", bob.id, "four"),
            ])
        let outcomes = try await store.storage.accept(batch, from: store.appPrincipal)
        #expect(
            outcomes.map(code) == [nil, .recipientNotFound, nil, nil, .messageIDConflict, nil, nil])
        #expect(outcomes.map { (try? $0.get())?.isDuplicate } == [false, nil, false, true, nil, true, false])
        let page = try await store.inbox(bob)
        #expect(page.items.map(\.message.id) == ["taken", "b1", "b3", "b4"])
        #expect(page.items.map(\.entry.seq) == [1, 2, 3, 4])
        // A refused message leaves its id free.
        #expect(try await !store.send("b2", to: bob.id).isDuplicate)
        #expect(try await store.inbox(bob).items.map(\.entry.seq) == [1, 2, 3, 4, 5])
    }

    @Test func `many receivers end a command early, and the rest follows`() async throws {
        var limits = Limits()
        limits.commandEntriesMax = 10
        let store = try await TestStore(limits: limits)
        _ = try await store.storage.createGroup(
            id: "team", name: "", users: (0..<6).map { "u\($0)" }, tenant: store.tenant.key, at: 1)
        let before = store.storage.commits.counters.commands
        let batch = try texts(store, (0..<6).map { ("m\($0)", "team", "hi") })
        let outcomes = try await store.storage.accept(batch, from: store.appPrincipal)
        #expect(outcomes.allSatisfy { (try? $0.get())?.recipients == 6 })
        #expect(store.storage.commits.counters.commands - before == 3)
        let u3 = try await store.account("u3")
        #expect(try await store.inbox(u3).items.map(\.message.id) == (0..<6).map { "m\($0)" })
    }

    @Test func `a store that takes nothing refuses the whole batch`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        let batch = try texts(store, [("m1", bob.id, "x"), ("m2", bob.id, "y")])
        store.storage.close()
        #expect(
            await store.refusal { try await store.storage.accept(batch, from: store.appPrincipal) }?.code == .overloaded
        )
    }

    @Test func `from the part that fails on, every message is refused, and a repeat completes the batch`() async throws
    {
        var limits = Limits()
        limits.commandMessagesMax = 2
        let store = try await TestStore(limits: limits)
        let bob = try await store.account("bob")
        try await store.send("m0", to: bob.id)
        try await store.storage.commits.run { writer in
            let pages = try Int.fetchOne(writer.db, sql: "PRAGMA page_count") ?? 0
            _ = try Row.fetchAll(writer.db, sql: "PRAGMA max_page_count = \(pages + 3)")
        }
        let large = String(repeating: "x", count: 30_000)
        let batch = try texts(
            store,
            [("m1", bob.id, "a"), ("m2", bob.id, "b"), ("m3", bob.id, large), ("m4", bob.id, "d"), ("m5", bob.id, "e")])
        let outcomes = try await store.storage.accept(batch, from: store.appPrincipal)
        #expect(outcomes.map(code) == [nil, nil, .overloaded, .overloaded, .overloaded])
        #expect(try await store.inbox(bob).items.map(\.message.id) == ["m0", "m1", "m2"])
        try await store.storage.commits.run { writer in
            _ = try Row.fetchAll(writer.db, sql: "PRAGMA max_page_count = 1000000")
        }
        let again = try await store.storage.accept(batch, from: store.appPrincipal)
        #expect(again.map { (try? $0.get())?.isDuplicate } == [true, true, false, false, false])
        #expect(try await store.inbox(bob).items.map(\.message.id) == ["m0", "m1", "m2", "m3", "m4", "m5"])
    }
}
