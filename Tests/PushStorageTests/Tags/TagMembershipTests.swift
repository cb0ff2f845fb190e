import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct TagMembershipTests {
    @Test func `a tag comes to be with its first members, who get accounts`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        #expect(try await store.storage.tag(name: "vip", tenant: tenant) == nil)
        let added = try await store.storage.addMembers(["a", "b", "b"], toTag: "vip", tenant: tenant, at: 1)
        #expect(added.changed == 2 && added.memberCount == 2)
        #expect(try await store.storage.account(tenant: tenant, userID: "b") != nil)
        let again = try await store.storage.addMembers(["b", "c"], toTag: "vip", tenant: tenant, at: 2)
        #expect(again.changed == 1 && again.memberCount == 3)
        let removed = try await store.storage.removeMembers(["a", "a", "ghost"], fromTag: "vip", tenant: tenant, at: 3)
        #expect(removed.changed == 1 && removed.memberCount == 2)
        #expect(try await store.storage.account(tenant: tenant, userID: "ghost") == nil)
        #expect(try await store.storage.tag(name: "vip", tenant: tenant) == Tag(name: "vip", memberCount: 2))
        let unknown = await store.refusal {
            try await store.storage.removeMembers(["a"], fromTag: "none", tenant: tenant, at: 4)
        }
        #expect(unknown?.code == .notFound)
    }

    @Test func `tags belong to a tenant and are listed by name`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        let other = try await store.storage.createTenant(no: "other", name: "O", at: 1)
        for name in ["b", "a", "c"] {
            _ = try await store.storage.addMembers(["u"], toTag: name, tenant: tenant, at: 1)
        }
        _ = try await store.storage.addMembers(["u", "v"], toTag: "a", tenant: other.key, at: 1)
        #expect(try await store.storage.tags(of: tenant, after: nil, limit: 2).map(\.name) == ["a", "b"])
        #expect(try await store.storage.tags(of: tenant, after: "b", limit: 2).map(\.name) == ["c"])
        #expect(try await store.storage.tag(name: "a", tenant: tenant)?.memberCount == 1)
        #expect(try await store.storage.tag(name: "b", tenant: other.key) == nil)
    }

    @Test func `who had a tag is known for every version of it`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        let (a, b) = (try await store.account("a"), try await store.account("b"))
        _ = try await store.storage.addMembers(["a"], toTag: "t", tenant: tenant, at: 1)  // version 2
        _ = try await store.storage.addMembers(["b"], toTag: "t", tenant: tenant, at: 1)  // 3
        _ = try await store.storage.removeMembers(["a"], fromTag: "t", tenant: tenant, at: 1)  // 4
        _ = try await store.storage.addMembers(["a", "b"], toTag: "t", tenant: tenant, at: 1)  // 5
        _ = try await store.storage.addMembers(["a", "b"], toTag: "t", tenant: tenant, at: 1)  // changes nothing
        let version = try await store.storage.file.read { try TagRow.find($0, name: "t", tenant: tenant)?.version }
        #expect(version == 5)
        let expected: [Int64: [AccountKey]] = [1: [], 2: [a.key], 3: [a.key, b.key], 4: [b.key], 5: [a.key, b.key]]
        for (version, accounts) in expected {
            let found = try await store.storage.file.read { db in
                try Int64.fetchAll(
                    db,
                    sql: """
                        SELECT account FROM tag_member WHERE joined_version <= ?1
                            AND (left_version IS NULL OR left_version > ?1) ORDER BY account
                        """,
                    arguments: [version])
            }
            #expect(found == accounts.map(\.rawValue), "version \(version)")
        }
    }
}
