import PushCore
import Testing

@testable import PushStorage

@Suite struct AliasTests {
    @Test func `a message is found by its id and by both of its aliases`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<20 {
            try await store.send("m\(number)", to: bob.id)
            store.clock.advance(700)
        }
        for number in 0..<20 {
            let message = try #require(try await store.storage.message(naming: "m\(number)", for: store.appPrincipal))
            let aliases = MessageAliases(of: message)
            #expect(try await store.storage.message(naming: aliases.msgKey, for: store.appPrincipal)?.id == message.id)
            #expect(try await store.storage.message(naming: aliases.msgID, for: store.appPrincipal)?.id == message.id)
        }
    }

    @Test func `every part of an alias counts, and so does the tenant`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        try await store.send("m1", to: bob.id)
        let message = try #require(try await store.storage.message(id: "m1", tenant: store.tenant.key))
        let aliases = MessageAliases(of: message)
        for (name, separator) in [(aliases.msgKey, "_"), (aliases.msgID, "-")] {
            for index in 0..<3 {
                var parts = name.split(separator: Character(separator)).map(String.init)
                parts[index] = String((Int64(parts[index]) ?? 0) ^ 1)
                let wrong = parts.joined(separator: separator)
                #expect(try await store.storage.message(naming: wrong, for: store.appPrincipal) == nil, "\(wrong)")
                parts[index] = "0" + parts[index]
                let padded = parts.joined(separator: separator)
                #expect(try await store.storage.message(naming: padded, for: store.appPrincipal) == nil, "\(padded)")
            }
        }
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        let stranger = Principal.app(AppIdentity(app: store.app, tenant: other, scopes: store.app.scopes))
        #expect(try await store.storage.message(naming: aliases.msgKey, for: stranger) == nil)
        #expect(try await store.storage.message(naming: aliases.msgID, for: stranger) == nil)
        for name in ["", "0_0_0", "1-2-3", "1_2", "\u{0}", "18446744073709551615_1_1", "1_1_99999999999999999999"] {
            #expect(try await store.storage.message(naming: name, for: store.appPrincipal) == nil)
        }
    }

    @Test(arguments: [true, false])
    func `nobody takes an alias by sending a message with it as its id`(_ isNative: Bool) async throws {
        let store = try await TestStore()
        let (ann, bob) = (try await store.device("ann"), try await store.device("bob"))
        let numbers = isNative ? nil : SendOptions.Numbers(sequence: 3, random: 4)
        try await send(store, "m1", to: "user:bob", as: ann, numbers)
        let first = try #require(try await store.storage.message(id: "m1", tenant: store.tenant.key))
        let name = MessageAliases(of: first).msgKey
        try await store.send(name, to: "user:ann", as: bob)
        // An app means the id; ann can change what she sent only, and bob what he sent.
        #expect(try await store.storage.message(naming: name, for: store.appPrincipal)?.id == name)
        let (annSide, bobSide) = (NamedPeer(try await store.account("ann")), NamedPeer(try await store.account("bob")))
        let conversations = store.conversations()
        let named = try await conversations.message(named: name, from: annSide, to: bobSide, as: store.appPrincipal)
        #expect(named.id == "m1")
        let older = try await conversations.history(
            of: annSide, with: bobSide, PairHistoryRequest(olderThan: name, limit: 9), as: store.appPrincipal)
        #expect(older.items.isEmpty)
        _ = try await store.storage.revoke(name, by: ann)
        #expect(try await state(store, "m1") == .revoked)
        #expect(try await state(store, name) == .live)
        _ = try await store.storage.revoke(name, by: bob)
        #expect(try await state(store, name) == .revoked)
    }

    @Test func `of several with one alias a device means the one it has, and who sent them has to say which`()
        async throws
    {
        let store = try await TestStore()
        let (ann, bob) = (try await store.device("ann"), try await store.device("bob"))
        let (cat, dan) = (try await store.device("cat"), try await store.device("dan"))
        let numbers = SendOptions.Numbers(sequence: 3, random: 4, seconds: 1_700_000_000)
        try await send(store, "toBob", to: "user:bob", as: ann, numbers)
        try await send(store, "toCat", to: "user:cat", as: ann, numbers)
        let name = "3_4_1700000000"
        #expect(try await store.storage.message(naming: name, for: bob)?.id == "toBob")
        #expect(try await store.storage.message(naming: name, for: cat)?.id == "toCat")
        #expect(try await store.storage.message(naming: name, for: dan) == nil)
        for several in [store.appPrincipal, ann] {
            let read = await store.refusal { try await store.storage.message(naming: name, for: several) }
            #expect(read?.code == .conflict && read?.detail.contains("2 messages") == true)
            #expect(await store.refusal { try await store.storage.revoke(name, by: several) }?.code == .conflict)
        }
        #expect(await store.refusal { try await store.storage.revoke(name, by: cat) }?.code == .notSender)
        #expect(await store.refusal { try await store.storage.revoke(name, by: dan) }?.code == .notFound)
        guard case .device(let device) = cat else { return }
        _ = try await store.storage.burn(name, by: device)
        #expect(try await state(store, "toCat") == .burned)
        #expect(try await state(store, "toBob") == .live)
        _ = try await store.storage.revoke("toBob", by: ann)
        #expect(try await state(store, "toBob") == .revoked)
    }

    @Test func `each message has a msgId of its own, with a sequence or without`() async throws {
        let store = try await TestStore()
        let ann = try await store.device("ann")
        try await store.account("bob")
        var names: Set<String> = []
        for (index, sequence) in ([nil, 1, 2, nil, 1] as [UInt32?]).enumerated() {
            var numbers = SendOptions.Numbers(sequence: sequence, random: 4)
            // As the tenant's service was told it: no second of its own.
            if index > 2 { numbers.asked = store.clock.now / 1000 }
            try await send(store, "m\(index)", to: "user:bob", as: ann, numbers)
            let message = try #require(try await store.storage.message(id: "m\(index)", tenant: store.tenant.key))
            names.formUnion([MessageAliases(of: message).msgID, MessageAliases(of: message).msgKey])
        }
        #expect(names.count == 10)
    }

    private func send(
        _ store: TestStore, _ id: String, to name: String, as principal: Principal, _ numbers: SendOptions.Numbers?
    ) async throws {
        var options = SendOptions()
        options.numbers = numbers
        let message = try Message(
            parsing: .object { writer in
                writer.member("id", id)
                writer.member("to", name)
                writer.member("type", 0)
                writer.object("content") { $0.member("text", id) }
            }, as: principal, limits: store.limits, ids: IDGenerator(), now: store.clock.now, options: options)
        _ = try await store.storage.accept(message, from: principal)
    }

    private func state(_ store: TestStore, _ id: String) async throws -> ArchivedMessage.State? {
        try await store.storage.message(id: id, tenant: store.tenant.key)?.state
    }
}
