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
        let tenant = store.tenant.key
        for number in 0..<20 {
            let message = try #require(try await store.storage.message(naming: "m\(number)", tenant: tenant))
            let aliases = MessageAliases(of: message)
            #expect(try await store.storage.message(naming: aliases.msgKey, tenant: tenant)?.id == message.id)
            #expect(try await store.storage.message(naming: aliases.msgID, tenant: tenant)?.id == message.id)
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
                #expect(try await store.storage.message(naming: wrong, tenant: store.tenant.key) == nil, "\(wrong)")
                parts[index] = "0" + parts[index]
                let padded = parts.joined(separator: separator)
                #expect(try await store.storage.message(naming: padded, tenant: store.tenant.key) == nil, "\(padded)")
            }
        }
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        #expect(try await store.storage.message(naming: aliases.msgKey, tenant: other.key) == nil)
        #expect(try await store.storage.message(naming: aliases.msgID, tenant: other.key) == nil)
        for name in ["", "0_0_0", "1-2-3", "1_2", "\u{0}", "18446744073709551615_1_1", "1_1_99999999999999999999"] {
            #expect(try await store.storage.message(naming: name, tenant: store.tenant.key) == nil)
        }
    }

    @Test func `an id that looks like another message's alias is that id`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        try await store.send("m1", to: bob.id)
        let first = try #require(try await store.storage.message(id: "m1", tenant: store.tenant.key))
        let name = MessageAliases(of: first).msgKey
        try await store.send(name, to: bob.id)
        #expect(try await store.storage.message(naming: name, tenant: store.tenant.key)?.id == name)
    }
}
