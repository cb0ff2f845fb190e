import PushCore
import Testing

@testable import PushStorage

@Suite struct StatisticsTests {
    @Test func `the counts are those of the rows`() async throws {
        let store = try await TestStore()
        let storage = store.storage
        let empty = try await storage.statistics()
        #expect(empty.tenants == 1 && empty.apps == 1 && empty.accounts == 0 && empty.messages == 0)
        let ann = try await store.register("ann", code: "a").identity
        try await store.register("bob", code: "b")
        try await store.register("cid", code: "b")
        try await store.register("dan", code: "d")
        try await store.account("eve")
        try await store.send("m", to: "user:bob", as: .device(ann))
        let dan = try #require(try await storage.account(tenant: store.tenant.key, userID: "dan"))
        _ = try await storage.deleteAccount(dan.key, by: store.appIdentity, at: store.clock.now)
        let found = try await storage.statistics()
        #expect(found.accounts == 4)
        #expect(found.devices.active == 2 && found.devices.moved == 1 && found.devices.deregistered == 1)
        // The message with its two copies, and the event that tells of the moved code.
        #expect(found.messages == 2 && found.entries == 3 && found.waitingPushes == 0)
        #expect(found.writer.commands > empty.writer.commands && found.writer.failures == 0)
    }

    @Test func `the audit trail is read backwards`() async throws {
        let store = try await TestStore()
        for number in 0..<5 {
            try await store.storage.audit(actor: "operator", action: "act", subject: "\(number)", at: Int64(number))
        }
        let first = try await store.storage.auditTrail(before: nil, limit: 2)
        #expect(first.map(\.subject) == ["4", "3"] && first.map(\.at) == [4, 3])
        let rest = try await store.storage.auditTrail(before: first.last?.key, limit: 10)
        #expect(rest.map(\.subject) == ["2", "1", "0"])
    }
}
